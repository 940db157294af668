/** Tables of what goes out to other systems. */
import {
  deliveryOrigins,
  deliveryStates,
  endpointStates,
  mediaWays,
  payloadFormats,
  type DeliveryOrigin,
  type DeliveryState,
  type EndpointState,
  type MediaWay,
  type PayloadFormat,
} from '../../domain/webhook.ts'
import type { EventType } from '../../domain/event.ts'
import { check, index, integer, sql, sqliteTable, text, uniqueIndex } from './drizzle.ts'
import { oneOf, together } from './schema.ts'

/** Where events are sent. One that was removed stays as a row, without its secrets. */
export const webhookEndpoints = sqliteTable(
  'webhook_endpoints',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    /** `whk_…` */
    id: text('id').notNull(),
    url: text('url').notNull(),
    description: text('description'),
    state: text('state').$type<EndpointState>().notNull(),
    disabledReason: text('disabled_reason'),
    /** The newest event when it was disabled: those after it were not sent. */
    disabledSeq: integer('disabled_seq'),
    /** `whsec_` and base64. */
    secret: text('secret').notNull(),
    previousSecret: text('previous_secret'),
    previousSecretUntil: integer('previous_secret_until'),
    /** JSON of an EndpointFilter (src/domain/webhook.ts). */
    filter: text('filter').notNull(),
    /** JSON: headers by name. */
    headers: text('headers').notNull(),
    format: text('format').$type<PayloadFormat>().notNull(),
    media: text('media').$type<MediaWay>().notNull(),
    /** 1: the events of one device one after the other. */
    ordered: integer('ordered').notNull(),
    concurrency: integer('concurrency').notNull(),
    /** So many attempts have failed since the last that did not. */
    failures: integer('failures').notNull(),
    failingSince: integer('failing_since'),
    /** No attempt before. */
    notBefore: integer('not_before'),
    /** What failed before it came back is tried again soon. */
    recoveredAt: integer('recovered_at'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('webhook_endpoints_id').on(t.id),
    check('webhook_endpoints_state', oneOf('state', endpointStates)),
    check('webhook_endpoints_format', oneOf('format', payloadFormats)),
    check('webhook_endpoints_media', oneOf('media', mediaWays)),
    check('webhook_endpoints_previous', together('previous_secret', 'previous_secret_until')),
    check('webhook_endpoints_disabled', sql`state <> 'disabled' or disabled_reason is not null`),
  ],
)

/**
 * One event on its way to one endpoint. `due_at` is set while it may be tried; where events keep their order, only on the
 * first of each device that is not settled.
 */
export const webhookDeliveries = sqliteTable(
  'webhook_deliveries',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    /** `dlv_…` */
    id: text('id').notNull(),
    endpointId: text('endpoint_id').notNull(),
    eventSeq: integer('event_seq').notNull(),
    eventId: text('event_id').notNull(),
    eventType: text('event_type').$type<EventType>().notNull(),
    deviceId: text('device_id'),
    origin: text('origin').$type<DeliveryOrigin>().notNull(),
    state: text('state').$type<DeliveryState>().notNull(),
    /** In all; those of the present round count from `round_from`. */
    attempts: integer('attempts').notNull(),
    roundFrom: integer('round_from').notNull(),
    dueAt: integer('due_at'),
    owner: text('owner'),
    epoch: integer('epoch'),
    /** HTTP status of the last answer. */
    lastStatus: integer('last_status'),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    createdAt: integer('created_at').notNull(),
    attemptedAt: integer('attempted_at'),
    settledAt: integer('settled_at'),
  },
  (t) => [
    uniqueIndex('webhook_deliveries_id').on(t.id),
    index('webhook_deliveries_due').on(t.endpointId, t.dueAt, t.seq).where(sql`due_at is not null`),
    index('webhook_deliveries_open')
      .on(t.endpointId, t.deviceId, t.seq)
      .where(sql`state in ('waiting', 'sending')`),
    index('webhook_deliveries_sending').on(t.seq).where(sql`state = 'sending'`),
    index('webhook_deliveries_by_endpoint').on(t.endpointId, t.seq),
    index('webhook_deliveries_by_state').on(t.endpointId, t.state, t.seq),
    index('webhook_deliveries_by_event').on(t.eventSeq),
    index('webhook_deliveries_settled').on(t.settledAt).where(sql`settled_at is not null`),
    check('webhook_deliveries_state', oneOf('state', deliveryStates)),
    check('webhook_deliveries_origin', oneOf('origin', deliveryOrigins)),
    check('webhook_deliveries_due_at', sql`due_at is null or state = 'waiting'`),
    check(
      'webhook_deliveries_sending',
      sql`(state = 'sending') = (owner is not null) and ${together('owner', 'epoch')}`,
    ),
    check('webhook_deliveries_settled', sql`(settled_at is null) = (state in ('waiting', 'sending'))`),
    check('webhook_deliveries_error', together('error_code', 'error_detail')),
  ],
)

export const webhookAttempts = sqliteTable(
  'webhook_attempts',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    deliveryId: text('delivery_id').notNull(),
    /** From 1. */
    number: integer('number').notNull(),
    at: integer('at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** HTTP status; null when there was no answer. */
    status: integer('status'),
    /** The first bytes of the answer: its headers and its body. */
    responseHead: text('response_head'),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
  },
  (t) => [
    index('webhook_attempts_by_delivery').on(t.deliveryId, t.seq),
    check('webhook_attempts_error', together('error_code', 'error_detail')),
  ],
)
