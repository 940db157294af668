/** A database in which each question of the cookbook has an answer, and rows beside it that are none. */
import BetterSqlite, { type Database } from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import type { Origin } from '../../src/domain/audit.ts'
import { observe, remove, setPacing, start, type Observation } from '../../src/domain/device.ts'
import { deviceLeaseName, type Lease } from '../../src/domain/lease.ts'
import { pacingOf } from '../../src/domain/pacing.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { incoming, outgoing, refused, sentAt } from '../store/conformance/fixtures.ts'
import { newFile } from '../store/files.ts'

const second = 1_000
const hour = 60 * 60 * second
const day = 24 * hour
/** Noon of yesterday and before: no question is then about two days at once. */
const noon = Math.floor(Date.now() / day) * day - day / 2
const yesterday = new Date(noon).toISOString().slice(0, 10)
const iso = (ms: number): string => new Date(ms).toISOString()

const api: Origin = { actor: { kind: 'api' }, requestId: 'req_1', address: '192.0.2.7' }
const connector: Origin = { actor: { kind: 'connector', id: 'con_1' }, requestId: 'tick_1' }
const carl = '15550123@s.whatsapp.net'
const olive = '15550100@s.whatsapp.net'
const ttlMs = 60_000

const account = { pn: olive, lid: null, pushName: 'Olive' }

const fillDevices = async (store: Store): Promise<Lease> => {
  await store.devices.decide('myphone', (before) => start(before, 'myphone', api, noon - 9 * hour))
  const lease = await store.leases.claim(deviceLeaseName('myphone'), 'con_1', ttlMs, 1)
  if (lease === undefined) throw new Error('the lease was refused')
  const see = (at: number, patch: Observation) =>
    store.devices.observe(lease, 'myphone', (before) =>
      observe(before, before.generation, patch, connector, at),
    )
  await see(noon - 8 * hour, { status: 'connected', reason: 'opened', account, pairedAt: noon - 8 * hour })
  await see(noon - 4 * hour, {
    status: 'reconnecting',
    reason: 'connection_lost',
    detail: 'the link was silent',
  })
  await see(noon - 2 * hour, { status: 'connected', reason: 'opened', detail: null })
  return lease
}

const fillMessages = async (store: Store, lease: Lease): Promise<void> => {
  const send = async (
    id: string,
    to: string,
    at: number,
    end: 'delivered' | 'failed' | 'waits',
  ): Promise<void> => {
    const message = outgoing(id, { deviceId: 'myphone', chat: { pn: to, lid: null } })
    await store.outbox.enqueue({ message }, () => message, api, at)
    if (end === 'waits') return
    await store.outbox.claim(lease, { deviceId: 'myphone', limit: 9 }, connector, at + second)
    const after = end === 'failed' ? refused : sentAt(at + 2 * second)
    await store.outbox.record(lease, id, after, connector, at + 2 * second)
    if (end === 'failed') return
    const receipt = {
      deviceId: 'myphone',
      whatsappIds: [id],
      status: 'delivered',
      at: at + 5 * second,
      from: to,
    } as const
    await store.messages.recordReceipt(lease, receipt, connector, at + 5 * second)
  }
  await send('3EB0E58EFEB63301E51946', carl, noon, 'delivered')
  await send('FAILED', carl, noon + second, 'failed')
  await send('FAILED-OTHER', '15550199@s.whatsapp.net', noon + second, 'failed')
  await send('FAILED-LONG-AGO', carl, noon - 30 * day, 'failed')
  const promotion = incoming('IN', {
    deviceId: 'myphone',
    chat: { pn: carl, lid: null },
    sender: { pn: carl, lid: null },
  })
  await store.inbound.promote(lease, { deviceId: 'myphone', stanzaKey: 's', promotion }, connector, noon)
  await send('WAITS', carl, noon + 3 * second, 'waits')
}

const fillAudit = async (store: Store, lease: Lease): Promise<void> => {
  await store.devices.decide('myphone', (before) =>
    setPacing(before, 'myphone', pacingOf('careful', {}), api, noon),
  )
  const cut = { before: noon - 8.5 * hour, keepMax: null }
  await store.retention.sweep(lease, 'history', { cut, limit: 9, cursor: null }, connector, noon + hour)
  await store.devices.decide('myphone', (before) => remove(before, 'myphone', api, Date.now()))
}

const fillWebhooks = (database: Database): void => {
  database.exec(`
    insert into webhook_endpoints (id, url, state, secret, filter, headers, format, media, ordered, concurrency, failures, created_at, updated_at)
      values ('whk_1', 'https://example.com/hook', 'active', '', '{}', '{}', 'event', 'link', 1, 1, 0, 0, 0);
    insert into webhook_deliveries (id, endpoint_id, event_seq, event_id, event_type, origin, state, attempts, round_from, error_code, error_detail, created_at, settled_at)
      values ('dlv_1', 'whk_1', 7, 'evt_1', 'message.received', 'event', 'failed', 1, 0, 'http_500', 'no', ${noon}, ${noon}),
        ('dlv_2', 'whk_1', 8, 'evt_2', 'message.received', 'event', 'delivered', 1, 0, null, null, ${noon}, ${noon});
    insert into webhook_attempts (delivery_id, number, at, duration_ms, status, response_head)
      values ('dlv_1', 1, ${noon}, 5, 500, 'out of order'), ('dlv_2', 1, ${noon}, 5, 200, 'ok');`)
}

export const fillCookbook = async (): Promise<Database> => {
  const file = newFile()
  const store = await openStore({ file })
  const database = new BetterSqlite(file)
  onTestFinished(async () => {
    database.close()
    await store.close()
  })
  const lease = await fillDevices(store)
  await fillMessages(store, lease)
  await fillAudit(store, lease)
  fillWebhooks(database)
  return database
}

const offline = { [yesterday]: 2 }
const week = Array.from({ length: 7 }, (_, index) => iso(Date.now() - (6 - index) * day).slice(0, 10))

/** What each question of the cookbook is to be answered with. */
export const answers: Readonly<Record<string, readonly object[]>> = {
  'Which messages to this number failed last week, and why?': [
    {
      created_at: iso(noon + second),
      text: 'text of FAILED',
      error_code: 'nack_463',
      error_detail: 'refused',
    },
  ],
  'What happened to this message?': [
    { at: iso(noon), step: 'queued' },
    { at: iso(noon + second), step: 'sending' },
    { at: iso(noon + 2 * second), step: 'sent' },
    { at: iso(noon + 5 * second), step: 'delivered' },
  ],
  'What waits to be sent, and what for?': [
    {
      message_id: 'WAITS',
      chat: carl,
      state: 'queued',
      waits_for: 'its turn',
      not_before: iso(noon + 3 * second),
    },
  ],
  'How many messages a day did each device send and receive?': [
    { day: yesterday, device_id: 'myphone', sent: 4, received: 1 },
  ],
  'How long do messages take until they are delivered, in seconds?': [
    { device_id: 'myphone', messages: 1, half_within: 4, most_within: 4, slowest: 4 },
  ],
  'Which chats are the busiest?': [
    { chat: carl, messages: 4, received: 1, newest: iso(noon + 3 * second) },
    { chat: '15550199@s.whatsapp.net', messages: 1, received: 0 },
  ],
  'How many hours was this device offline, day by day?': week.map((one) => ({
    day: one,
    hours: offline[one] ?? 0,
  })),
  'Why did it lose its connection?': [
    { reason: 'removed', status: 'disconnected' },
    { at: iso(noon - 4 * hour), seconds: 7_200, reason: 'connection_lost', detail: 'the link was silent' },
  ],
  'Who removed this device?': [{ actor: 'api', address: '192.0.2.7', request_id: 'req_1' }],
  'Who changed the pacing, and what was it before?': [{ actor: 'api', address: '192.0.2.7' }],
  'Which events did an endpoint not get, and what did it answer?': [
    { event_seq: 7, error_code: 'http_500', number: 1, status: 500, answer: 'out of order' },
  ],
  'What has been removed because its time was up?': [{ log: 'history' }],
}
