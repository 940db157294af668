/**
 * What a chaos scenario is. Each lives in a file of its own, is listed in run.ts, and has a `.test.ts` beside it that
 * runs it short as a part of `npm test`.
 */
import type { SeededRandom } from './random.ts'

/** An invariant and what was seen of it. */
export interface Check {
  /** A fact, as in the name of a test: `accepted messages that were lost`. */
  readonly what: string
  readonly wanted: string
  readonly seen: string | number
  readonly holds: boolean
}

export interface Report {
  readonly checks: readonly Check[]
  /** What was done and measured, for the reader; nothing is judged by it. */
  readonly facts: Readonly<Record<string, string | number>>
}

export interface Run {
  /** `short` is a part of `npm test`: half a minute at most. `full` is the proof. */
  readonly scale: 'short' | 'full'
  readonly seed: number
  /** How often to do what the scenario does, in place of what its scale says. */
  readonly cycles?: number
  readonly random: SeededRandom
  /** One line of progress. */
  readonly print: (line: string) => void
}

export interface Scenario {
  /** One word or two with a dash: the argument of `npm run test:chaos`. */
  readonly name: string
  readonly title: string
  run(run: Run): Promise<Report>
}

/** A check that `seen` is exactly `wanted`. */
export const exactly = (what: string, wanted: string | number, seen: string | number): Check => ({
  what,
  wanted: String(wanted),
  seen,
  holds: seen === wanted,
})

/** A check that `seen`, rounded for the table, is `limit` at most. */
export const atMost = (what: string, limit: number, seen: number, unit = ''): Check => ({
  what,
  wanted: `at most ${limit}${unit === '' ? '' : ` ${unit}`}`,
  seen: Math.round(seen * 100) / 100,
  holds: seen <= limit,
})

/** A check that `seen`, rounded for the table, is `limit` at least: that a run did what it says. */
export const atLeast = (what: string, limit: number, seen: number, unit = ''): Check => ({
  what,
  wanted: `at least ${limit}${unit === '' ? '' : ` ${unit}`}`,
  seen: Math.round(seen * 100) / 100,
  holds: seen >= limit,
})
