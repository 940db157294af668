import type { Config } from '../config.ts'
import { erasePerson, personToErase } from '../control/erase-person.ts'
import { GatewayError } from '../domain/errors.ts'
import { systemClock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { openBlobs } from './open-blobs.ts'
import { openData } from './open-data.ts'

export interface EraseCommand {
  readonly person: string
  /** Without it nothing is erased; it only says who would be. */
  readonly isSure: boolean
  readonly print: (text: string) => void
}

const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `  ${name}: ${count}\n`)
    .join('')

/** Erases a person, beside a running gateway or without one. Resolves with whether it has. */
export const erase = async (
  config: Config,
  log: Log,
  { person, isSure, print }: EraseCommand,
): Promise<boolean> => {
  const store = await openData(config, log)
  try {
    const addresses = await personToErase({ store }, person)
    if (!isSure) {
      print(`This erases ${addresses.join(' and ')} from ${config.dataDir} for good. Add --yes to do it.\n`)
      return false
    }
    const origin = { actor: { kind: 'cli' as const }, requestId: newId('cli', systemClock.now()) }
    const ctx = { store, blobs: await openBlobs(config), clock: systemClock, origin }
    const { erased, left } = await erasePerson(ctx, { person })
    print(`Erased:\n${counted(erased)}`)
    if (Object.keys(left).length > 0) {
      print(
        `Left, since devices are running or it is on its way (stop the gateway and erase again):\n${counted(left)}`,
      )
    }
    return true
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    print(`${error.message}.\n`)
    return false
  } finally {
    await store.close()
  }
}
