import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { World } from '../flows/world.ts'
import { invariants } from './invariants.ts'
import { createLoad, type Incoming, type Load, type Outgoing } from './load.ts'

let world: World
let load: Load
beforeAll(async () => {
  world = await World.withGateway()
  load = await createLoad(world, { devices: 1, friends: 1, sendsPerSecond: 20, inboundPerSecond: 20 })
  load.start()
  await load.drain()
  load.start()
  while (load.sent.length < 6 || load.received.length < 6)
    await new Promise((resolve) => setTimeout(resolve, 20))
  await load.drain()
  await world.gateway.stop()
}, 180_000)
afterAll(() => world.close())

const broken = async (of: Load = load): Promise<string[]> =>
  (await invariants(world, of)).flatMap(({ what, holds }) => (holds ? [] : [what]))

const change = (sql: string, ...values: unknown[]): void => {
  const database = new BetterSqlite(path.join(world.dataDir, 'gateway.db'))
  database.pragma('foreign_keys = off')
  database.prepare(sql).run(...values)
  database.close()
}

const withSent = (message: Partial<Outgoing>): Load => {
  const [first] = load.sent
  if (first === undefined) throw new Error('nothing was sent')
  return { ...load, sent: [...load.sent.slice(1), { ...first, ...message }] }
}

test('what nothing has disturbed breaks none', async () => {
  expect(await broken()).toEqual([])
})

test('a message that was accepted and is on no phone is lost, one that was not answered is told', async () => {
  const lost = await broken(withSent({ text: 'out nowhere 1' }))
  expect(lost).toContain('accepted messages lost at the recipient')
  expect(lost).toContain("accepted messages lost at the sender's own phone")
  expect(await broken(withSent({ accepted: false }))).toEqual([
    'requests that were refused or never answered',
  ])
})

test('a key with two ids, and a message at another phone than it was sent to, are told', async () => {
  expect(await broken(withSent({ ids: new Set(['one', 'two']) }))).toEqual([
    'idempotency keys that gave two messages',
  ])
  expect(await broken(withSent({ friend: '15550000' }))).toEqual(['messages in the wrong chat'])
})

test('a message that a phone wrote and no row has is lost, a row that nobody wrote is told', async () => {
  const [first] = load.received
  const other = { ...first, id: 'OTHER' } as Incoming
  const told = await broken({ ...load, received: [...load.received.slice(1), other] })
  expect(told).toEqual(['inbound messages lost', 'inbound messages that nobody wrote'])
})

test('copies in the database, rows that are not settled and unread rows are told', async () => {
  const columns = `device_id, whatsapp_id, direction, chat_pn, type, status, attempts, created_at, text`
  change(
    `insert into messages (id, ${columns}) select 'copy', ${columns} from messages where direction = 'inbound' limit 1`,
  )
  expect(await broken()).toEqual([
    'inbound messages doubled',
    'inbound messages out of the order in which they were written',
  ])
  change(`delete from messages where id = 'copy'`)
  change(
    `insert into messages (id, ${columns}) select 'copy', ${columns} from messages where direction = 'outbound' limit 1`,
  )
  expect(await broken()).toEqual(['idempotency keys that gave two messages'])
  change(`delete from messages where id = 'copy'`)

  const [id] = load.sent[0]?.ids ?? []
  const [row] = world.query<{ status: string }>('select status from messages where id = ?', id)
  change(`update messages set status = 'queued' where id = ?`, id)
  expect(await broken()).toEqual(['outbound messages not settled as sent'])
  change(`update messages set status = ?, type = 'undecryptable' where id = ?`, row?.status, id)
  expect(await broken()).toEqual(['messages stored as undecryptable'])
  change(`update messages set type = 'text' where id = ?`, id)
  change('update journal set promoted_at = null where seq = (select max(seq) from journal)')
  expect(await broken()).toEqual(['journaled and not stored'])
  change('update journal set promoted_at = journaled_at where promoted_at is null')
})

test('a status that goes back is told by the events and by the audit log', async () => {
  change(
    `insert into events (id, at, type, device_id, data)
     select 'evt_back', at, 'message.queued', device_id, data from events where type = 'message.delivered' limit 1`,
  )
  expect(await broken()).toEqual(['statuses that went back'])
  change(`delete from events where id = 'evt_back'`)
  change(
    `insert into audit_entries (id, at, actor_kind, request_id, action, target_kind, target_id, "before", "after")
     values ('aud_back', 0, 'api', 'req', 'message.attempt', 'message', 'm', '{"status":"sent"}', '{"status":"queued"}')`,
  )
  expect(await broken()).toEqual(['statuses that went back'])
  change(`delete from audit_entries where id = 'aud_back'`)
  expect(await broken()).toEqual([])
})

test('messages that a phone shows twice, in another order, or that no row knows, are told', async () => {
  const real = world.phoneMessages.bind(world)
  const showing = async (
    alter: (messages: Awaited<ReturnType<typeof real>>) => unknown[],
  ): Promise<string[]> => {
    const shown = Object.assign(Object.create(world) as World, {
      phoneMessages: async (number: string) =>
        number === load.friends[0] ? alter(await real(number)) : real(number),
    })
    return (await invariants(shown, load)).flatMap(({ what, holds }) => (holds ? [] : [what]))
  }
  const ours = (text: string): boolean => text.startsWith('out ')
  expect(await showing((messages) => messages.toReversed())).toEqual([
    "messages out of their chat's order of acceptance",
  ])
  expect(
    await showing((messages) => messages.map((each) => (ours(each.text) ? { ...each, id: 'OTHER' } : each))),
  ).toEqual(['messages on a phone under an id that no row has'])
  const last = (messages: Awaited<ReturnType<typeof real>>) =>
    messages.filter(({ text }) => ours(text)).at(-1)
  expect(await showing((messages) => [...messages, last(messages)])).toEqual([
    'messages shown twice by a phone',
    "messages out of their chat's order of acceptance",
  ])
})
