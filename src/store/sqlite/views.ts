/** The tables as people read them in the `sqlite3` shell: ISO times, one address, no keys, QR texts or pairing codes. */
import { sql, sqliteView } from './drizzle.ts'

const iso = (column: string) =>
  sql.raw(`strftime('%Y-%m-%dT%H:%M:%fZ', ${column} / 1000.0, 'unixepoch') as ${column.split('.').at(-1)}`)

/** Now in ms, in words that the `sqlite3` of older systems knows too: `unixepoch('subsec')` came with SQLite 3.42. */
const nowMs = `(julianday('now') - 2440587.5) * 86400000.0`

/** A status is true while somebody holds the lease; without one it is shown as the API shows it (shown-status.ts). */
const believed = sql.raw(`case
    when d.status in ('disconnected', 'starting') or l.expires_at > ${nowMs} then d.status
    when d.account_pn is null then 'connecting'
    else 'reconnecting'
  end as status`)

export const vDevices = sqliteView('v_devices', {}).as(sql`
select d.id, d.desired, ${believed}, d.reason, d.detail, ${iso('d.status_at')},
  d.account_pn as phone, d.account_lid as lid, d.push_name, d.generation, d.settled_generation,
  d.status as stored_status, l.owner as connector, strftime('%Y-%m-%dT%H:%M:%fZ', l.expires_at / 1000.0, 'unixepoch') as lease_expires_at, ${iso('d.qr_expires_at')}, ${iso('d.pairing_requested_at')}, ${iso('d.not_before')},
  ${iso('d.started_at')}, ${iso('d.paired_at')}, ${iso('d.last_connected_at')},
  ${iso('d.unlink_requested_at')}, ${iso('d.removed_at')}, ${iso('d.created_at')}, ${iso('d.updated_at')},
  ${iso('d.restricted_until')}, d.pacing
from devices d left join leases l on l.name = 'device/' || d.id`)

/** Each status with the time that it lasted: `until` is null for the one that lasts. */
export const vDeviceHistory = sqliteView('v_device_history', {}).as(sql`
select seq, device_id, ${iso('at')}, ${iso('until')}, round((until - at) / 1000.0, 3) as seconds, previous, status, reason, detail
from (select *, lead(at) over (partition by device_id order by seq) as until from status_history)`)

/** What could not be decrypted and was asked for again, as the API shows it (message.ts). */
const shown = sql.raw(
  `case when type = 'undecryptable' and status <> 'failed' then 'pending' else status end as status`,
)

export const vMessages = sqliteView('v_messages', {}).as(sql`
select seq, id, device_id, direction, coalesce(chat_pn, chat_lid) as chat, coalesce(sender_pn, sender_lid) as sender,
  sender_name, type, text, ${shown}, error_code, error_detail, attempts, ${iso('created_at')}, ${iso('sending_at')},
  ${iso('sent_at')}, ${iso('delivered_at')}, ${iso('read_at')}, ${iso('played_at')}, ${iso('failed_at')},
  ${iso('whatsapp_at')}, whatsapp_id, body, target_id, ${iso('edited_at')}, ${iso('deleted_at')}, ${iso('starred_at')},
  ${iso('pinned_until')}, ${iso('deleted_for_me_at')}
from messages`)

const step = (name: string) =>
  sql.raw(`select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, ${name}_at as moment, '${name}' as step,
    ${name === 'failed' ? `error_code || ': ' || error_detail` : 'null'} as detail from messages where ${name}_at is not null`)

/** What happened to each message, a row for each step. */
export const vMessageTimeline = sqliteView('v_message_timeline', {}).as(sql`
select message_id, device_id, chat, direction, strftime('%Y-%m-%dT%H:%M:%fZ', moment / 1000.0, 'unixepoch') as at, step, detail from (
  select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, created_at as moment,
    case when direction = 'inbound' then 'received' when id = whatsapp_id then 'queued' else 'stored' end as step, null as detail
  from messages
  union all ${step('sending')} union all ${step('sent')} union all ${step('delivered')} union all ${step('read')}
  union all ${step('played')} union all ${step('failed')} union all ${step('edited')} union all ${step('deleted')}
  union all select c.message_id, c.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, c.at,
    'before ' || c.kind, c.text from message_changes c join messages m on m.id = c.message_id
  union all select r.message_id, r.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, r.at,
    'reaction', coalesce(r.by_pn, r.by_lid) || ' ' || r.emoji from reactions r join messages m on m.id = r.message_id
  union all select r.message_id, r.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, r.delivered_at,
    'delivered to member', coalesce(r.by_pn, r.by_lid) from receipts r join messages m on m.id = r.message_id where r.delivered_at is not null
  union all select r.message_id, r.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, r.read_at,
    'read by member', coalesce(r.by_pn, r.by_lid) from receipts r join messages m on m.id = r.message_id where r.read_at is not null
)`)

export const vMessageChanges = sqliteView('v_message_changes', {}).as(sql`
select seq, message_id, device_id, kind, coalesce(by_pn, by_lid) as changed_by, ${iso('at')}, text as text_before, body as body_before, act_id
from message_changes`)

export const vReactions = sqliteView('v_reactions', {}).as(sql`
select message_id, device_id, coalesce(by_pn, by_lid) as sender, emoji, ${iso('at')}, act_id from reactions where emoji <> ''`)

export const vPollVotes = sqliteView('v_poll_votes', {}).as(sql`
select message_id, device_id, coalesce(by_pn, by_lid) as sender, options, ${iso('at')}, act_id from poll_votes`)

export const vReceipts = sqliteView('v_receipts', {}).as(sql`
select message_id, device_id, coalesce(by_pn, by_lid) as member, ${iso('delivered_at')}, ${iso('read_at')}, ${iso('played_at')}
from receipts`)

export const vMedia = sqliteView('v_media', {}).as(sql`
select seq, id, device_id, message_id, source, state, mimetype, bytes, filename, width, height, seconds, sha256, attempts,
  error_code, error_detail, ${iso('due_at')}, ${iso('created_at')}, ${iso('stored_at')}, ${iso('removed_at')}
from media`)

export const vOperations = sqliteView('v_operations', {}).as(sql`
select seq, id, device_id, kind, state, input, result, attempts, error_code, error_detail, owner, ${iso('due_at')},
  ${iso('created_at')}, ${iso('updated_at')}, idempotency_key
from operations`)

export const vOutbox = sqliteView('v_outbox', {}).as(sql`
select seq, message_id, device_id, chat, state, ${iso('due_at')}, attempts, owner, epoch, error_code, error_detail,
  idempotency_key, ${iso('created_at')}, ${iso('retried_at')}, ${iso('updated_at')}, rank, ${iso('send_at')},
  ${iso('expires_at')}, typing_ms, parked_for, held_for, uncertain, bulk_id
from outbox`)

export const vBulks = sqliteView('v_bulks', {}).as(sql`
select id, device_id, name, state, total, body, plan, sender_pn as sender, idempotency_key, ${iso('created_at')}, ${iso('updated_at')},
  ${iso('started_at')}, ${iso('ended_at')}
from bulks`)

export const vBulkRecipients = sqliteView('v_bulk_recipients', {}).as(sql`
select bulk_id, seq, recipient, chat, variables, state, error_code, error_detail, message_id from bulk_recipients`)

export const vNumbers = sqliteView('v_numbers', {}).as(sql`
select number, jid, ${iso('checked_at')} from numbers`)

export const vLeases = sqliteView('v_leases', {}).as(sql`
select name, owner, epoch, ${iso('expires_at')} from leases`)

export const vEvents = sqliteView('v_events', {}).as(sql`
select seq, id, ${iso('at')}, type, device_id, data from events`)

/** Where events go; secrets and values of headers stay out. */
export const vWebhooks = sqliteView('v_webhooks', {}).as(sql`
select id, url, description, state, disabled_reason, disabled_seq, filter, format, media, ordered, concurrency, failures,
  ${iso('failing_since')}, ${iso('not_before')}, ${iso('previous_secret_until')}, ${iso('created_at')}, ${iso('updated_at')}
from webhook_endpoints`)

export const vDeliveries = sqliteView('v_deliveries', {}).as(sql`
select d.seq, d.id, d.endpoint_id, e.url, d.event_seq, d.event_id, d.event_type, d.device_id, d.origin, d.state, d.attempts,
  ${iso('d.due_at')}, d.last_status, d.error_code, d.error_detail, ${iso('d.created_at')}, ${iso('d.attempted_at')}, ${iso('d.settled_at')}
from webhook_deliveries d left join webhook_endpoints e on e.id = d.endpoint_id`)

export const vDeliveryAttempts = sqliteView('v_delivery_attempts', {}).as(sql`
select delivery_id, number, ${iso('at')}, duration_ms, status, error_code, error_detail, response_head from webhook_attempts`)

/** Who did what: `actor` is the kind, with the id of a process where there is one. */
export const vAudit = sqliteView('v_audit', {}).as(sql`
select seq, id, ${iso('at')}, actor_kind || coalesce(' ' || actor_id, '') as actor, address, action, target_kind, target_id,
  before, after, request_id, erased_by, hash
from audit_entries`)

export const vAuditCheckpoints = sqliteView('v_audit_checkpoints', {}).as(sql`
select seq, ${iso('at')}, entry_seq, count, hash from audit_checkpoints`)
