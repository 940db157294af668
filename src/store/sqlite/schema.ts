/**
 * The tables. Plain columns only, so that another dialect can have the same: times are wall-clock ms as integers, ids
 * are text, JSON is text. Log tables have no foreign keys, since they outlive what they tell of.
 */
import {
  sql,
  blob,
  check,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from './drizzle.ts'
import type { Actor, AuditAction, NewAuditEntry } from '../../domain/audit.ts'
import { deviceStatuses, type Desired, type DeviceStatus, type StatusReason } from '../../domain/device.ts'
import type { EventType } from '../../domain/event.ts'
import {
  messageChangeKinds,
  messageStatuses,
  type MessageChangeKind,
  type Direction,
  type MessageStatus,
  type MessageType,
} from '../../domain/message.ts'
import type { HeldFor, OutboxState, ParkedFor } from '../../domain/outbox.ts'
import {
  mediaSources,
  mediaStates,
  type MediaSource,
  type MediaState,
  type RemoteKind,
} from '../../domain/media.ts'
import { operationStates, type OperationKind, type OperationState } from '../../domain/operation.ts'

const desiredStates: readonly Desired[] = ['running', 'stopped', 'removed']
const directions: readonly Direction[] = ['inbound', 'outbound']
const outboxStates: readonly OutboxState[] = ['queued', 'sending', 'sent', 'failed', 'cancelled']

export const oneOf = (column: string, words: readonly string[]) =>
  sql.raw(`"${column}" in (${words.map((word) => `'${word}'`).join(', ')})`)
export const together = (first: string, ...others: readonly string[]) =>
  sql.raw(others.map((other) => `("${first}" is null) = ("${other}" is null)`).join(' and '))

export const devices = sqliteTable(
  'devices',
  {
    id: text('id').primaryKey(),
    desired: text('desired').$type<Desired>().notNull(),
    generation: integer('generation').notNull(),
    settledGeneration: integer('settled_generation').notNull(),
    status: text('status').$type<DeviceStatus>().notNull(),
    reason: text('reason').$type<StatusReason>(),
    detail: text('detail'),
    statusAt: integer('status_at').notNull(),
    startedAt: integer('started_at').notNull(),
    notBefore: integer('not_before'),
    qrText: text('qr_text'),
    qrDataUrl: text('qr_data_url'),
    qrExpiresAt: integer('qr_expires_at'),
    pairingPhone: text('pairing_phone'),
    pairingRequestedAt: integer('pairing_requested_at'),
    pairingCode: text('pairing_code'),
    pairingError: text('pairing_error'),
    accountPn: text('account_pn'),
    accountLid: text('account_lid'),
    pushName: text('push_name'),
    pairedAt: integer('paired_at'),
    lastConnectedAt: integer('last_connected_at'),
    unlinkRequestedAt: integer('unlink_requested_at'),
    removedAt: integer('removed_at'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    /** JSON of the Pacing (src/domain/pacing.ts); null: it sends as fast as it can. */
    pacing: text('pacing'),
    /** Until then WhatsApp lets the account open no new chats. */
    restrictedUntil: integer('restricted_until'),
  },
  (t) => [
    index('devices_unsettled').on(t.id).where(sql`generation > settled_generation`),
    check('devices_desired', oneOf('desired', desiredStates)),
    check('devices_status', oneOf('status', deviceStatuses)),
    check('devices_generation', sql`settled_generation <= generation`),
    check('devices_qr', together('qr_text', 'qr_data_url', 'qr_expires_at')),
    check('devices_pairing', together('pairing_phone', 'pairing_requested_at')),
    check('devices_account', sql`account_pn is not null or (account_lid is null and push_name is null)`),
  ],
)

export const statusHistory = sqliteTable(
  'status_history',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    deviceId: text('device_id').notNull(),
    at: integer('at').notNull(),
    status: text('status').$type<DeviceStatus>().notNull(),
    previous: text('previous').$type<DeviceStatus>(),
    reason: text('reason').$type<StatusReason>(),
    detail: text('detail'),
  },
  (t) => [
    index('status_history_by_device').on(t.deviceId, t.seq),
    check('status_history_status', oneOf('status', deviceStatuses)),
    check('status_history_previous', sql`previous is null or ${oneOf('previous', deviceStatuses)}`),
  ],
)

/** In the file the columns that were added later follow `content`. */
export const messages = sqliteTable(
  'messages',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    id: text('id').notNull(),
    deviceId: text('device_id').notNull(),
    whatsappId: text('whatsapp_id').notNull(),
    direction: text('direction').$type<Direction>().notNull(),
    chatPn: text('chat_pn'),
    chatLid: text('chat_lid'),
    senderPn: text('sender_pn'),
    senderLid: text('sender_lid'),
    senderName: text('sender_name'),
    type: text('type').$type<MessageType>().notNull(),
    status: text('status').$type<MessageStatus>().notNull(),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    attempts: integer('attempts').notNull(),
    whatsappAt: integer('whatsapp_at'),
    createdAt: integer('created_at').notNull(),
    sendingAt: integer('sending_at'),
    sentAt: integer('sent_at'),
    deliveredAt: integer('delivered_at'),
    readAt: integer('read_at'),
    playedAt: integer('played_at'),
    failedAt: integer('failed_at'),
    text: text('text'),
    content: blob('content', { mode: 'buffer' }).$type<Uint8Array>(),
    /** JSON of a MessageBody (src/domain/body.ts); null for a plain text, which `text` says all of. */
    body: text('body'),
    /** Of an act on another message (a reaction, an edit…): that message's id, null while it is not here. */
    targetId: text('target_id'),
    /** The same by WhatsApp's id, of an act that came from outside. */
    targetWhatsappId: text('target_whatsapp_id'),
    editedAt: integer('edited_at'),
    deletedAt: integer('deleted_at'),
    starredAt: integer('starred_at'),
    pinnedUntil: integer('pinned_until'),
    /** JSON of a ReceivedAct (src/domain/acts.ts): an act that came from outside, as it came. */
    act: text('act'),
    deletedForMeAt: integer('deleted_for_me_at'),
  },
  (t) => [
    uniqueIndex('messages_id').on(t.id),
    // Messages that we accepted bear their WhatsApp id as their own: messages_id finds them.
    index('messages_by_whatsapp_id').on(t.deviceId, t.whatsappId).where(sql`id <> whatsapp_id`),
    index('messages_by_device').on(t.deviceId, t.createdAt),
    index('messages_by_chat_pn').on(t.deviceId, t.chatPn, t.createdAt),
    index('messages_by_chat_lid').on(t.deviceId, t.chatLid, t.createdAt).where(sql`chat_lid is not null`),
    index('messages_by_status').on(t.deviceId, t.status, t.createdAt),
    index('messages_by_direction').on(t.deviceId, t.direction, t.createdAt),
    index('messages_by_target').on(t.targetId, t.createdAt).where(sql`target_id is not null`),
    index('messages_without_target')
      .on(t.deviceId, t.targetWhatsappId)
      .where(sql`target_id is null and target_whatsapp_id is not null`),
    index('messages_by_type').on(t.deviceId, t.type, t.createdAt).where(sql`type <> 'text'`),
    index('messages_pending')
      .on(t.deviceId, t.createdAt)
      .where(sql`type = 'undecryptable' and status <> 'failed'`),
    // In words that the `sqlite3` of older systems knows too: it reads the whole schema first.
    index('messages_by_file')
      .on(sql`json_extract(body, '$.media.uploadId')`)
      .where(sql`json_extract(body, '$.media.uploadId') is not null`),
    index('messages_without_sender_pn').on(t.deviceId, t.senderLid).where(sql`sender_pn is null`),
    index('messages_without_sender_lid').on(t.deviceId, t.senderPn).where(sql`sender_lid is null`),
    check('messages_direction', oneOf('direction', directions)),
    check('messages_status', oneOf('status', messageStatuses)),
    check('messages_chat', sql`chat_pn is not null or chat_lid is not null`),
    check('messages_error', together('error_code', 'error_detail')),
    check('messages_failed', sql`status <> 'failed' or (error_code is not null and failed_at is not null)`),
  ],
)

/**
 * One row for each message that we send. `chat` is the address by which messages are kept in order. `due_at` is set
 * only on the one queued message of a chat whose turn it is; the later ones wait without it, and so does the whole
 * chat while one of its messages is `sending`. A queued message that is parked is not in the line of its chat yet. One that
 * is held has its turn, and may not use it now.
 */
export const outbox = sqliteTable(
  'outbox',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    messageId: text('message_id')
      .notNull()
      .references(() => messages.id),
    deviceId: text('device_id').notNull(),
    chat: text('chat').notNull(),
    state: text('state').$type<OutboxState>().notNull(),
    dueAt: integer('due_at'),
    owner: text('owner'),
    epoch: integer('epoch'),
    attempts: integer('attempts').notNull(),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    idempotencyKey: text('idempotency_key'),
    requestHash: text('request_hash'),
    /** Attempts and age count from there: a person had it tried again, or it came into line, or might go, only then. */
    retriedAt: integer('retried_at'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    /** Of the chats that are due the one with the lowest goes first: the place of a word in `priorities`. */
    rank: integer('rank').notNull().default(1),
    /** Not before; kept when that time has come. */
    sendAt: integer('send_at'),
    /** Given up when it is not sent by then. */
    expiresAt: integer('expires_at'),
    /** So long the recipient sees that somebody types. */
    typingMs: integer('typing_ms'),
    parkedFor: text('parked_for').$type<ParkedFor>(),
    heldFor: text('held_for').$type<HeldFor>(),
    /** 1 once nobody can say whether an attempt has arrived. */
    uncertain: integer('uncertain').notNull().default(0),
    bulkId: text('bulk_id'),
  },
  (t) => [
    uniqueIndex('outbox_message').on(t.messageId),
    uniqueIndex('outbox_idempotency')
      .on(t.deviceId, t.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    uniqueIndex('outbox_in_flight').on(t.deviceId, t.chat).where(sql`state = 'sending'`),
    index('outbox_due').on(t.deviceId, t.rank, t.dueAt).where(sql`due_at is not null`),
    index('outbox_open')
      .on(t.deviceId, t.chat, t.seq)
      .where(sql`state in ('queued', 'sending') and parked_for is null`),
    index('outbox_parked').on(t.deviceId, t.seq).where(sql`parked_for is not null`),
    index('outbox_scheduled').on(t.sendAt, t.seq).where(sql`parked_for = 'time'`),
    index('outbox_scheduled_by_device').on(t.deviceId, t.sendAt, t.seq).where(sql`parked_for = 'time'`),
    index('outbox_expiring').on(t.expiresAt).where(sql`expires_at is not null and state = 'queued'`),
    index('outbox_held').on(t.deviceId, t.rank, t.seq).where(sql`held_for is not null`),
    index('outbox_of_bulk')
      .on(t.bulkId, t.seq)
      .where(sql`bulk_id is not null and state in ('queued', 'sending')`),
    check('outbox_state', oneOf('state', outboxStates)),
    check('outbox_due', sql`due_at is null or state = 'queued'`),
    check('outbox_sending', sql`(state = 'sending') = (owner is not null) and ${together('owner', 'epoch')}`),
    check('outbox_error', together('error_code', 'error_detail')),
    check('outbox_failed', sql`state <> 'failed' or error_code is not null`),
    check('outbox_idempotency', together('idempotency_key', 'request_hash')),
  ],
)

/** What a message said before somebody edited or deleted it. */
export const messageChanges = sqliteTable(
  'message_changes',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    messageId: text('message_id').notNull(),
    deviceId: text('device_id').notNull(),
    kind: text('kind').$type<MessageChangeKind>().notNull(),
    /** The message that did it: its id. */
    actId: text('act_id').notNull(),
    byPn: text('by_pn'),
    byLid: text('by_lid'),
    at: integer('at').notNull(),
    text: text('text'),
    body: text('body'),
  },
  (t) => [
    index('message_changes_by_message').on(t.messageId, t.seq),
    check('message_changes_kind', oneOf('kind', messageChangeKinds)),
  ],
)

/** The reaction of each person to a message, as it is now, '' for one that was taken back; the acts among the messages are their history. */
export const reactions = sqliteTable(
  'reactions',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    messageId: text('message_id').notNull(),
    deviceId: text('device_id').notNull(),
    byPn: text('by_pn'),
    byLid: text('by_lid'),
    emoji: text('emoji').notNull(),
    actId: text('act_id').notNull(),
    at: integer('at').notNull(),
  },
  (t) => [index('reactions_by_message').on(t.messageId, t.seq)],
)

/** The vote of each person in a poll, as it is now. */
export const pollVotes = sqliteTable(
  'poll_votes',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    messageId: text('message_id').notNull(),
    deviceId: text('device_id').notNull(),
    byPn: text('by_pn'),
    byLid: text('by_lid'),
    /** JSON: the options that are chosen. */
    options: text('options').notNull(),
    actId: text('act_id').notNull(),
    at: integer('at').notNull(),
  },
  (t) => [index('poll_votes_by_message').on(t.messageId, t.seq)],
)

/** How far a message of ours has come with each member of its group. */
export const receipts = sqliteTable(
  'receipts',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    messageId: text('message_id').notNull(),
    deviceId: text('device_id').notNull(),
    byPn: text('by_pn'),
    byLid: text('by_lid'),
    deliveredAt: integer('delivered_at'),
    readAt: integer('read_at'),
    playedAt: integer('played_at'),
  },
  (t) => [
    index('receipts_by_message').on(t.messageId, t.seq),
    uniqueIndex('receipts_by_pn').on(t.messageId, t.byPn).where(sql`by_pn is not null`),
    uniqueIndex('receipts_by_lid').on(t.messageId, t.byLid).where(sql`by_lid is not null`),
  ],
)

/** Each file that the gateway knows of. The bytes are in the media store, under their SHA-256. */
export const media = sqliteTable(
  'media',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    /** `med_…`, the `uploadId` of bodies. */
    id: text('id').notNull(),
    /** Null for an upload that any device may send. */
    deviceId: text('device_id'),
    /** Of one that came with a message: that message's id. */
    messageId: text('message_id'),
    source: text('source').$type<MediaSource>().notNull(),
    state: text('state').$type<MediaState>().notNull(),
    /** Hex; of one that waits, what the sender says. */
    sha256: text('sha256').notNull(),
    bytes: integer('bytes').notNull(),
    mimetype: text('mimetype').notNull(),
    filename: text('filename'),
    width: integer('width'),
    height: integer('height'),
    seconds: real('seconds'),
    /** JSON: 64 numbers of 0 to 100. */
    waveform: text('waveform'),
    /** Where WhatsApp has it and its keys, as JSON with bytes in base64 (RemoteFile, src/domain/media.ts). */
    remote: text('remote'),
    attempts: integer('attempts').notNull().default(0),
    dueAt: integer('due_at'),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    createdAt: integer('created_at').notNull(),
    storedAt: integer('stored_at'),
    removedAt: integer('removed_at'),
    /** JPEG. */
    thumbnail: blob('thumbnail', { mode: 'buffer' }).$type<Uint8Array>(),
  },
  (t) => [
    uniqueIndex('media_id').on(t.id),
    index('media_by_message').on(t.messageId).where(sql`message_id is not null`),
    index('media_by_sha256').on(t.sha256),
    index('media_due').on(t.deviceId, t.dueAt).where(sql`due_at is not null`),
    index('media_stored').on(t.storedAt).where(sql`state = 'stored'`),
    check('media_source', oneOf('source', mediaSources)),
    check('media_state', oneOf('state', mediaStates)),
    check('media_error', together('error_code', 'error_detail')),
  ],
)

/** What WhatsApp's media hosts hold for us: the same file is uploaded once. */
export const mediaUploads = sqliteTable(
  'media_uploads',
  {
    deviceId: text('device_id').notNull(),
    sha256: text('sha256').notNull(),
    kind: text('kind').$type<RemoteKind>().notNull(),
    remote: text('remote').notNull(),
    uploadedAt: integer('uploaded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.deviceId, t.sha256, t.kind] })],
)

/** What a device is asked to do beside sending messages: claimed, done and recorded like the rows of the outbox. */
export const operations = sqliteTable(
  'operations',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    /** `op_…` */
    id: text('id').notNull(),
    deviceId: text('device_id').notNull(),
    kind: text('kind').$type<OperationKind>().notNull(),
    /** JSON. */
    input: text('input').notNull(),
    state: text('state').$type<OperationState>().notNull(),
    /** JSON: what it came to. */
    result: text('result'),
    dueAt: integer('due_at'),
    owner: text('owner'),
    epoch: integer('epoch'),
    attempts: integer('attempts').notNull(),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    idempotencyKey: text('idempotency_key'),
    requestHash: text('request_hash'),
  },
  (t) => [
    uniqueIndex('operations_id').on(t.id),
    uniqueIndex('operations_idempotency')
      .on(t.deviceId, t.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    index('operations_open').on(t.deviceId, t.seq).where(sql`state in ('queued', 'running')`),
    index('operations_by_device').on(t.deviceId, t.seq),
    index('operations_due').on(t.deviceId, t.dueAt).where(sql`due_at is not null`),
    check('operations_state', oneOf('state', operationStates)),
    check('operations_due_at', sql`due_at is null or state = 'queued'`),
    check(
      'operations_running',
      sql`(state = 'running') = (owner is not null) and ${together('owner', 'epoch')}`,
    ),
    check('operations_error', together('error_code', 'error_detail')),
  ],
)

/** Decrypted parts of stanzas; those of one stanza share `stanza_key` and `parts`. */
export const journal = sqliteTable(
  'journal',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    deviceId: text('device_id').notNull(),
    hash: blob('hash', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
    stanzaKey: text('stanza_key').notNull(),
    part: integer('part').notNull(),
    parts: integer('parts').notNull(),
    journaledAt: integer('journaled_at').notNull(),
    promotedAt: integer('promoted_at'),
    stanza: text('stanza').notNull(),
    plaintext: blob('plaintext', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
  },
  (t) => [
    uniqueIndex('journal_hash').on(t.deviceId, t.hash),
    index('journal_pending').on(t.deviceId, t.stanzaKey, t.parts, t.part).where(sql`promoted_at is null`),
    index('journal_promoted').on(t.deviceId, t.journaledAt).where(sql`promoted_at is not null`),
    check('journal_part', sql`part >= 0 and part < parts`),
  ],
)

export const authCreds = sqliteTable('auth_creds', {
  deviceId: text('device_id').primaryKey(),
  creds: text('creds').notNull(),
  updatedAt: integer('updated_at').notNull(),
})

export const authKeys = sqliteTable(
  'auth_keys',
  {
    deviceId: text('device_id').notNull(),
    type: text('type').notNull(),
    keyId: text('key_id').notNull(),
    bytes: blob('bytes', { mode: 'buffer' }).$type<Uint8Array>(),
    json: text('json'),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.deviceId, t.type, t.keyId] }),
    check('auth_keys_value', sql`(bytes is null) <> (json is null)`),
  ],
)

/** Creds (`type` null) and keys that were taken out of use. Never read by the gateway. */
export const authQuarantine = sqliteTable('auth_quarantine', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  deviceId: text('device_id').notNull(),
  at: integer('at').notNull(),
  reason: text('reason').notNull(),
  type: text('type'),
  keyId: text('key_id'),
  bytes: blob('bytes', { mode: 'buffer' }).$type<Uint8Array>(),
  json: text('json'),
})

export const addresses = sqliteTable(
  'addresses',
  {
    deviceId: text('device_id').notNull(),
    lid: text('lid').notNull(),
    pn: text('pn').notNull(),
    learnedAt: integer('learned_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.deviceId, t.lid] }),
    index('addresses_by_pn').on(t.deviceId, t.pn, t.learnedAt),
  ],
)

/** `owner` is null while nobody holds it; the row stays, so that its epoch can only grow. */
export const leases = sqliteTable(
  'leases',
  {
    name: text('name').primaryKey(),
    owner: text('owner'),
    epoch: integer('epoch').notNull(),
    /** For people: by the wall clock, as it was when the lease was renewed. */
    expiresAt: integer('expires_at').notNull(),
    expiresMono: integer('expires_mono').notNull().default(0),
  },
  () => [check('leases_epoch', sql`epoch >= 1`)],
)

export const events = sqliteTable(
  'events',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    id: text('id').notNull(),
    at: integer('at').notNull(),
    type: text('type').$type<EventType>().notNull(),
    /** Null for one that is about the gateway as a whole. */
    deviceId: text('device_id'),
    /** JSON, as listeners get it. */
    data: text('data').notNull(),
  },
  (t) => [index('events_by_device').on(t.deviceId, t.seq)],
)

/** What an event says whose person was erased. It keeps its place in the log, and nobody is told of it any more. */
export const erasedData = '{"erased":true}'
export const isTold = sql.raw(`"events"."data" <> '${erasedData}'`)

/**
 * A chain: `content_hash` is of the entry's own content with its salt, `hash` of that and of the `hash` before. Entries from
 * before the chain have neither. In the file the columns that were added later follow `after`.
 */
export const auditEntries = sqliteTable(
  'audit_entries',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    id: text('id').notNull(),
    at: integer('at').notNull(),
    actorKind: text('actor_kind').$type<Actor['kind']>().notNull(),
    actorId: text('actor_id'),
    requestId: text('request_id').notNull(),
    action: text('action').$type<AuditAction>().notNull(),
    targetKind: text('target_kind').$type<NewAuditEntry['target']['kind']>().notNull(),
    targetId: text('target_id').notNull(),
    before: text('before'),
    after: text('after'),
    /** The network address that the request came from. */
    address: text('address'),
    /** Chance: who knows only the hash of an entry that was erased cannot try out what it may have said. */
    salt: text('salt'),
    contentHash: text('content_hash'),
    hash: text('hash'),
    /** The id of the entry that tells of the erasure of this one's content. */
    erasedBy: text('erased_by'),
  },
  (t) => [
    index('audit_entries_by_target').on(t.targetKind, t.targetId, t.seq),
    index('audit_entries_by_time').on(t.at),
  ],
)

/** How long the chain of audit entries was, and what its last hash was: what was cut off its end shows. */
export const auditCheckpoints = sqliteTable('audit_checkpoints', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  at: integer('at').notNull(),
  /** The `seq` of the last entry. */
  entrySeq: integer('entry_seq').notNull(),
  /** How many entries there had ever been in the chain. */
  count: integer('count').notNull(),
  hash: text('hash').notNull(),
})

export const meta = sqliteTable('meta', {
  key: text('key').primaryKey(),
  value: text('value').notNull(),
})
