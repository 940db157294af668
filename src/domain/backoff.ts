/** A number in [0, 1); passed in, so that a test can own it. */
export type Random = () => number

export interface BackoffLimits {
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * How long to wait before attempt `attempt + 1`: exponential, between half of it and all of it by chance, so that
 * many who failed at once do not come back at once.
 */
export const backoffMs = (attempt: number, { baseMs, maxMs }: BackoffLimits, random: Random): number => {
  const exponent = Math.min(Math.max(0, attempt - 1), 30)
  const full = Math.min(maxMs, baseMs * 2 ** exponent)
  return Math.round(full / 2 + (full / 2) * random())
}
