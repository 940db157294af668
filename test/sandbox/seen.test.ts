/** What a stock Baileys client hears of phones that do more than write. */
import type { BaileysEventMap, BinaryNode } from '@whiskeysockets/baileys'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type Client, closeCode, controlOf, createClient, linked, shownQr, until } from './client.ts'

const [ana, bob] = ['15562001', '15562002']
const jid = (number: string): string => `${number}@s.whatsapp.net`
let bobLid = ''

let sandbox: Sandbox
let client: Client
const events: { readonly name: string; readonly data: unknown }[] = []
const stanzas: BinaryNode[] = []

const follow = (...names: (keyof BaileysEventMap)[]): void => {
  for (const name of names) client.socket.ev.on(name, (data) => events.push({ name, data }))
}

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, bob]) await controlOf(sandbox).phone(number, `Name of ${number}`)
  bobLid = String((await controlOf(sandbox).call('GET', `/phones/${bob}`)).body['lid'])
  client = await linked(sandbox, ana)
  follow('chats.update', 'chats.delete', 'contacts.upsert', 'contacts.update', 'groups.update', 'call')
  follow('presence.update', 'labels.edit', 'labels.association', 'messaging-history.set')
  client.socket.ws.on('frame', (node: BinaryNode) => stanzas.push(node))
  await until('the app state key', () => client.creds.myAppStateKeyId)
  await until('the first sync', () => client.creds.accountSyncCounter)
  await controlOf(sandbox).send(bob, ana, 'so that they know each other')
  await until('the message', () => client.received.length > 0)
})
afterAll(async () => {
  await client.close()
  await sandbox.close()
})

const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
  const answer = await controlOf(sandbox).post(path, body)
  if (answer.status >= 300) throw new Error(String(answer.body.error))
  return answer.body
}
/** The client hears of an event that has all of `part`. */
const heard = (name: keyof BaileysEventMap, part: unknown): Promise<unknown> =>
  until(`${name} ${JSON.stringify(part)}`, () => {
    try {
      expect(events.filter((event) => event.name === name).map(({ data }) => data)).toContainEqual(part)
      return true
    } catch {
      return false
    }
  })
const one = (part: object): unknown => [expect.objectContaining(part)]
const all = (part: object): unknown => expect.objectContaining(part)

test('what the owner does to a chat comes as the state of the account', async () => {
  const chat = bob
  const id = bobLid
  await post(`/phones/${ana}/chats`, { chat, archived: true })
  await heard('chats.update', one({ id, archived: true }))
  await post(`/phones/${ana}/chats`, { chat, pinned: true })
  await heard('chats.update', one({ id, pinned: expect.any(Number) }))
  await post(`/phones/${ana}/chats`, { chat, mutedSeconds: 0 })
  await heard('chats.update', one({ id, muteEndTime: -1 }))
  await post(`/phones/${ana}/chats`, { chat, mutedSeconds: null })
  await heard('chats.update', one({ id, muteEndTime: null }))
  await post(`/phones/${ana}/chats`, { chat, read: false })
  await heard('chats.update', one({ id, unreadCount: -1 }))
  await post(`/phones/${ana}/chats`, { chat, delete: true })
  await heard('chats.delete', [id])
  await post(`/phones/${ana}/contacts`, { number: bob, name: 'Bobby' })
  await heard('contacts.upsert', one({ id: jid(bob), name: 'Bobby', lid: bobLid }))
  await post(`/phones/${ana}/labels`, { id: '5', name: 'Paid', color: 2 })
  await heard('labels.edit', all({ id: '5', name: 'Paid', color: 2, deleted: false }))
  await post(`/phones/${ana}/labels/5`, { chat, message: 'M1' })
  await heard('labels.association', {
    type: 'add',
    association: { type: 'label_message', chatId: id, labelId: '5', messageId: 'M1' },
  })
})

test('phone and companion write to the state in turns, and both read all of it', async () => {
  const id = await controlOf(sandbox).send(bob, ana, 'a star')
  await until('it', () => client.received.some(({ message }) => message.key.id === id && message.message))
  for (const on of [true, false]) {
    await Promise.all([
      client.socket.star(jid(bob), [{ id, fromMe: false }], on),
      post(`/phones/${ana}/chats`, { chat: bob, archived: on }),
      post(`/phones/${ana}/chats`, { chat: ana, pinned: on }),
    ])
  }
  const entries = await controlOf(sandbox).get<{ index: string[] }[]>(`/phones/${ana}/app-state`)
  expect(entries.map(({ index }) => index.slice(0, 2))).toEqual(
    expect.arrayContaining([
      ['archive', bobLid],
      ['star', jid(bob)],
    ]),
  )
  expect((await controlOf(sandbox).stats())['appStateUnreadable']).toBe(0)
})

test('a companion that is linked later gets the state as it is', async () => {
  const later = createClient(sandbox)
  later.connect()
  await post(`/phones/${ana}/scan`, { qr: await shownQr(later) })
  await until('515', () => closeCode(later))
  const labels: unknown[] = []
  later.connect().ev.on('labels.edit', (label) => labels.push(label))
  await until('the label', () => labels.length > 0)
  expect(labels).toEqual([expect.objectContaining({ id: '5', name: 'Paid' })])
  await later.close()
})

test('a group is renamed, described and closed, and its answer says so too', async () => {
  const { jid: id } = await post('/groups', { subject: 'Team', owner: bob, members: [ana] })
  const changes = {
    subject: 'New',
    description: 'For all',
    announce: true,
    locked: true,
    expiresInSeconds: 60,
  }
  expect(await post(`/groups/${String(id)}`, changes)).toMatchObject(changes)
  await heard('groups.update', one({ id, subject: 'New', author: bobLid }))
  await heard('chats.update', one({ id, ephemeralExpiration: 60 }))
  expect(await client.socket.groupMetadata(String(id))).toMatchObject({
    subject: 'New',
    desc: 'For all',
    announce: true,
    restrict: true,
    ephemeralDuration: 60,
  })
  await post(`/groups/${String(id)}`, { picture: 'changed' })
  await heard('contacts.update', one({ id, imgUrl: 'changed' }))
})

test('people show themselves, are there or not, and type', async () => {
  await post(`/phones/${bob}/profile`, { picture: 'removed' })
  await heard('contacts.update', one({ id: bobLid, imgUrl: 'removed' }))
  await post(`/phones/${bob}/profile`, { about: 'Away' })
  const about = await until('the words', () =>
    stanzas.find(({ tag, attrs }) => tag === 'notification' && attrs['type'] === 'status'),
  )
  expect(about.attrs['from']).toBe(bobLid)
  await post(`/phones/${bob}/presence`, { to: ana, state: 'unavailable', lastSeen: 1_800_000_000 })
  await heard('presence.update', {
    id: bobLid,
    presences: { [bobLid]: all({ lastKnownPresence: 'unavailable', lastSeen: 1_800_000_000 }) },
  })
})

test.each([
  ['accept', 'accept'],
  ['reject', 'reject'],
  ['timeout', 'timeout'],
  ['terminate', 'terminate'],
])('a call comes to %s', async (step, status) => {
  const { id } = await post(`/phones/${bob}/calls`, { to: ana, video: true })
  await heard('call', one({ id, status: 'offer', isVideo: true, callerPn: jid(bob), from: bobLid }))
  await post(`/calls/${String(id)}`, { step })
  await heard('call', one({ id, status }))
})

test('a part of the history comes later', async () => {
  await post(`/phones/${ana}/history`, { kind: 'recent', progress: 40 })
  await heard('messaging-history.set', all({ syncType: 3, progress: 40 }))
})
