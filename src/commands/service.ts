/** Something that runs until it is stopped. */
export interface Service {
  stop(): Promise<void>
}

/** Stops services one after the other, the last started first; each gets its turn though another one fails. */
export const stopAll = async (services: readonly Service[]): Promise<void> => {
  const failures: unknown[] = []
  for (const service of services.toReversed()) {
    try {
      await service.stop()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything stopped cleanly')
}

/** The port is taken, or may not be used. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}
