/** Time as the program sees it; passed in, so that a test can own it. */
export interface Clock {
  /** Wall clock, ms since 1970. It can jump. */
  now(): number
  /**
   * Monotonic ms since a moment that all processes of a machine share until it starts anew (`CLOCK_MONOTONIC`). It never
   * jumps, and stands still while the machine is suspended.
   */
  monotonic(): number
}

/** Both clocks at once. */
export const readClock = (clock: Clock): { readonly wall: number; readonly mono: number } => ({
  wall: clock.now(),
  mono: clock.monotonic(),
})

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1e3 + nanoseconds / 1e6
  },
}
