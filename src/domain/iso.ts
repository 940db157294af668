/** The furthest times that ISO 8601 can show in JavaScript. */
const timeMsMax = 8.64e15

/** A moment as people and programs outside read it: ISO 8601 in UTC with milliseconds. */
// Of a moment that is given, a date is as pure as a number.
// oxlint-disable-next-line no-restricted-globals
export const iso = (ms: number): string => new Date(ms).toISOString()

/** Null too for a time that no calendar shows: some come from other people's phones. */
export const isoOrNull = (ms: number | null): string | null =>
  ms === null || Math.abs(ms) > timeMsMax ? null : iso(ms)
