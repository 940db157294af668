/** Tables of what feeds the outbox and slows it down. */
import { bulkStates, recipientStates, type BulkState, type RecipientState } from '../../domain/bulk.ts'
import { check, index, integer, primaryKey, sql, sqliteTable, text, uniqueIndex } from './drizzle.ts'
import { oneOf, together } from './schema.ts'

/** One message for many people. */
export const bulks = sqliteTable(
  'bulks',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    /** `bulk_…` */
    id: text('id').notNull(),
    deviceId: text('device_id').notNull(),
    /** What somebody calls it. */
    name: text('name'),
    state: text('state').$type<BulkState>().notNull(),
    /** JSON of a MessageBody, with `{{names}}` in its texts. */
    body: text('body').notNull(),
    /** JSON: what else is said of how to send it (Plan, src/domain/outbox.ts). */
    plan: text('plan').notNull(),
    senderPn: text('sender_pn').notNull(),
    senderLid: text('sender_lid'),
    senderName: text('sender_name'),
    total: integer('total').notNull(),
    idempotencyKey: text('idempotency_key'),
    requestHash: text('request_hash'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    /** When its first message was put into the outbox. */
    startedAt: integer('started_at'),
    /** When the last of its messages was sent or given up. */
    endedAt: integer('ended_at'),
  },
  (t) => [
    uniqueIndex('bulks_id').on(t.id),
    uniqueIndex('bulks_idempotency').on(t.deviceId, t.idempotencyKey).where(sql`idempotency_key is not null`),
    index('bulks_by_device').on(t.deviceId, t.seq),
    index('bulks_open').on(t.state, t.seq).where(sql`ended_at is null`),
    check('bulks_state', oneOf('state', bulkStates)),
    check('bulks_idempotency_key', together('idempotency_key', 'request_hash')),
  ],
)

/** One row for each recipient, in the order in which they were given. */
export const bulkRecipients = sqliteTable(
  'bulk_recipients',
  {
    bulkId: text('bulk_id').notNull(),
    seq: integer('seq').notNull(),
    /** As it was given. */
    recipient: text('recipient').notNull(),
    /** The JID; null for what is none. */
    chat: text('chat'),
    /** JSON: what its `{{names}}` stand for. */
    variables: text('variables'),
    state: text('state').$type<RecipientState>().notNull(),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    /** The id of its message, chosen with the bulk: it can be made only once. */
    messageId: text('message_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.bulkId, t.seq] }),
    index('bulk_recipients_waiting').on(t.bulkId, t.seq).where(sql`state = 'waiting'`),
    check('bulk_recipients_state', oneOf('state', recipientStates)),
    check('bulk_recipients_error', together('error_code', 'error_detail')),
  ],
)

/** What a paced device has tried to send in the last day. */
export const pacedSends = sqliteTable(
  'paced_sends',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    deviceId: text('device_id').notNull(),
    at: integer('at').notNull(),
    /** 1 for the first message to a chat. */
    newChat: integer('new_chat').notNull(),
    /** How long nothing was to follow it. */
    gapMs: integer('gap_ms').notNull(),
    /** Of a new chat: how long no other was to follow it. */
    newChatGapMs: integer('new_chat_gap_ms').notNull(),
  },
  (t) => [
    index('paced_sends_by_device').on(t.deviceId, t.at),
    index('paced_sends_new_chats').on(t.deviceId, t.at).where(sql`new_chat = 1`),
  ],
)

/** Whether numbers are on WhatsApp, as the server last said. */
export const numbers = sqliteTable('numbers', {
  /** Digits. */
  number: text('number').primaryKey(),
  /** How WhatsApp writes it; null: it is not there. */
  jid: text('jid'),
  checkedAt: integer('checked_at').notNull(),
})
