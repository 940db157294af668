/** Databases of the real schema that hold many messages, made by SQL alone, for the benchmark `growth`. */
import BetterSqlite, { type Database } from 'better-sqlite3'
import { openStore } from '../../src/store/sqlite/open.ts'

export const growthDevices = 20
/** Chats that new messages go to. */
export const growthChats = 500
/** So many of them have four fifths of the messages, so that even a small database has whole pages of each. */
export const busyChats = 8
export const growthDevice = (index: number): string => `device${index}`
export const growthChat = (index: number): string => `${15_550_000_000 + index}@s.whatsapp.net`

export const growthStartAt = Date.UTC(2026, 0, 1)
export const growthApartMs = 1_000
const cacheKb = 512 * 1024

/**
 * Half of the messages went out and are settled, half came in; each has one event and one audit entry. In truth one that
 * was read has four and five, which would make these two tables longer, and no other.
 */
const fill = (client: Database, count: number): void => {
  const devices = client.prepare(`
    insert into devices (id, desired, generation, settled_generation, status, reason, status_at, started_at,
      account_pn, account_lid, push_name, created_at, updated_at)
    values (?, 'running', 1, 1, 'connected', 'opened', ?, ?, ?, ?, 'Olive', ?, ?)`)
  for (let index = 0; index < growthDevices; index += 1) {
    const pn = `${15_540_000_000 + index}@s.whatsapp.net`
    devices.run(
      growthDevice(index),
      growthStartAt,
      growthStartAt,
      pn,
      `${9_000_000 + index}@lid`,
      growthStartAt,
      growthStartAt,
    )
  }
  client
    .prepare(
      `with recursive n(i) as (select 0 union all select i + 1 from n where i < @count - 1),
        m as materialized (
          select i, i % 2 as outbound, '3EB0' || hex(randomblob(9)) as whatsapp_id,
            'device' || (i / 2 % @devices) as device_id,
            (15550000000 + abs(random()) % iif(i % 5 = 0, @chats, @busy)) || '@s.whatsapp.net' as chat,
            @start + i * @apart as at
          from n)
      insert into messages (id, device_id, whatsapp_id, direction, chat_pn, chat_lid, sender_pn, sender_lid, sender_name,
        type, status, attempts, whatsapp_at, created_at, sending_at, sent_at, delivered_at, read_at, text, content)
      select iif(outbound, whatsapp_id, 'msg_' || printf('%010d', i) || lower(hex(randomblob(8)))), device_id, whatsapp_id,
        iif(outbound, 'outbound', 'inbound'), chat, null,
        iif(outbound, '15540000000@s.whatsapp.net', chat), iif(outbound, '9000000@lid', '8' || substr(chat, 1, 11) || '@lid'),
        'Olive', 'text', iif(outbound, 'read', 'delivered'), outbound, at, at, iif(outbound, at + 5, null),
        iif(outbound, at + 90, null), at + 300, iif(outbound, at + 9000, null),
        'Message ' || i || ' of an ordinary length, as people write them to each other.', zeroblob(72)
      from m`,
    )
    .run({
      count,
      devices: growthDevices,
      chats: growthChats,
      busy: busyChats,
      start: growthStartAt,
      apart: growthApartMs,
    })
  client.exec(`
    insert into outbox (message_id, device_id, chat, state, attempts, created_at, updated_at)
      select id, device_id, chat_pn, 'sent', 1, created_at, sent_at from messages where direction = 'outbound';
    insert into events (id, at, type, device_id, data)
      select 'evt_' || printf('%026d', seq), created_at, iif(direction = 'outbound', 'message.read', 'message.received'),
        device_id, json_object('messageId', id, 'chat', chat_pn)
      from messages;
    insert into audit_entries (id, at, actor_kind, actor_id, request_id, action, target_kind, target_id, "before", "after")
      select 'aud_' || printf('%026d', seq), created_at, 'connector', 'con_' || printf('%026d', 1),
        'run_' || printf('%026d', seq), 'message.receipt', 'message', id, '{"status":"sent"}', '{"status":"delivered"}'
      from messages`)
}

/**
 * Makes a database with so many messages. Its indexes are built after the rows, each in one go: row by row they would
 * take an hour.
 */
export const makeGrown = async (file: string, count: number): Promise<void> => {
  await (await openStore({ file })).close()
  const client = new BetterSqlite(file)
  try {
    client.pragma('journal_mode = memory')
    client.pragma('synchronous = off')
    client.pragma('foreign_keys = off')
    client.pragma(`cache_size = -${cacheKb}`)
    client.pragma('temp_store = memory')
    const indexes = client
      .prepare<[], { name: string; sql: string }>(
        `select name, sql from sqlite_schema where type = 'index' and sql is not null
          and tbl_name in ('messages', 'outbox', 'events', 'audit_entries')`,
      )
      .all()
    client.exec('begin')
    for (const { name } of indexes) client.exec(`drop index ${name}`)
    fill(client, count)
    for (const { sql } of indexes) client.exec(sql)
    client.exec('commit')
  } finally {
    client.close()
  }
}
