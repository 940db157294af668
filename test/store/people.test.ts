/** What is left of a person in the file after an erasure: every table, every column. */
import BetterSqlite, { type Database } from 'better-sqlite3'
import { expect, it, onTestFinished } from 'vitest'
import type { Origin } from '../../src/domain/audit.ts'
import { start } from '../../src/domain/device.ts'
import type { Lease } from '../../src/domain/lease.ts'
import type { Party } from '../../src/domain/jid.ts'
import { parseSearch } from '../../src/domain/search.ts'
import { sha256Hex } from '../../src/runtime/hash.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { actOf } from './conformance/acts.ts'
import { create } from './conformance/bulks.ts'
import { claim, deviceId, enqueue, group, incoming, leaseTtlMs, sentAt, t0 } from './conformance/fixtures.ts'
import { newFile } from './files.ts'

const origin: Origin = { actor: { kind: 'api' }, requestId: 'req_1', address: '127.0.0.1' }
const digits = '4915559876543'
const lidDigits = '998877665544'
const eva: Party = { pn: `${digits}@s.whatsapp.net`, lid: `${lidDigits}@lid` }
const bob: Party = { pn: '491522222222@s.whatsapp.net', lid: null }
/** As long as Eva's with her digits in it: not hers. */
const neighbour: Party = { pn: `1${digits}@s.whatsapp.net`, lid: null }
const addresses = [eva.pn ?? '', eva.lid ?? '']

interface World {
  readonly store: Store
  readonly client: Database
  readonly lease: Lease
}

const promote = (
  { store, lease }: World,
  id: string,
  more: Parameters<typeof incoming>[1],
  promotion = incoming(id, { whatsappId: id, ...more }),
) => store.inbound.promote(lease, { deviceId, stanzaKey: id, promotion }, origin, t0)

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
  return { store, client, lease }
}

/** What others have written and got, which must be as it was. */
const fillWithOthers = async (world: World): Promise<void> => {
  const { store, lease } = world
  await promote(world, 'BOB1', { chat: bob, sender: bob, text: 'Hello from Bob' })
  await promote(world, 'BOB2', { chat: group, sender: bob, text: `call 1${digits}` })
  await promote(world, 'NEIGHBOUR', { chat: neighbour, sender: neighbour, senderName: 'Neighbour' })
  await enqueue(store, 'TO-BOB', { chat: bob })
  await create(store, 'bulk_of_others', 3)
  await store.numbers.note(lease, '491522222222', { jid: bob.pn, checkedAt: t0 })
  await store.auth.commit(
    lease,
    deviceId,
    { session: { '491522222222.0': new Uint8Array([1]) }, 'pre-key': { [digits]: '{"public":1}' } },
    null,
    t0,
  )
}

const person = (id: string, more: Partial<Parameters<typeof incoming>[1]> = {}) =>
  incoming(id, { whatsappId: id, chat: eva, sender: eva, senderName: `Eva ${digits}`, ...more })

const fillWithEva = async (world: World): Promise<void> => {
  const { store, client, lease } = world
  const add = (id: string, promotion: Parameters<typeof promote>[3]) => promote(world, id, {}, promotion)
  await store.addresses.learn(lease, deviceId, [{ pn: eva.pn ?? '', lid: eva.lid ?? '' }], t0)
  // Her own chat, in both directions, and what was done in it.
  await add('EVA1', person('EVA1', { text: 'Hello, this is the xyzzysecret of Eva' }))
  await enqueue(store, 'TO-EVA', { chat: eva, text: `Dear +${digits}` })
  await claim(store, lease)
  await store.outbox.record(lease, 'TO-EVA', sentAt(t0), origin, t0)
  await add(
    'R1',
    actOf('R1', { type: 'reaction', emoji: '❤️' }, { chat: eva, sender: eva, targetWhatsappId: 'TO-EVA' }),
  )
  // A group: hers, and what others do with it or say of her.
  await add('EVA2', person('EVA2', { chat: group, text: `my number is ${digits}` }))
  await add(
    'E2',
    actOf(
      'E2',
      { type: 'edit', text: 'edited xyzzysecret' },
      { chat: group, sender: eva, targetWhatsappId: 'EVA2' },
    ),
  )
  await add(
    'R2',
    actOf('R2', { type: 'reaction', emoji: '👍' }, { chat: group, sender: bob, targetWhatsappId: 'EVA2' }),
  )
  await promote(world, 'GROUP1', { chat: group, sender: bob, text: 'from Bob' })
  await add(
    'R3',
    actOf('R3', { type: 'reaction', emoji: '😂' }, { chat: group, sender: eva, targetWhatsappId: 'GROUP1' }),
  )
  await promote(world, 'MENTION', {
    chat: group,
    sender: bob,
    text: `@${lidDigits} look`,
    content: Buffer.from(`12${digits}@s.whatsapp.net`),
    body: { type: 'text', text: `@${lidDigits} look`, mentions: [eva.pn ?? ''] },
  })
  // What waits for her, by a bulk too.
  await enqueue(store, 'WAITS-EVA', { chat: eva, text: 'later' })
  await create(store, 'bulk_with_eva', [
    {
      recipient: digits,
      chat: eva.pn,
      variables: { name: 'Eva' },
      state: 'waiting',
      error: null,
      messageId: 'B-1',
    },
    {
      recipient: bob.pn ?? '',
      chat: bob.pn,
      variables: { friend: digits },
      state: 'waiting',
      error: null,
      messageId: 'B-2',
    },
  ])
  await store.numbers.note(lease, digits, { jid: eva.pn, checkedAt: t0 })
  await store.auth.commit(
    lease,
    deviceId,
    {
      session: { [`${lidDigits}_1.0`]: new Uint8Array([1]), [`${digits}.0`]: new Uint8Array([2]) },
      'sender-key': { [`${group.pn}::${lidDigits}_1::0`]: new Uint8Array([3]) },
      'sender-key-memory': {
        [group.pn ?? '']: `{"${lidDigits}:1@lid":true,"491522222222@s.whatsapp.net":true}`,
      },
      'lid-mapping': { [digits]: `"${lidDigits}"`, [`${lidDigits}_reverse`]: `"${digits}"` },
      tctoken: { [eva.lid ?? '']: '{"token":"x"}' },
    },
    {
      hash: Buffer.from('hash'),
      stanzaKey: `chat/${eva.lid}/EVA1`,
      part: 0,
      parts: 1,
      stanza: `{"from":"${eva.lid}"}`,
      plaintext: Buffer.from('xyzzysecret'),
    },
    t0,
  )
  client.exec('update journal set promoted_at = journaled_at')
  const event = client
    .prepare(`select seq from events where data like '%${digits}%' order by seq desc`)
    .pluck()
    .get()
  client.exec(`
    insert into webhook_endpoints (id, url, description, state, secret, filter, headers, format, media, ordered, concurrency, failures, created_at, updated_at)
      values ('whk_1', 'http://127.0.0.1/', 'for ${digits}', 'active', '', '{"chats":["${eva.pn}"]}', '{}', 'event', 'link', 1, 1, 0, 0, 0);
    insert into webhook_deliveries (id, endpoint_id, event_seq, event_id, event_type, device_id, origin, state, attempts, round_from, due_at, created_at)
      values ('dlv_1', 'whk_1', ${String(event)}, 'evt_1', 'message.received', '${deviceId}', 'event', 'waiting', 1, 0, 5, 5);
    insert into webhook_deliveries (id, endpoint_id, event_seq, event_id, event_type, device_id, origin, state, attempts, round_from, created_at)
      values ('dlv_2', 'whk_1', 1, 'evt_2', 'message.received', '${deviceId}', 'event', 'waiting', 1, 0, 5);
    insert into webhook_attempts (delivery_id, number, at, duration_ms, response_head) values ('dlv_1', 1, 1, 1, 'thanks, Eva');
    insert into webhook_attempts (delivery_id, number, at, duration_ms, response_head) values ('dlv_2', 1, 1, 1, 'no ${digits}');
    insert into operations (id, device_id, kind, input, state, attempts, created_at, updated_at, result)
      values ('op_1', '${deviceId}', 'numbers_check', '{"kind":"numbers_check","numbers":["${digits}"]}', 'done', 1, 1, 1, '{"numbers":[{"jid":"${eva.pn}"}]}');
    insert into operations (id, device_id, kind, input, state, attempts, created_at, updated_at, due_at)
      values ('op_2', '${deviceId}', 'typing', '{"kind":"typing","chat":"${eva.pn}"}', 'queued', 0, 1, 1, 1);
    insert into audit_entries (id, at, actor_kind, request_id, action, target_kind, target_id, before, after, address, salt, content_hash, hash)
      values ('aud_1', 1, 'api', 'r', 'operation.enqueue', 'operation', 'op_1', null, '{"numbers":["${digits}"]}', '10.0.0.1', 'salt', 'c', 'h'),
        ('aud_2', 1, 'api', 'r', 'operation.enqueue', 'operation', 'op_2', '{"chat":"${eva.lid}"}', null, '10.0.0.1', 'salt', 'c', 'h');
  `)
  while (await store.search.index(100));
}

const tables = (client: Database): readonly string[] =>
  client
    .prepare<[], string>(
      `select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name not like '\\_\\_%' escape '\\'`,
    )
    .pluck()
    .all()

type Dump = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>

const dump = (client: Database): Dump =>
  Object.fromEntries(
    tables(client).map((name) => [
      name,
      client.prepare<[], Record<string, unknown>>(`select * from ${name}`).all(),
    ]),
  )

/** Each place where one of the words stands, in text or in bytes. */
const places = (client: Database, words: readonly string[]): readonly string[] =>
  Object.entries(dump(client)).flatMap(([table, rows]) =>
    rows.flatMap((row) =>
      Object.entries(row).flatMap(([column, value]) => {
        const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value))
        return words.some((word) => bytes.includes(word)) ? [`${table}.${column}`] : []
      }),
    ),
  )

const eraseAll = async (
  store: Store,
  { limit = 500, stepsMax = 100_000 } = {},
): Promise<{
  readonly erased: Readonly<Record<string, number>>
  readonly left: number
  readonly isOver: boolean
}> => {
  let cursor: string | null = null
  let left = 0
  for (let steps = 0; steps < stepsMax; steps++) {
    const step: Awaited<ReturnType<Store['people']['erase']>> = await store.people.erase(
      addresses,
      { cursor, limit },
      origin,
      t0 + 1,
    )
    left += step.left
    cursor = step.next
    if (cursor === null) return { erased: step.erased, left, isOver: true }
  }
  return { erased: {}, left, isOver: false }
}

const release = async ({ store, lease }: World): Promise<void> => store.leases.release(lease, t0)

const filled = async (): Promise<World> => {
  const world = await createWorld()
  await fillWithOthers(world)
  await fillWithEva(world)
  await release(world)
  return world
}

/** Where her numbers and words stand; the neighbour's longer number, and a pre-key of that number, are among them. */
const traces = (client: Database): readonly string[] => places(client, [digits, lidDigits, 'xyzzysecret'])

it('after an erasure no number, LID or word of the person is anywhere in the database', async () => {
  const { store, client } = await filled()
  const before = places(client, [lidDigits])
  for (const table of ['messages', 'events', 'journal', 'auth_keys', 'addresses', 'audit_entries']) {
    expect(before.map((place) => place.split('.')[0])).toContain(table)
  }
  expect(places(client, ['xyzzysecret'])).toContain('message_search_data.block')
  expect((await store.people.addressesOf(eva.lid ?? '')).toSorted()).toEqual(addresses.toSorted())
  const { left, isOver } = await eraseAll(store)
  expect({ left, isOver }).toEqual({ left: 0, isOver: true })
  const others = await (async () => {
    const world = await createWorld()
    await fillWithOthers(world)
    while (await world.store.search.index(100));
    return traces(world.client)
  })()
  expect(traces(client)).toEqual(others)
  expect(places(client, ['xyzzysecret'])).toEqual([])
  expect(places(client, [sha256Hex(eva.pn ?? '')]).length).toBeGreaterThan(0)
})

it('rows of others are as they were', async () => {
  const { client, store } = await filled()
  const before = dump(client)
  await eraseAll(store)
  const after = dump(client)
  const kept = (of: Dump, table: string, test: (row: Readonly<Record<string, unknown>>) => boolean) =>
    of[table]?.filter(test)
  const isOthers = ({ id }: Readonly<Record<string, unknown>>): boolean =>
    ['BOB1', 'BOB2', 'NEIGHBOUR', 'TO-BOB', 'GROUP1'].includes(String(id))
  expect(kept(after, 'messages', isOthers)).toEqual(kept(before, 'messages', isOthers))
  expect(kept(after, 'messages', isOthers)).toHaveLength(5)
  const inBulk = ({ bulk_id: id }: Readonly<Record<string, unknown>>): boolean => id === 'bulk_of_others'
  expect(kept(after, 'bulk_recipients', inBulk)).toEqual(kept(before, 'bulk_recipients', inBulk))
  const isHers = (row: Readonly<Record<string, unknown>>): boolean =>
    [digits, lidDigits].some((one) => new RegExp(`(?<!\\d)${one}(?!\\d)`).test(JSON.stringify(row)))
  for (const table of [
    'events',
    'numbers',
    'devices',
    'status_history',
    'auth_keys',
    'media',
    'poll_votes',
  ]) {
    const keys = kept(before, table, (row) => !isHers(row) || row['type'] === 'pre-key')
    expect(after[table], table).toEqual(expect.arrayContaining(keys ?? []))
  }
  expect(client.pragma('foreign_key_check')).toEqual([])
  expect(client.pragma('integrity_check', { simple: true })).toBe('ok')
})

it('a group that they wrote in is listed as before, their messages say nothing, and mentions of them are zeros', async () => {
  const { store, client } = await filled()
  const list = async () =>
    (await store.messages.list({ deviceId, chat: group.pn ?? '' }, { limit: 100 })).items
  const before = await list()
  await eraseAll(store)
  const after = await list()
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  expect(after.find(({ id }) => id === 'EVA2')).toMatchObject({
    text: null,
    body: null,
    sender: { pn: null, lid: null },
    senderName: null,
    deletedAt: t0 + 1,
  })
  expect(after.find(({ id }) => id === 'MENTION')).toMatchObject({
    text: '@000000000000 look',
    sender: bob,
    body: { mentions: ['0000000000000@s.whatsapp.net'] },
  })
  expect(client.prepare(`select content from messages where id = 'MENTION'`).pluck().get()).toBeNull()
  expect((await store.acts.reactions('EVA2')).length).toBe(1)
  expect(await store.acts.reactions('GROUP1')).toEqual([])
  const found = await store.search.find(parseSearch('xyzzysecret'), {}, { order: 'newest', limit: 9 })
  expect(found.items).toEqual([])
})

it('what is queued to them is cancelled first, and so are the deliveries of their events', async () => {
  const { store, client } = await filled()
  await eraseAll(store)
  expect(client.prepare(`select count(*) from outbox where message_id = 'WAITS-EVA'`).pluck().get()).toBe(0)
  expect(
    client
      .prepare('select state, error_code from bulk_recipients where bulk_id = ? order by seq')
      .all('bulk_with_eva'),
  ).toEqual([
    { state: 'cancelled', error_code: 'cancelled' },
    { state: 'waiting', error_code: null },
  ])
  expect(client.prepare('select id, state, due_at from webhook_deliveries order by seq').all()).toEqual([
    { id: 'dlv_1', state: 'cancelled', due_at: null },
    { id: 'dlv_2', state: 'waiting', due_at: t0 + 1 },
  ])
  expect(client.prepare('select response_head from webhook_attempts order by seq').pluck().all()).toEqual([
    null,
    'no 0000000000000',
  ])
  expect(client.prepare('select state from operations order by seq').pluck().all()).toEqual([
    'done',
    'failed',
  ])
})

it('audit entries keep their hashes, and a digest says which they were', async () => {
  const { store, client } = await filled()
  await eraseAll(store)
  const entries = client
    .prepare<[], Record<string, unknown>>('select * from audit_entries order by seq')
    .all()
  const erasures = entries.filter(({ action }) => action === 'person.erase')
  const emptied = entries.filter(({ erased_by: by }) => by !== null)
  const content = { before: null, after: null, salt: null, address: null }
  for (const entry of emptied) expect(entry).toMatchObject(content)
  const chained = { ...content, content_hash: 'c', hash: 'h' }
  expect(emptied.filter(({ id }) => /^aud_[12]$/.test(String(id)))).toMatchObject([chained, chained])
  const told = erasures.find(({ id }) => id === emptied[0]?.['erased_by'])
  expect(JSON.parse(String(told?.['after']))).toEqual({
    entries: emptied.length,
    digest: sha256Hex(emptied.map(({ seq }) => String(seq)).join(',')),
  })
  expect(erasures.map(({ target_id: id }) => id)).toEqual(erasures.map(() => sha256Hex(eva.pn ?? '')))
  expect(JSON.parse(String(erasures.at(-1)?.['after']))).toMatchObject({
    entries: 0,
    also: [sha256Hex(eva.lid ?? '')],
    erased: { auditEntries: emptied.length },
  })
})

it('a second erasure finds nothing and changes nothing', async () => {
  const { store, client } = await filled()
  await eraseAll(store)
  const before = dump(client)
  expect(await eraseAll(store)).toEqual({ erased: {}, left: 0, isOver: true })
  expect(dump(client)).toEqual(before)
})

it('one that is cut off after any of its transactions is finished by the next, and tells of all of it', async () => {
  const whole = await filled()
  const { erased } = await eraseAll(whole.store, { limit: 4 })
  const expected = traces(whole.client)
  for (let stepsMax = 1; ; stepsMax += 3) {
    const { store, client } = await filled()
    const { isOver } = await eraseAll(store, { limit: 4, stepsMax })
    if (isOver) {
      expect(stepsMax).toBeGreaterThan(20)
      break
    }
    expect((await eraseAll(store)).erased).toEqual(erased)
    expect(traces(client)).toEqual(expected)
  }
}, 60_000)

it('while a connector holds the device, its keys and addresses stay, and what is being sent stops the erasure', async () => {
  const world = await createWorld()
  await fillWithEva(world)
  const { store, client, lease } = world
  await claim(store, lease)
  await expect(eraseAll(store)).rejects.toMatchObject({ code: 'message_in_flight' })
  await store.outbox.record(lease, 'WAITS-EVA', sentAt(t0), origin, t0)
  const first = await eraseAll(store)
  expect(first.left).toBeGreaterThan(0)
  expect(new Set(places(client, [digits, lidDigits]).map((place) => place.split('.')[0]))).toEqual(
    new Set(['addresses', 'auth_keys']),
  )
  await release(world)
  expect((await eraseAll(store)).left).toBe(0)
  expect(places(client, [digits, lidDigits])).toEqual([])
})
