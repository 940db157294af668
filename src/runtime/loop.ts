/** A loop that ticks when it is poked and, because a poke may be lost, at least every `pollMs`. */
export interface Loop {
  /** A hint that there is work. Pokes that come during a tick cause one more tick after it. */
  poke(): void
  /** Stops after the running tick; resolves when it has ended. Calling it twice is harmless. */
  stop(): Promise<void>
}

export interface LoopOptions {
  /** One pass over the work. May return the ms until it wants to run again, sooner than `pollMs`. */
  readonly tick: () => Promise<number | undefined>
  readonly pollMs: number
  /** A tick that throws ends that tick, never the loop. */
  readonly onError: (error: unknown) => void
}

export const startLoop = ({ tick, pollMs, onError }: LoopOptions): Loop => {
  let stopped = false
  let poked = false
  let wake: (() => void) | undefined

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        wake = undefined
        resolve()
      }
      wake = done
    })

  const run = async (): Promise<void> => {
    while (!stopped) {
      poked = false
      let waitMs = pollMs
      try {
        waitMs = Math.min(pollMs, (await tick()) ?? pollMs)
      } catch (error) {
        onError(error)
      }
      if (!stopped && !poked) await pause(Math.max(0, waitMs))
    }
  }
  const ended = run()

  return {
    poke() {
      poked = true
      wake?.()
    },
    async stop() {
      stopped = true
      wake?.()
      await ended
    },
  }
}
