/** Brings together what may wait for a moment, so that it shares a commit. */
export interface Gather {
  /** Resolves with the next `flush`, or after a moment. */
  wait(): Promise<void>
  flush(): void
}

/** The longest that anything waits. */
const gatherMs = 20

export const createGather = (): Gather => {
  let waiting: { readonly done: PromiseWithResolvers<void>; readonly timer: NodeJS.Timeout } | undefined
  const flush = (): void => {
    const { done, timer } = waiting ?? {}
    waiting = undefined
    clearTimeout(timer)
    done?.resolve()
  }
  return {
    wait() {
      waiting ??= { done: Promise.withResolvers<void>(), timer: setTimeout(flush, gatherMs) }
      return waiting.done.promise
    },
    flush,
  }
}
