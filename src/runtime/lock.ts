/** Runs work one at a time, in the order of the calls. A failure is the caller's alone: the next one runs all the same. */
export type Lock = <T>(work: () => T | Promise<T>) => Promise<T>

export const createLock = (): Lock => {
  let tail: Promise<unknown> = Promise.resolve()
  return (work) => {
    const run = tail.then(work)
    tail = run.catch(() => undefined)
    return run
  }
}
