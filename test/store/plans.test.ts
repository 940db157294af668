import BetterSqlite from 'better-sqlite3'
import { beforeAll, expect, it, vi } from 'vitest'
import { parseSearch } from '../../src/domain/search.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { newFile } from './files.ts'

/** Plans that read a whole table on purpose: few rows, or only those that the partial index holds. */
const scansAllowed = [
  'SCAN devices USING INDEX sqlite_autoindex_devices_1',
  'SCAN devices USING INDEX devices_unsettled',
  'SCAN outbox USING INDEX outbox_open',
  'SCAN json_each VIRTUAL TABLE INDEX 1:',
  'SCAN messages USING INDEX messages_pending',
  'SCAN json_each VIRTUAL TABLE INDEX 3:',
  'SCAN json_tree VIRTUAL TABLE INDEX 3:',
  // The full-text index gives the rows that match, below a `rowid`; newest first by themselves.
  'SCAN message_search VIRTUAL TABLE INDEX 192:M2<',
  'SCAN message_search VIRTUAL TABLE INDEX 0:M2<',
  'SCAN outbox USING INDEX outbox_parked',
  'SCAN bulks USING INDEX bulks_open',
  'SCAN webhook_endpoints',
  'SCAN webhook_deliveries USING INDEX webhook_deliveries_sending',
  // A count up to a limit of what an index finds.
  'SCAN some',
  // SQLite's own list of the tables that count, and one row a day.
  'SCAN s',
  'SCAN audit_checkpoints',
]

/**
 * Rows that are sorted when they are read, of which there are few: what is in flight, what came in just now, and a checkpoint
 * a day. And what a search by rank has found.
 */
const sortsAllowed = [
  `"outbox"."state" = 'sending'`,
  'promoted_at is null',
  'order by bm25(',
  'from "audit_checkpoints"',
  'from audit_checkpoints',
]

interface Planned {
  readonly source: string
  readonly details: readonly string[]
}

const plans: Planned[] = []

/** All statements of a store that has listed messages by every filter. */
const statementsOf = async (file: string): Promise<readonly string[]> => {
  const prepare = vi.spyOn(BetterSqlite.prototype, 'prepare')
  const store = await openStore({ file })
  for (const chat of [undefined, '1@lid', '1@s.whatsapp.net']) {
    for (const status of [undefined, 'sent', 'pending'] as const) {
      for (const direction of [undefined, 'inbound'] as const) {
        const filter = { ...(chat && { chat }), ...(status && { status }), ...(direction && { direction }) }
        await store.messages.list({ deviceId: 'a', ...filter }, { limit: 1 })
      }
    }
  }
  const everything = {
    deviceId: 'a',
    chat: '1@lid',
    sender: '1@lid',
    type: 'text',
    after: 0,
    before: 1,
  } as const
  for (const order of ['newest', 'rank'] as const) {
    await store.search.find(parseSearch('x'), { ...everything, direction: 'inbound' }, { order, limit: 1 })
  }
  await store.chats.read({ deviceId: 'a', chat: '1@lid', end: 1 }, { limit: 1 })
  await store.chats.read({ deviceId: 'a', chat: '1@s.whatsapp.net', end: 1 }, { limit: 1 })
  for (const type of ['text', 'poll'] as const) {
    await store.messages.list({ deviceId: 'a', type }, { limit: 1 })
  }
  for (const more of [
    {},
    { state: 'failed' },
    { type: 'message.sent', deviceId: 'a', after: 0, before: 1 },
  ] as const) {
    await store.webhooks.deliveries({ endpointId: 'w', ...more }, { limit: 1 })
  }
  const whole = { actor: 'api', action: 'a', requestId: 'r', after: 0, before: 1 } as const
  for (const target of [undefined, { kind: 'device' }, { kind: 'device', id: 'a' }]) {
    for (const filter of [{}, whole, { ...whole, action: 'a.*' }]) {
      await store.audit.list({ ...filter, ...(target && { target }) }, { limit: 1 })
    }
  }
  await store.close()
  const sources = prepare.mock.calls.map(([source]) => source)
  prepare.mockRestore()
  return sources.filter(
    (source) =>
      /^(select|insert|update|delete) /.test(source) && !/sqlite_schema|__drizzle|\(\)/.test(source),
  )
}

beforeAll(async () => {
  const file = newFile()
  const statements = await statementsOf(file)
  const client = new BetterSqlite(file)
  for (const source of new Set(statements)) {
    const values = source
      .split('?')
      .slice(1)
      .map(() => null)
    const rows = client.prepare<unknown[], { detail: string }>(`explain query plan ${source}`).all(...values)
    plans.push({ source, details: rows.map(({ detail }) => detail) })
  }
  client.close()
  expect(plans.length).toBeGreaterThan(60)
})

it('no statement of the store reads a whole table', () => {
  const scans = plans.flatMap(({ source, details }) =>
    details
      .filter((detail) => detail.startsWith('SCAN') && !scansAllowed.includes(detail))
      .map((detail) => `${detail}: ${source}`),
  )
  expect(scans).toEqual([])
})

it('no statement compares with a bare parameter or has one for its limit: SQLite would compile it at every run', () => {
  const bare = /(?:=|<>|<|>|\bin \(|\bis) \?|limit \?(?! \+ 0)/i
  const conditions = plans.map(({ source }) => source.replace(/^.*? (?=where |order by |limit )/s, ''))
  expect(conditions.filter((condition) => /^(where|order|limit) /.test(condition)).length).toBeGreaterThan(40)
  expect(
    conditions.filter((condition) => /^(where|order|limit) /.test(condition) && bare.test(condition)),
  ).toEqual([])
})

it('no statement sorts more rows than are in flight, or than are on the page that it gives', () => {
  const sorts = plans.flatMap(({ source, details }) => {
    const sorted = details.filter((detail) => detail.startsWith('USE TEMP B-TREE')).length
    // A list finds the rows of its page in the order of an index, and sorts these once.
    const allowed = source.includes('indexed by messages_') ? 1 : 0
    return sorted <= allowed || sortsAllowed.some((fragment) => source.includes(fragment)) ? [] : [source]
  })
  expect(sorts).toEqual([])
})

it.each([
  ['a device', 'from "devices" where "devices"."id" = ?', 'sqlite_autoindex_devices_1 (id=?)'],
  ['the lease of a device', 'from "leases" where "leases"."name" = ?', 'sqlite_autoindex_leases_1 (name=?)'],
  ['a message', 'from "messages" where "messages"."id" = ?', 'messages_id (id=?)'],
  ['a message to write', 'update "messages" set "status"', 'messages_id (id=?)'],
  [
    'a message of another phone',
    '"whatsapp_id" = ? and id <> whatsapp_id)',
    'messages_by_whatsapp_id (device_id=? AND whatsapp_id=?)',
  ],
  [
    'whether a chat has open messages',
    `select 1 from "outbox" where (("outbox"."device_id" = ? and "outbox"."chat" = ?) and "outbox"."state" in`,
    'outbox_open (device_id=? AND chat=?)',
  ],
  [
    'an idempotency key',
    '"outbox"."idempotency_key" = ?)',
    'outbox_idempotency (device_id=? AND idempotency_key=?)',
  ],
  ['what is due', '"outbox"."due_at" <= ?', 'outbox_due (device_id=?'],
  ['when the next is due', 'min("due_at") from "outbox"', 'outbox_due (device_id=? AND rank=? AND due_at>?)'],
  ['an outbox row', 'update "outbox" set "chat" = ?, "state"', 'outbox_message (message_id=?)'],
  ['a file', 'from "media" where "media"."id" = ?', 'media_id (id=?)'],
  ['which files are due', '"media"."due_at" <= ?', 'media_due (device_id=?'],
  ['when the next file is due', 'min("due_at") from "media"', 'media_due (device_id=?'],
  ['the files of some bytes', '"media"."sha256" in (select value', 'media_by_sha256 (sha256=?)'],
  ['the oldest files', '"media"."stored_at" < ?', 'media_stored (stored_at<?)'],
  ['what messages need that are not sent', `select "messages"."body" ->>`, 'outbox_'],
  ['whose time has come', '"outbox"."send_at" <= ?', 'outbox_scheduled (send_at<?)'],
  ['what is scheduled next', 'min("send_at")', 'outbox_scheduled'],
  ['what has expired', '"outbox"."expires_at" <= ?', 'outbox_expiring (expires_at>? AND expires_at<?)'],
  ['what expires next', 'min("expires_at")', 'outbox_expiring'],
  [
    'audit entries of a time',
    '("audit_entries"."at", "audit_entries"."seq") < ',
    'audit_entries_by_time (at>? AND at<?)',
  ],
  [
    'audit entries of a target',
    '"audit_entries"."target_id" = ?',
    'audit_entries_by_target (target_kind=? AND target_id=?',
  ],
  ['the span of a time', 'indexed by audit_entries_by_time', 'audit_entries_by_time (at>? AND at<?)'],
  [
    'audit entries in order',
    '"audit_entries" where ("audit_entries"."seq" > ?',
    'PRIMARY KEY (rowid>? AND rowid<?)',
  ],
  ['a bulk', 'from "bulks" where "bulks"."id" = ?', 'bulks_id (id=?)'],
  ['the bulks of a device', '"bulks"."seq" < ?', 'bulks_by_device (device_id=? AND seq<?)'],
  ['the bulks to feed', '"bulks"."ended_at" is null and "bulks"."state" = ?', 'bulks_open (state=?)'],
  ['who waits for a bulk', `"bulk_recipients"."state" = 'waiting'`, 'bulk_recipients_waiting (bulk_id=?)'],
  [
    'the recipients of a bulk',
    '"bulk_recipients"."seq" > ?',
    'sqlite_autoindex_bulk_recipients_1 (bulk_id=? AND seq>?)',
  ],
  ['what of a bulk is in the outbox', '"outbox"."bulk_id" = ?', 'outbox_of_bulk (bulk_id=?)'],
  ['what is held', '"outbox"."held_for" is not null', 'outbox_held (device_id=?)'],
  ['what was paced', 'from "paced_sends" where', 'paced_sends_'],
  ['the other address of a number', '"addresses"."pn" = ?)', 'addresses_by_pn (device_id=? AND pn=?)'],
  [
    'an endpoint',
    'from "webhook_endpoints" where "webhook_endpoints"."id" = ?',
    'webhook_endpoints_id (id=?)',
  ],
  [
    'a delivery',
    'from "webhook_deliveries" where "webhook_deliveries"."id" = ?',
    'webhook_deliveries_id (id=?)',
  ],
  [
    'which deliveries are due',
    '"webhook_deliveries"."due_at" <= ?',
    'webhook_deliveries_due (endpoint_id=? AND due_at>? AND due_at<?)',
  ],
  [
    'when the next delivery is due',
    'min("due_at") from "webhook_deliveries"',
    'webhook_deliveries_due (endpoint_id=?',
  ],
  [
    'the first of a line',
    '"webhook_deliveries"."device_id" is ?',
    'webhook_deliveries_open (endpoint_id=? AND device_id=?',
  ],
  [
    'the deliveries of an endpoint',
    '"webhook_deliveries"."seq" < ?)',
    'webhook_deliveries_by_endpoint (endpoint_id=? AND seq<?)',
  ],
  [
    'the attempts of a delivery',
    'from "webhook_attempts" where',
    'webhook_attempts_by_delivery (delivery_id=?)',
  ],
  [
    'old messages',
    'where m.device_id = ?',
    'messages_by_device (device_id=? AND created_at>? AND created_at<?)',
  ],
  ['who else has a file', 'select 1 from messages where json_extract', 'messages_by_file (<expr>=?)'],
  ['the files of a message', 'where message_id = ? or id = ?', 'media_by_message (message_id=?)'],
  ['old deliveries', 'settled_at < ?', 'webhook_deliveries_settled (settled_at>? AND settled_at<?)'],
  ['deliveries of an event', 'where event_seq = ?', 'webhook_deliveries_by_event (event_seq=?)'],
  ['the oldest events', 'select seq, at from events', 'INTEGER PRIMARY KEY (rowid>?)'],
  ['new events', 'from "events" where ("events"."seq" > ?', 'INTEGER PRIMARY KEY (rowid>? AND rowid<?)'],
  [
    'a list',
    'indexed by messages_by_device',
    'messages_by_device (device_id=? AND created_at>? AND created_at<?)',
  ],
  ['what a search has found', 'from message_search', 'INTEGER PRIMARY KEY (rowid=?)'],
  ['what is to be indexed', 'insert into message_search (rowid', 'INTEGER PRIMARY KEY (rowid>? AND rowid<?)'],
  [
    'a list of a chat',
    'indexed by messages_by_chat_pn',
    'messages_by_chat_pn (device_id=? AND chat_pn=? AND created_at>',
  ],
  [
    'a list of a LID',
    'indexed by messages_by_chat_lid',
    'messages_by_chat_lid (device_id=? AND chat_lid=? AND created_at>',
  ],
  [
    'what waits for a message',
    'target_id is null and target_whatsapp_id is not null)',
    'messages_without_target',
  ],
  ['what was done to a message', `type in ('edit', 'delete', 'pin')`, 'messages_by_target (target_id=?)'],
  ['how far a message has come with a member', '"receipts"."by_pn" = ?', 'receipts_by_pn'],
  [
    'a list of a type',
    'indexed by messages_by_type',
    'messages_by_type (device_id=? AND type=? AND created_at>',
  ],
  [
    'a list of what is pending',
    'indexed by messages_pending',
    'messages_pending (device_id=? AND created_at>',
  ],
  [
    'a list of a status',
    'indexed by messages_by_status',
    'messages_by_status (device_id=? AND status=? AND created_at>',
  ],
  [
    'a list of a direction',
    'indexed by messages_by_direction',
    'messages_by_direction (device_id=? AND direction=? AND created_at>',
  ],
])('%s is found by its index', (_, fragment, index) => {
  const found = plans.filter(({ source }) => source.replaceAll('+?', '?').includes(fragment))
  expect(found.length).toBeGreaterThan(0)
  for (const { source, details } of found) {
    expect(
      details.filter((detail) => detail.includes(index)),
      source,
    ).not.toEqual([])
  }
})

it.each([
  ['what happened to a message', `v_message_timeline where message_id = 'M1'`],
  ['a message', `v_messages where id = 'M1'`],
  ['the attempts of a delivery', `v_delivery_attempts where delivery_id = 'dlv_1'`],
  ['who did something to a device', `v_audit where target_kind = 'device' and target_id = 'a'`],
  ['the history of a device', `v_device_history where device_id = 'a'`],
])('a view finds %s by an index', async (_, from) => {
  const file = newFile()
  await (await openStore({ file })).close()
  const client = new BetterSqlite(file)
  const rows = client.prepare<[], { detail: string }>(`explain query plan select * from ${from}`).all()
  client.close()
  const scans = rows.map(({ detail }) => detail).filter((detail) => detail.startsWith('SCAN'))
  // Of what a part of the view has found, not of a table.
  expect(scans.filter((detail) => !detail.startsWith('SCAN ('))).toEqual([])
})
