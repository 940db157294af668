/** What goes to webhook endpoints, on the wire. */
import { z } from '@hono/zod-openapi'
import { attemptsShownMax, type ShownDelivery } from '../../control/webhooks/deliveries.ts'
import { redeliverLimits } from '../../control/webhooks/redeliver.ts'
import { replayLimits } from '../../control/webhooks/replay.ts'
import type { TestedWebhook } from '../../control/webhooks/test-webhook.ts'
import { eventTypes } from '../../domain/event-types.ts'
import { deliveryOrigins, deliveryStates, type Delivery, type DeliveryAttempt } from '../../domain/webhook.ts'
import { messagesQuery } from './message.ts'
import { nextCursorSchema, pageQuery } from './page.ts'
import { describeMoment, momentSchema } from './plan-shape.ts'
import { iso, isoOrNull, isoSchema } from './time.ts'

const { after, before } = messagesQuery.shape

export const deliveriesQuery = z.strictObject({
  ...pageQuery,
  state: z.enum(deliveryStates).optional(),
  type: z.enum(eventTypes).optional(),
  device: z.string().min(1).optional(),
  after,
  before,
})

export const redeliverBody = z
  .strictObject({
    since: momentSchema.openapi(describeMoment('Those that were made then or later')),
  })
  .openapi('RedeliverRequest', { example: { since: '2026-12-24T18:00:00Z' } })

export const replayBody = z
  .strictObject({
    after: z.int().min(0).openapi({ description: 'The `seq` of the last event that is not sent again' }),
    until: z
      .int()
      .min(0)
      .optional()
      .openapi({ description: 'The last one that is; without it the newest that there is' }),
  })
  .refine(({ after, until }) => until === undefined || until >= after, 'until: must not be less than after')
  .openapi('ReplayRequest', { example: { after: 1200, until: 1500 } })

const errorSchema = z
  .strictObject({ code: z.string().openapi({ example: 'timeout' }), detail: z.string() })
  .nullable()

export const deliverySchema = z
  .strictObject({
    id: z.string().openapi({ example: 'dlv_01jdb2v9x4k7q2m5n8p3r6t9w1' }),
    webhook: z.string(),
    eventId: z
      .string()
      .openapi({ description: 'The `webhook-id` under which it is sent, by every delivery of the event' }),
    eventSeq: z.int(),
    type: z.string().openapi({ example: 'message.received' }),
    device: z.string().nullable(),
    origin: z.enum(deliveryOrigins),
    state: z.enum(deliveryStates),
    attempts: z.int(),
    dueAt: isoSchema.nullable(),
    lastStatus: z.int().nullable(),
    error: errorSchema,
    createdAt: isoSchema,
    attemptedAt: isoSchema.nullable(),
    settledAt: isoSchema.nullable(),
  })
  .openapi('Delivery')

const attemptSchema = z
  .strictObject({
    number: z.int().openapi({ description: 'From 1' }),
    at: isoSchema,
    durationMs: z.int(),
    status: z.int().nullable().openapi({ description: 'Null: there was no answer' }),
    responseHead: z.string().nullable().openapi({ description: 'How the answer began' }),
    error: errorSchema,
  })
  .openapi('DeliveryAttempt')

export const deliveriesSchema = z
  .strictObject({ deliveries: z.array(deliverySchema), nextCursor: nextCursorSchema })
  .openapi('Deliveries')

export const shownDeliverySchema = z
  .strictObject({
    delivery: deliverySchema,
    attempts: z.array(attemptSchema).openapi({ description: `The newest ${attemptsShownMax}, oldest first` }),
    event: z
      .strictObject({
        seq: z.int(),
        id: z.string(),
        type: z.string(),
        deviceId: z.string().nullable(),
        at: isoSchema,
        data: z.record(z.string(), z.unknown()),
      })
      .nullable()
      .openapi({ description: 'Null when it is not kept any more' }),
  })
  .openapi('DeliveryDetail')

export const testedSchema = z
  .strictObject({
    delivery: deliverySchema,
    attempt: attemptSchema.nullable().openapi({ description: 'Null: nobody has tried yet' }),
  })
  .openapi('WebhookTest')

export const redeliveredSchema = z
  .strictObject({
    count: z.int(),
    complete: z
      .boolean()
      .openapi({ description: `False after ${redeliverLimits.most} of them: ask again for the others` }),
  })
  .openapi('Redelivered')

export const replayedSchema = z
  .strictObject({
    count: z.int().openapi({ description: 'Of deliveries that were made' }),
    nextAfter: z
      .int()
      .nullable()
      .openapi({
        description: `Where to go on, after ${replayLimits.most} events; null at the end`,
      }),
  })
  .openapi('Replayed')

export const toDelivery = (delivery: Delivery): z.output<typeof deliverySchema> => ({
  id: delivery.id,
  webhook: delivery.endpointId,
  eventId: delivery.eventId,
  eventSeq: delivery.eventSeq,
  type: delivery.eventType,
  device: delivery.deviceId,
  origin: delivery.origin,
  state: delivery.state,
  attempts: delivery.attempts,
  dueAt: isoOrNull(delivery.dueAt),
  lastStatus: delivery.lastStatus,
  error: delivery.error,
  createdAt: iso(delivery.createdAt),
  attemptedAt: isoOrNull(delivery.attemptedAt),
  settledAt: isoOrNull(delivery.settledAt),
})

const toAttempt = ({ at, ...rest }: DeliveryAttempt): z.output<typeof attemptSchema> => ({
  ...rest,
  at: iso(at),
})

export const toTested = ({ delivery, attempt }: TestedWebhook): z.output<typeof testedSchema> => ({
  delivery: toDelivery(delivery),
  attempt: attempt === null ? null : toAttempt(attempt),
})

export const toShownDelivery = ({
  delivery,
  attempts,
  event,
}: ShownDelivery): z.output<typeof shownDeliverySchema> => ({
  delivery: toDelivery(delivery),
  attempts: attempts.map(toAttempt),
  event:
    event === null
      ? null
      : {
          seq: event.seq,
          id: event.id,
          type: event.type,
          deviceId: event.deviceId,
          at: iso(event.at),
          data: { ...event.data },
        },
})
