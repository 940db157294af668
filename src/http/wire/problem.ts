import { z } from '@hono/zod-openapi'

export const problemSchema = z
  .strictObject({
    type: z
      .string()
      .openapi({ description: 'Stable; names the kind of problem', example: '/problems/device-not-found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What is wrong and what to do about it, for people' }),
    instance: z.string().openapi({ description: 'The path of the request' }),
    error: z.string().openapi({ description: 'The same as `detail`' }),
    requestId: z.string().openapi({ description: 'Stands in the log and in the header X-Request-Id too' }),
    message: z
      .strictObject({ id: z.string(), code: z.string(), detail: z.string() })
      .optional()
      .openapi({ description: 'The message that WhatsApp did not take, and why' }),
    operation: z
      .strictObject({ id: z.string(), code: z.string(), detail: z.string() })
      .optional()
      .openapi({ description: 'The operation that was not done, and why' }),
    oldest: z
      .int()
      .optional()
      .openapi({ description: 'Of a cursor that is too old: the `seq` of the oldest event that is kept' }),
  })
  .openapi('Problem')

/** An answer of RFC 9457. */
export type Problem = z.output<typeof problemSchema>
