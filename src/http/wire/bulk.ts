/** Bulks on the wire. */
import { z } from '@hono/zod-openapi'
import type { WouldBeBulk } from '../../control/create-bulk.ts'
import type { CountedBulk } from '../../control/get-bulk.ts'
import type { BulkRecipient } from '../../control/list-bulks.ts'
import {
  bulkNameCharsMax,
  bulkRecipientsMax,
  bulkStates,
  recipientStatuses,
  variableCharsMax,
  variablesMax,
  type Bulk,
} from '../../domain/bulk.ts'
import { bodySchema, bulkMessageSchema } from './body.ts'
import { nextCursorSchema, pageQuery } from './page.ts'
import { planShape } from './plan-shape.ts'
import { iso, isoOrNull, isoSchema } from './time.ts'

const toMax = 64

const to = z.string().min(1).max(toMax).openapi({
  description: 'A JID or a phone number; what is none is marked as `invalid`',
  example: '1234567890',
})
const variables = z
  .record(z.string().max(toMax), z.string().max(variableCharsMax))
  .refine((given) => Object.keys(given).length <= variablesMax, `may be ${variablesMax} at most`)
  .openapi({
    description: 'What each `{{name}}` in the text or caption becomes',
    example: { name: 'Ada' },
  })

const { priority: _, ...timing } = planShape

export const bulkBody = z
  .strictObject({
    message: bulkMessageSchema,
    recipients: z
      .array(z.union([to, z.strictObject({ to, variables: variables.optional() })]))
      .min(1)
      .max(bulkRecipientsMax),
    name: z.string().min(1).max(bulkNameCharsMax).optional(),
    ...timing,
  })
  .openapi('BulkRequest', {
    example: {
      message: { type: 'text', text: 'Hello {{name}}' },
      recipients: [{ to: '1234567890', variables: { name: 'Ada' } }],
    },
  })
/** The message is looked at by its `type`, for a better answer. */
export const bulkEnvelope = bulkBody.extend({ message: z.unknown() })

const shape = {
  id: z.string().openapi({ example: 'bulk_01jdb2v9' }),
  device: z.string(),
  name: z.string().nullable(),
  state: z.enum(bulkStates).openapi({ description: '`done`: nothing waits, and nothing is queued any more' }),
  body: bodySchema,
  total: z.int().openapi({ description: 'All recipients, the invalid ones and the duplicates too' }),
  sendAt: isoSchema.nullable(),
  expiresAt: isoSchema.nullable(),
  createdAt: isoSchema,
  startedAt: isoSchema.nullable(),
  endedAt: isoSchema.nullable(),
}
const countShape = Object.fromEntries(recipientStatuses.map((status) => [status, z.int()])) as Record<
  (typeof recipientStatuses)[number],
  z.ZodInt
>
const summarySchema = z.strictObject(shape).openapi('BulkSummary')
export const bulkSchema = z.strictObject({ ...shape, counts: z.strictObject(countShape) }).openapi('Bulk')
export const bulksSchema = z
  .strictObject({ bulks: z.array(summarySchema), nextCursor: nextCursorSchema })
  .openapi('Bulks')

const errorSchema = z.strictObject({ code: z.string(), detail: z.string() }).nullable()
const recipientSchema = z
  .strictObject({
    index: z.int(),
    to: z.string().openapi({ description: 'As it was given' }),
    chat: z.string().nullable(),
    state: z.enum(recipientStatuses),
    messageId: z.string().nullable(),
    error: errorSchema,
  })
  .openapi('BulkRecipient')
export const recipientsSchema = z
  .strictObject({ recipients: z.array(recipientSchema), nextCursor: nextCursorSchema })
  .openapi('BulkRecipients')
export const recipientsQuery = z.strictObject({ ...pageQuery, state: z.enum(recipientStatuses).optional() })

export const bulkDryRunSchema = z
  .strictObject({
    status: z.literal('dry_run'),
    total: z.int(),
    valid: z.int(),
    invalid: z.int(),
    duplicate: z.int(),
    problems: z
      .array(z.strictObject({ index: z.int(), to: z.string(), state: z.string(), error: errorSchema }))
      .openapi({ description: 'The first 100 recipients that would be left out' }),
    sample: z.array(z.strictObject({ to: z.string(), body: bulkMessageSchema })),
    sendAt: isoSchema.nullable(),
    expiresAt: isoSchema.nullable(),
  })
  .openapi('BulkDryRun')

export const toSummary = (bulk: Bulk): z.output<typeof summarySchema> => ({
  id: bulk.id,
  device: bulk.deviceId,
  name: bulk.name,
  state: bulk.state,
  body: bulk.body as z.output<typeof bodySchema>,
  total: bulk.total,
  sendAt: isoOrNull(bulk.plan.sendAt),
  expiresAt: isoOrNull(bulk.plan.expiresAt),
  createdAt: iso(bulk.createdAt),
  startedAt: isoOrNull(bulk.startedAt),
  endedAt: isoOrNull(bulk.endedAt),
})

export const toCounted = ({ bulk, counts }: CountedBulk): z.output<typeof bulkSchema> => ({
  ...toSummary(bulk),
  counts,
})

export const toRecipient = ({
  index,
  recipient,
  chat,
  status,
  messageId,
  error,
}: BulkRecipient): z.output<typeof recipientSchema> => ({
  index,
  to: recipient,
  chat,
  state: status,
  messageId,
  error,
})

export const toBulkDryRun = ({
  problems,
  plan,
  sample,
  ...counts
}: WouldBeBulk): z.output<typeof bulkDryRunSchema> => ({
  status: 'dry_run',
  ...counts,
  problems: problems.map(({ index, recipient, state, error }) => ({ index, to: recipient, state, error })),
  sample: sample.map(({ to: chat, body }) => ({ to: chat, body: { ...body } })),
  sendAt: isoOrNull(plan.sendAt),
  expiresAt: isoOrNull(plan.expiresAt),
})
