/** How and when a message is to be sent, on the wire. */
import { z } from '@hono/zod-openapi'
import type { ScheduledMessage } from '../../control/list-scheduled.ts'
import type { ShownPlan } from '../../control/message-plan.ts'
import { priorities } from '../../domain/plan.ts'
import { messageSchema, toMessage } from './message.ts'
import { nextCursorSchema } from './page.ts'
import { describeMoment, momentSchema, planShape } from './plan-shape.ts'
import { isoOrNull, isoSchema } from './time.ts'

export const changeBody = (body: z.ZodType) =>
  z
    .strictObject({
      ...planShape,
      sendAt: momentSchema
        .nullable()
        .optional()
        .openapi(describeMoment('Another time; null: as soon as it can be')),
      expiresAt: momentSchema.nullable().optional().openapi(describeMoment('Another end; null: none')),
      body: body.optional(),
    })
    .openapi('ChangeRequest', { example: { sendAt: '2026-12-24T18:00:00Z' } })

export const planSchema = z
  .strictObject({
    priority: z.enum(priorities),
    sendAt: isoSchema.nullable(),
    expiresAt: isoSchema.nullable(),
    typingMs: z.int().nullable(),
    bulk: z.string().nullable().openapi({ description: 'The id of the bulk that it belongs to' }),
    waiting: z
      .strictObject({
        reason: z.enum([
          'send_at',
          'bulk_paused',
          'quiet_hours',
          'gap',
          'messages_per_minute',
          'messages_per_day',
          'new_chat_gap',
          'new_chats_per_day',
          'restricted',
        ]),
        until: isoSchema.nullable(),
      })
      .nullable()
      .openapi({ description: 'Why it does not leave now, and until when; this counts as no attempt' }),
  })
  .openapi('Plan')

const scheduledMessageSchema = z
  .strictObject({ ...messageSchema.shape, plan: planSchema })
  .openapi('ScheduledMessage')

export const toPlan = (plan: ShownPlan): z.output<typeof planSchema> => ({
  priority: plan.priority,
  sendAt: isoOrNull(plan.sendAt),
  expiresAt: isoOrNull(plan.expiresAt),
  typingMs: plan.typingMs,
  bulk: plan.bulkId,
  waiting:
    plan.waiting === null ? null : { reason: plan.waiting.reason, until: isoOrNull(plan.waiting.until) },
})

export const toScheduled = ({
  message,
  plan,
}: ScheduledMessage): z.output<typeof scheduledMessageSchema> => ({
  ...toMessage(message),
  plan: toPlan({ ...plan, waiting: { reason: 'send_at', until: plan.sendAt } }),
})

export const scheduledSchema = z
  .strictObject({ messages: z.array(scheduledMessageSchema), nextCursor: nextCursorSchema })
  .openapi('Scheduled')
