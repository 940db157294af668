/** The operation did not settle in time. Whether it took effect is unknown. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
  readonly what: string
  readonly afterMs: number
  constructor(what: string, afterMs: number) {
    super(`${what} took longer than ${afterMs} ms`)
    this.what = what
    this.afterMs = afterMs
  }
}

/** Waits for `work`, at most `ms`; then rejects with DeadlineError. The work itself is not stopped. */
export const withDeadline = async <T>(work: Promise<T>, ms: number, what: string): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new DeadlineError(what, ms)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves after `ms`, or at once when the signal aborts; never rejects. */
export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
