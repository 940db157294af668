import { z } from '@hono/zod-openapi'

/** The furthest times that ISO 8601 can show in JavaScript. */
const timeMsMax = 8.64e15

/** A time on the wire: ISO 8601 in UTC with milliseconds. */
export const isoSchema = z.iso
  .datetime({ precision: 3 })
  .openapi({ description: 'ISO 8601 in UTC with milliseconds', example: '2025-11-16T02:18:05.123Z' })

export const iso = (ms: number): string => new Date(ms).toISOString()

/** Null too for a time that no calendar shows: some come from other people's phones. */
export const isoOrNull = (ms: number | null): string | null =>
  ms === null || Math.abs(ms) > timeMsMax ? null : iso(ms)
