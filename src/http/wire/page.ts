import { z } from '@hono/zod-openapi'
import { pageLimitDefault, pageLimitMax } from '../../control/page.ts'

const cursorCharsMax = 512

/** The parameters of every list that comes in pages. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,3}$/, `must be a whole number from 1 to ${pageLimitMax}`)
    .transform(Number)
    .refine((n) => n >= 1 && n <= pageLimitMax, `must be a whole number from 1 to ${pageLimitMax}`)
    .default(pageLimitDefault)
    .openapi({ type: 'integer', minimum: 1, maximum: pageLimitMax, default: pageLimitDefault }),
  cursor: z
    .string()
    .min(1)
    .max(cursorCharsMax)
    .optional()
    .openapi({ description: 'The `nextCursor` of the page before' }),
}

export const nextCursorSchema = z
  .string()
  .nullable()
  .openapi({ description: 'Give it back as `cursor` to go on; null at the end' })

/** A page as the verbs want it, without a cursor that is not there. */
export const pageInput = ({
  limit,
  cursor,
}: {
  limit: number
  cursor?: string | undefined
}): { limit: number; cursor?: string } => (cursor === undefined ? { limit } : { limit, cursor })
