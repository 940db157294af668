import { z } from '@hono/zod-openapi'

export { iso, isoOrNull } from '../../domain/iso.ts'

/** A time on the wire: ISO 8601 in UTC with milliseconds. */
export const isoSchema = z.iso
  .datetime({ precision: 3 })
  .openapi({ description: 'ISO 8601 in UTC with milliseconds', example: '2025-11-16T02:18:05.123Z' })
