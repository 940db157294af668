/** Time as the program sees it; passed in, so that a test can own it. */
export interface Clock {
  /** Wall clock, ms since 1970. It can jump. */
  now(): number
  /** Monotonic ms with an arbitrary zero. It never jumps, and stands still while a machine is suspended. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
