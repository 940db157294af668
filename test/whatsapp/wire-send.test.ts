import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { closeStores } from './signal/parties.ts'
import { deviceOfWire, link, untilQuiet, type WireClient } from './wire-client.ts'

const own = '15554000'
const friend = '15554900'
let sandbox: Sandbox
let client: WireClient
const control = () => controlOf(sandbox)
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  await control().phone(friend)
  client = await link(sandbox, own)
})
afterAll(async () => {
  client.drop()
  await sandbox.close()
  await closeStores()
})

const received = async (text: string): Promise<number> =>
  (await control().messages(friend)).filter((message) => message.text === text).length

describe('what an attempt to send comes to', () => {
  test('acked, once the server has said so', async () => {
    const { outcome } = await client.text(friend, 'hello')
    expect(outcome).toEqual({ kind: 'acked', at: expect.any(Number) as number })
    expect(await received('hello')).toBe(1)
  })

  test('rejected, with the code of the server', async () => {
    await control().post('/faults', { kind: 'nack', device: own, code: 463 })
    expect((await client.text(friend, 'refused')).outcome).toEqual({ kind: 'rejected', code: 463 })
    expect((await client.text(friend, 'taken')).outcome.kind).toBe('acked')
  })

  test('impossible, for a number that is not on WhatsApp', async () => {
    const before = await control().stats()
    expect((await client.text('15554999', 'nobody')).outcome).toMatchObject({
      kind: 'impossible',
      code: 'not_on_whatsapp',
    })
    expect((await control().stats())['messagesFromCompanions']).toBe(before['messagesFromCompanions'])
  })

  test('acked by the receipt of the recipient when the ack itself is lost', async () => {
    await control().post('/faults', { kind: 'lose-acks', device: own })
    expect((await client.text(friend, 'by its receipt')).outcome.kind).toBe('acked')
  })

  test('unknown, as soon as the connection is cut while it waits', async () => {
    await control().post('/faults', { kind: 'freeze', device: own })
    const sent = client.text(friend, 'into the void')
    await until('the frozen socket', async () => (await control().stats())['frozenSockets'] === 1)
    client.drop()
    expect(['unknown', 'not_sent']).toContain((await sent).outcome.kind)
    await control().call('DELETE', '/faults')
    await client.login()
  })

  test('not sent, or unknown, and at once, on a socket that is gone', async () => {
    client.drop()
    const { outcome } = await client.text(friend, 'too late')
    expect(['not_sent', 'unknown']).toContain(outcome.kind)
    expect(await received('too late')).toBe(0)
    await client.login()
  })

  test('the same message sent again under its id is shown once', async () => {
    const { id } = await client.text(friend, 'twice')
    const content = (await client.store.messages.content('phone-1', id)) as Uint8Array
    const again = await client.socket.send({ to: `${friend}@s.whatsapp.net`, whatsappId: id, content })
    expect(again.kind).toBe('acked')
    expect(await received('twice')).toBe(1)
  })
})

test('a contact is given a privacy token once, not with every text', async () => {
  const newFriend = '15554910'
  await control().phone(newFriend)
  const before = (await control().stats())['privacyTokensGiven'] ?? 0
  await client.text(newFriend, 'first')
  const { lid } = await control().get<{ lid: string }>(`/phones/${newFriend}`)
  await until(
    'the token',
    async () => (await client.store.auth.keys(deviceOfWire, 'tctoken', [lid])).size === 1,
  )
  for (const text of ['second', 'third'])
    expect((await client.text(newFriend, text)).outcome.kind).toBe('acked')
  await client.socket.probe(5_000)
  expect((await control().stats())['privacyTokensGiven']).toBe(before + 1)
})

test('nothing leaves before its ratchet is durable, and after a drop nothing at all', async () => {
  const { promise: durable, resolve: finish } = Promise.withResolvers<undefined>()
  let ratchets = 0
  client.hooks.commit = async (write, changes) => {
    if ('session' in changes) ratchets += 1
    await durable
    await write()
  }
  const sent = async () => (await control().stats())['messagesFromCompanions']
  const before = await sent()
  const sends = Array.from({ length: 20 }, (_, at) => client.text(friend, `dropped ${at}`))
  // One does not wait for the disk with the other.
  await until('all ratchets', () => ratchets >= 20)
  expect(await sent()).toBe(before)
  client.drop()
  const atDrop = ratchets
  finish(undefined)
  const kinds = (await Promise.all(sends)).map(({ outcome }) => outcome.kind)
  expect(kinds.filter((kind) => kind !== 'unknown' && kind !== 'not_sent')).toEqual([])
  client.hooks.commit = (write) => write()
  await client.login()
  await client.socket.probe(5_000)
  expect(ratchets).toBe(atDrop)
  expect(await sent()).toBe(before)
  expect((await client.text(friend, 'after the drop')).outcome.kind).toBe('acked')
})

test('frames leave in the order in which they were made, and each when its ratchet is durable', async () => {
  const finishes: (() => void)[] = []
  client.hooks.commit = async (write, changes) => {
    if ('session' in changes) await new Promise<void>((resolve) => finishes.push(resolve))
    await write()
  }
  const sent = async () => (await control().stats())['messagesFromCompanions'] ?? 0
  const before = await sent()
  const sends = ['one', 'two', 'three'].map((text) => client.text(friend, text))
  await until('all ratchets', () => finishes.length >= 3)
  const gaps = finishes.length / 3
  for (const finish of finishes.slice(0, gaps)) finish()
  await until('the first', async () => (await sent()) === before + 1)
  // A later commit alone lets nothing pass.
  for (const finish of finishes.slice(2 * gaps)) finish()
  expect((await sends[0])?.outcome.kind).toBe('acked')
  expect(await sent()).toBe(before + 1)
  for (const finish of finishes.slice(gaps, 2 * gaps)) finish()
  for (const send of sends) expect((await send).outcome.kind).toBe('acked')
  expect(await sent()).toBe(before + 3)
  client.hooks.commit = (write) => write()
})

test('a stanza that the server delivers twice is one message, and both deliveries are confirmed', async () => {
  await control().send(friend, own, 'before')
  await until('the message', async () => (await client.inbox()).some(({ text }) => text === 'before'))
  await control().post('/faults', { kind: 'duplicate', device: own })
  await control().send(friend, own, 'doubled')
  await until('both', () => client.events.filter((event) => event === 'journaled').length >= 2)
  await untilQuiet(sandbox, own)
  expect((await client.inbox()).filter(({ text }) => text === 'doubled')).toHaveLength(1)
  expect(client.events).not.toContain('undecryptable')
})

test('after a restart the conversation goes on without a new session', async () => {
  await client.text(friend, 'one more')
  const before = await control().stats()
  client.drop()
  await client.login()
  expect((await client.text(friend, 'after the restart')).outcome.kind).toBe('acked')
  await until('the message', async () => (await received('after the restart')) === 1)
  const after = await control().stats()
  expect(after['oneTimePreKeysServed']).toBe(before['oneTimePreKeysServed'])
})
