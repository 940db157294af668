import { z } from '@hono/zod-openapi'

export { iso, isoOrNull } from '../../domain/iso.ts'

/** A time on the wire: ISO 8601 in UTC with milliseconds. */
export const isoSchema = z.iso
  .datetime({ precision: 3 })
  .openapi({ description: 'ISO 8601 in UTC with milliseconds', example: '2025-11-16T02:18:05.123Z' })

/** Epoch milliseconds, or ISO 8601 with an offset, or a date (midnight UTC). A query turns the + of an offset into a space. */
export const timeQuery = z
  .string()
  .transform((text, check) => {
    if (/^\d{1,15}$/.test(text)) return Number(text)
    const written = text.replace(' ', '+')
    const known =
      z.iso.datetime({ offset: true }).safeParse(written).success || z.iso.date().safeParse(written).success
    if (known) return Date.parse(written)
    check.addIssue('must be milliseconds since 1970, or ISO 8601 such as 2025-11-16T02:18:05Z')
    return z.NEVER
  })
  .optional()
  .openapi({ type: 'string', example: '2025-11-16T02:18:05Z' })
