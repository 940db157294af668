/** What only the database file shows of a sweep: rows of webhooks, checkpoints, space. */
import BetterSqlite, { type Database } from 'better-sqlite3'
import { expect, it, onTestFinished } from 'vitest'
import { start } from '../../src/domain/device.ts'
import type { Lease } from '../../src/domain/lease.ts'
import type { Cut, SweptLog } from '../../src/domain/retention.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { deviceId, incoming, leaseTtlMs, origin, t0 } from './conformance/fixtures.ts'
import { newFile } from './files.ts'

interface World {
  readonly store: Store
  readonly client: Database
  readonly lease: Lease
  readonly sweep: (log: SweptLog, cut: Partial<Cut>, limit?: number) => Promise<number>
  readonly receive: (id: string) => Promise<unknown>
}

const createWorld = async (): Promise<World> => {
  const file = newFile()
  const store = await openStore({ file })
  const client = new BetterSqlite(file)
  onTestFinished(async () => {
    client.close()
    await store.close()
  })
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, t0))
  const lease = await store.leases.claim(`device/${deviceId}`, 'c1', leaseTtlMs, t0)
  if (lease === undefined) throw new Error('the lease was refused')
  return {
    store,
    client,
    lease,
    async sweep(log, cut, limit = 100) {
      const input = { cut: { before: null, keepMax: null, ...cut }, limit }
      let removed = 0
      for (let cursor: string | null = null; ; ) {
        const step = await store.retention.sweep(lease, log, { ...input, cursor }, origin, t0 + 1)
        removed += step.removed
        cursor = step.next
        if (cursor === null) return removed
      }
    },
    receive: (id) =>
      store.inbound.promote(
        lease,
        { deviceId, stanzaKey: id, promotion: incoming(id, { whatsappId: id, text: `${id} `.repeat(50) }) },
        origin,
        t0,
      ),
  }
}

const endpoint = (client: Database, id: string): void => {
  client
    .prepare(
      `insert into webhook_endpoints (id, url, state, secret, filter, headers, format, media, ordered, concurrency, failures, created_at, updated_at)
      values (?, 'http://127.0.0.1/', 'active', '', '{}', '{}', 'event', 'link', 1, 1, 0, 0, 0)`,
    )
    .run(id)
}

const delivery = (
  client: Database,
  id: string,
  eventSeq: number,
  {
    state = 'waiting',
    createdAt = t0,
    settledAt = null as number | null,
    dueAt = null as number | null,
  } = {},
): void => {
  client
    .prepare(
      `insert into webhook_deliveries (id, endpoint_id, event_seq, event_id, event_type, device_id, origin, state, attempts, round_from,
        owner, epoch, due_at, created_at, settled_at) values (?, 'whk_1', ?, 'evt', 'message.received', 'd', 'event', ?, 1, 0, ?, ?, ?, ?, ?)`,
    )
    .run(id, eventSeq, state, ...(state === 'sending' ? ['o', 1] : [null, null]), dueAt, createdAt, settledAt)
}
const deliveries = (client: Database) =>
  client.prepare('select id, state, error_code, due_at from webhook_deliveries order by seq').all()
const seqs = (client: Database): unknown[] =>
  client.prepare('select seq from events order by seq').pluck().all()

it('settled deliveries go with their attempts, those that are on their way stay', async () => {
  const { client, sweep } = await createWorld()
  endpoint(client, 'whk_1')
  delivery(client, 'old', 1, { state: 'failed', settledAt: t0 - 2 })
  delivery(client, 'new', 1, { state: 'delivered', settledAt: t0 })
  delivery(client, 'waiting', 1, { createdAt: 0 })
  for (const id of ['old', 'old', 'new']) {
    client
      .prepare('insert into webhook_attempts (delivery_id, number, at, duration_ms) values (?, 1, 1, 1)')
      .run(id)
  }
  expect(await sweep('deliveries', { before: t0 - 1 })).toBe(1)
  expect(deliveries(client)).toMatchObject([{ id: 'new' }, { id: 'waiting' }])
  expect(client.prepare('select delivery_id from webhook_attempts').pluck().all()).toEqual(['new'])
})

it('an event that is on its way holds the bottom until its delivery is as old as events get', async () => {
  const { client, receive, sweep } = await createWorld()
  endpoint(client, 'whk_1')
  for (let at = 0; at < 4; at++) await receive(`IN${at}`)
  const [first, held, ...others] = seqs(client)
  delivery(client, 'young', Number(held), { createdAt: t0 + 5, dueAt: t0 + 9 })
  delivery(client, 'next', Number(others[0]), { createdAt: t0 - 5 })
  expect(await sweep('events', { before: t0 + 1 })).toBe(1)
  expect(seqs(client)).not.toContain(first)
  expect(seqs(client)[0]).toBe(held)
  // The next of the same device is tried when the one before it is given up.
  client.prepare(`update webhook_deliveries set created_at = created_at + 10 where id = 'next'`).run()
  client.prepare(`update webhook_deliveries set created_at = ? where id = 'young'`).run(t0)
  expect(await sweep('events', { before: t0 + 1 })).toBe(1)
  expect(deliveries(client)).toEqual([
    { id: 'young', state: 'failed', error_code: 'expired', due_at: null },
    { id: 'next', state: 'waiting', error_code: null, due_at: t0 + 1 },
  ])
})

it('what is being sent is never given up, and what more events crowd out is', async () => {
  const { client, receive, sweep } = await createWorld()
  endpoint(client, 'whk_1')
  for (let at = 0; at < 4; at++) await receive(`IN${at}`)
  const [first, second] = seqs(client).map(Number)
  delivery(client, 'waiting', first ?? 0, { createdAt: t0 + 5 })
  delivery(client, 'sending', second ?? 0, { state: 'sending' })
  expect(await sweep('events', { keepMax: 1 })).toBe(1)
  expect(deliveries(client)).toMatchObject([
    { id: 'waiting', state: 'failed' },
    { id: 'sending', state: 'sending' },
  ])
})

it('what is left of the audit chain begins at a checkpoint, which counts all that there ever were', async () => {
  const { client, receive, sweep } = await createWorld()
  for (let at = 0; at < 9; at++) await receive(`IN${at}`)
  client.prepare(`update audit_entries set hash = 'h' || seq where seq > 2`).run()
  client
    .prepare(
      `insert into audit_checkpoints (at, entry_seq, count, hash) values (1, 4, 2, 'h4'), (2, 9, 7, 'h9')`,
    )
    .run()
  client.prepare('update audit_entries set at = ? where seq > 6').run(t0 + 9)
  expect(await sweep('audit', { before: t0 + 1 }, 4)).toBe(6)
  expect(
    client.prepare('select entry_seq, count, hash from audit_checkpoints order by entry_seq').all(),
  ).toEqual([
    { entry_seq: 6, count: 4, hash: 'h6' },
    { entry_seq: 9, count: 7, hash: 'h9' },
  ])
  expect(client.prepare('select min(seq) from audit_entries').pluck().get()).toBe(7)
})

it('space is used again: a database that is swept does not grow', async () => {
  const { client, receive, sweep, store } = await createWorld()
  const fill = async (round: number): Promise<void> => {
    for (let at = 0; at < 400; at++) await receive(`R${round}-${at}`)
    while (await store.search.index(200));
  }
  const empty = async (): Promise<void> => {
    expect(await sweep('messages', { before: t0 + 1 })).toBe(400)
    await sweep('events', { before: t0 + 1 })
    // The sweeps' own entries too, or they would lie below all later ones.
    await sweep('audit', { before: t0 + 2 })
  }
  const pages = (): number => Number(client.pragma('page_count', { simple: true }))
  const free = (): number => Number(client.pragma('freelist_count', { simple: true }))
  await fill(1)
  await empty()
  await fill(2)
  const full = pages()
  await empty()
  expect(free()).toBeGreaterThan(full / 2)
  // The search index merges its parts now and then, and needs a little room for it.
  for (let round = 3; round < 12; round++) {
    await fill(round)
    expect(pages()).toBeLessThanOrEqual(full * 1.05)
    await empty()
  }
})
