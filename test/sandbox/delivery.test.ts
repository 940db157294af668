import type { BinaryNode } from '@whiskeysockets/baileys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type Client, controlOf, linked, login, until } from './client.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  await controlOf(sandbox).phone('15552000', 'Bob')
})
afterAll(() => sandbox.close())

const bob = '15552000'

const newClient = async (number: string): Promise<Client> => {
  await controlOf(sandbox).phone(number)
  const client = await linked(sandbox, number)
  await until('the initial sync', () => client.creds.myAppStateKeyId)
  await nothingWaits(number)
  return client
}

const waiting = async (number: string): Promise<number> => {
  const { companions } = await controlOf(sandbox).get<{ companions: { waiting: number }[] }>(
    `/phones/${number}`,
  )
  return companions[0]?.waiting ?? 0
}

const nothingWaits = (number: string) => until('an empty mailbox', async () => (await waiting(number)) === 0)

const gone = (number: string) =>
  until('the socket to go', async () => {
    const { companions } = await controlOf(sandbox).get<{ companions: { connected: boolean }[] }>(
      `/phones/${number}`,
    )
    return companions[0]?.connected === false
  })

const countOf = (client: Client, id: string): number =>
  client.received.filter(({ message }) => message.key.id === id && message.message).length

const arrived = (client: Client, id: string) => until(`message ${id}`, () => countOf(client, id) > 0)

describe('the offline queue', () => {
  test('is delivered in order at login, as offline, and then the client is told that it is done', async () => {
    const control = controlOf(sandbox)
    const client = await newClient('15552001')
    await client.close()
    await gone('15552001')
    const ids: string[] = []
    for (const text of ['one', 'two', 'three']) ids.push(await control.send(bob, '15552001', text))
    expect(await waiting('15552001')).toBe(3)
    client.received.length = 0
    client.nodes.length = 0
    await login(client)
    for (const id of ids) await arrived(client, id)
    expect(client.received.map(({ message }) => message.key.id)).toEqual(ids)
    expect(client.received.every(({ type }) => type === 'append')).toBe(true)
    const offline = client.nodes.filter((node) => node.tag === 'message').map((node) => node.attrs['offline'])
    expect(offline).toEqual(['0', '1', '2'])
    await until('the end of the queue', () =>
      client.updates.some((update) => update.receivedPendingNotifications === true),
    )
    await nothingWaits('15552001')
    const { offlineDelivered = 0 } = await control.stats()
    expect(offlineDelivered).toBeGreaterThanOrEqual(3)
    await client.close()
  })

  test('holds what arrives live until the backlog is confirmed', async () => {
    const control = controlOf(sandbox)
    const client = await newClient('15552002')
    await client.close()
    await gone('15552002')
    const first = await control.send(bob, '15552002', 'backlog')
    client.updates.length = 0
    const socket = client.connect()
    const withheld: BinaryNode[] = []
    const handlers = socket.ws.listeners('CB:message') as ((node: BinaryNode) => void)[]
    socket.ws.removeAllListeners('CB:message')
    socket.ws.on('CB:message', (node: BinaryNode) => withheld.push(node))
    await until('the backlog', () => withheld.length === 1)
    const second = await control.send(bob, '15552002', 'live')
    expect(await waiting('15552002')).toBe(2)
    expect(withheld.map((node) => node.attrs['id'])).toEqual([first])
    socket.ws.removeAllListeners('CB:message')
    for (const handler of handlers) socket.ws.on('CB:message', handler)
    for (const node of withheld) for (const handler of handlers) handler(node)
    await arrived(client, second)
    expect(client.nodes.findLast((node) => node.attrs['id'] === second)?.attrs['offline']).toBeUndefined()
    await client.close()
  })

  test('a message that was written and not receipted is written again at the next login', async () => {
    const control = controlOf(sandbox)
    const client = await newClient('15552003')
    client.socket.ws.removeAllListeners('CB:message')
    const id = await control.send(bob, '15552003', 'again')
    await until('the stanza', () => client.nodes.some((node) => node.attrs['id'] === id))
    expect(countOf(client, id)).toBe(0)
    await client.close()
    await login(client)
    await arrived(client, id)
    await nothingWaits('15552003')
    const { redelivered = 0 } = await control.stats()
    expect(redelivered).toBeGreaterThanOrEqual(1)
    await client.close()
  })

  test('receipts that were missed come at the next login too', async () => {
    const control = controlOf(sandbox)
    const client = await newClient('15552004')
    const sent = await client.socket.sendMessage(`${bob}@s.whatsapp.net`, { text: 'to be read' })
    const id = sent?.key.id ?? ''
    await until('delivery', () => client.statuses.some((each) => each.id === id && each.status === 3))
    await client.close()
    await gone('15552004')
    await control.post(`/phones/${bob}/read`, { chat: '15552004' })
    await login(client)
    await until('read', () => client.statuses.some((each) => each.id === id && each.status === 4))
    await client.close()
  })
})

describe('pre-keys', () => {
  const ask = async (client: Client, jid: string): Promise<BinaryNode | undefined> => {
    const content = [{ tag: 'key', attrs: {}, content: [{ tag: 'user', attrs: { jid } }] }]
    const attrs = { to: '@s.whatsapp.net', type: 'get', xmlns: 'encrypt' }
    const answer = (await client.socket.query({ tag: 'iq', attrs, content })) as BinaryNode
    const list = (answer.content as BinaryNode[])[0]
    return (list?.content as BinaryNode[] | undefined)?.[0]
  }
  const part = (user: BinaryNode | undefined, tag: string): BinaryNode | undefined =>
    Array.isArray(user?.content) ? user.content.find((each) => each.tag === tag) : undefined

  test('a one-time key is handed out once, under the number as under the LID', async () => {
    const client = await newClient('15552011')
    const { jid, lid } = (
      await controlOf(sandbox).get<{ companions: { jid: string; lid: string }[] }>('/phones/15552011')
    ).companions[0] ?? { jid: '', lid: '' }
    const seen = new Set<string>()
    for (const name of [jid, lid, jid, lid]) {
      const key = part(await ask(client, name), 'key')
      seen.add(JSON.stringify(part(key, 'id')?.content))
    }
    expect(seen.size).toBe(4)
    await client.close()
  })

  test('a phone gives a fresh key each time, and an unknown device an error', async () => {
    const client = await newClient('15552012')
    const ids = [await ask(client, `${bob}@s.whatsapp.net`), await ask(client, `${bob}@s.whatsapp.net`)].map(
      (user) => JSON.stringify(part(part(user, 'key'), 'id')?.content),
    )
    expect(ids[0]).not.toBe(ids[1])
    expect(part(await ask(client, `${bob}:9@s.whatsapp.net`), 'error')?.attrs['code']).toBe('404')
    await client.close()
  })
})

describe('retries', () => {
  test('a companion that cannot decrypt asks, and the phone encrypts again', async () => {
    const control = controlOf(sandbox)
    const client = await newClient('15552021')
    await client.socket.sendMessage(`${bob}@s.whatsapp.net`, { text: 'a session both ways' })
    await arrived(client, await control.send(bob, '15552021', 'fine'))
    for (const row of client.keys.rows.keys()) if (row.startsWith('session ')) client.keys.rows.delete(row)
    const id = await control.send(bob, '15552021', 'lost key')
    await arrived(client, id)
    const { retryReceiptsFromCompanions = 0, resentByPhones = 0 } = await control.stats()
    expect(retryReceiptsFromCompanions).toBeGreaterThanOrEqual(1)
    expect(resentByPhones).toBeGreaterThanOrEqual(1)
    await client.close()
  })

  test('a phone that cannot decrypt asks, and shows the message when it comes again', async () => {
    const control = controlOf(sandbox)
    const client = await newClient('15552022')
    const to = `${bob}@s.whatsapp.net`
    await client.socket.sendMessage(to, { text: 'first' })
    const before = new Map([...client.keys.rows].map(([name, value]) => [name, structuredClone(value)]))
    await client.socket.sendMessage(to, { text: 'counter used' })
    for (const [name, value] of before) if (name.startsWith('session ')) client.keys.rows.set(name, value)
    const sent = await client.socket.sendMessage(to, { text: 'counter used twice' })
    await until('the message', async () =>
      (await control.messages(bob)).some((message) => message.id === sent?.key.id),
    )
    const { undecryptable = 0, retryReceiptsFromPhones = 0 } = await control.stats()
    expect(undecryptable).toBeGreaterThanOrEqual(1)
    expect(retryReceiptsFromPhones).toBeGreaterThanOrEqual(1)
    await client.close()
  })
})

test('an unknown iq is answered with 501, and its name is in the stats', async () => {
  const client = await newClient('15552031')
  const attrs = { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:nothing' }
  await expect(client.socket.query({ tag: 'iq', attrs, content: [] })).rejects.toMatchObject({ data: 501 })
  const stats = await controlOf(sandbox).get<{ unknownIqNames: object }>('/stats')
  expect(stats.unknownIqNames).toEqual({ 'get w:nothing': 1 })
  await client.close()
})

test('contacts hear of a new device and send to it at once', async () => {
  const control = controlOf(sandbox)
  const client = await newClient('15552041')
  await control.phone('15552042')
  await client.socket.sendMessage('15552042@s.whatsapp.net', { text: 'to the phone alone' })
  const other = await linked(sandbox, '15552042')
  await until('the news', () => client.nodes.some((node) => node.attrs['type'] === 'devices'))
  const sent = await client.socket.sendMessage('15552042@s.whatsapp.net', { text: 'to both' })
  await arrived(other, sent?.key.id ?? '')
  await client.close()
  await other.close()
})
