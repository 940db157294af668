import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, eventually } from './processes.ts'
import { World } from './world.ts'

let world: World
let gateway: Command
const [owner, ana, ben] = ['15551801', '15551891', '15551892']
const people: Record<string, { readonly jid: string; readonly lid: string; readonly phone: string }> = {}
const chats: Record<string, { readonly chat: string; readonly chatLid: string }> = {}
let group = ''

interface Seen {
  readonly seq: number
  readonly type: string
  readonly data: unknown
}

/** All that is about neither messages nor the device. */
const seenAfter = (seq: number): Seen[] =>
  world
    .query<{ seq: number; type: string; data: string }>(
      `select seq, type, data from events where seq > ? and device_id = 'dev'
        and type not like 'message.%' and type not like 'device.%' and type not like 'operation.%' order by seq`,
      seq,
    )
    .map(({ data, ...event }) => ({ ...event, data: JSON.parse(data) as unknown }))

let last = 0

/** What people do there comes to these events, each once, in that order. */
const comesTo = async (
  work: () => Promise<unknown>,
  ...expected: readonly [string, object][]
): Promise<void> => {
  await work()
  await eventually(expected.map(([type]) => type).join(', '), () => seenAfter(last).length >= expected.length)
  const seen = seenAfter(last)
  last = seen.at(-1)?.seq ?? last
  expect(seen.map(({ type, data }) => [type, data])).toEqual(expected)
}

const post = async (route: string, body: object): Promise<Record<string, unknown>> => {
  const answer = await world.phone('POST', route, body)
  if (answer.status >= 300) throw new Error(JSON.stringify(answer))
  return answer.body
}

/** A message has come all the way: whatever was sent before it has been taken in. */
const fence = async (): Promise<void> => {
  const id = await world.phoneSend(ben, { to: owner, text: 'fence' })
  await eventually('the fence has come', async () =>
    (await world.messages('dev', '&direction=inbound')).some(({ whatsappId }) => whatsappId === id),
  )
}

const initialState = async (): Promise<void> => {
  await post(`/phones/${owner}/contacts`, { number: ana, name: 'Ana of before' })
  await post(`/phones/${owner}/chats`, {
    chat: ana,
    archived: true,
    pinned: true,
    mutedSeconds: 0,
    read: false,
  })
  await post(`/phones/${owner}/labels`, { id: '1', name: 'Old' })
  await post(`/phones/${owner}/labels/1`, { chat: ana })
}

beforeAll(async () => {
  world = await World.open()
  gateway = await world.startGateway()
  for (const number of [owner, ana, ben]) {
    await world.createPhone(number, `Name of ${number}`)
    const { body } = await world.phone('GET', `/phones/${number}`)
    const [jid, lid] = [String(body['jid']), String(body['lid'])]
    people[number] = { jid, lid, phone: number }
    chats[number] = { chat: jid, chatLid: lid }
  }
  await world.phoneSend(ana, { to: owner, text: 'before the link' })
  await initialState()
  await world.link('dev', owner)
}, 90_000)
afterAll(() => world.close())

test('how things are when a device is linked is one event of history, and no change of anything', async () => {
  await eventually('the history has come', () => seenAfter(0).length > 0)
  await eventually('the state has been read', () => {
    const [row] = world.query<{ data: string }>(
      `select creds as data from auth_creds where device_id = 'dev'`,
    )
    return (row?.data ?? '').includes('"accountSyncCounter":1')
  })
  await world.phoneSend(ana, { to: owner, text: 'hello' })
  await fence()
  const seen = seenAfter(0)
  expect(seen.map(({ type, data }) => ({ type, data }))).toEqual([
    { type: 'history.synced', data: { kind: 'initial', chats: 1, contacts: 1, messages: 1, progress: 100 } },
  ])
  last = seen.at(-1)?.seq ?? 0
})

test('a group: who comes and goes, and what it is called', async () => {
  const by = people[ana]
  const members = [people[ben]]
  await comesTo(async () => {
    group = await world.createGroup(ana, [owner])
  }, ['group.joined', { chat: expect.stringMatching(/@g\.us$/) as unknown, subject: 'Group', by }])
  await comesTo(
    () => post(`/groups/${group}/members`, { add: [ben] }),
    ['group.members_changed', { chat: group, change: 'added', members, by }],
  )
  for (const [verb, change] of [
    ['promote', 'promoted'],
    ['demote', 'demoted'],
    ['remove', 'removed'],
  ] as const) {
    await comesTo(
      () => post(`/groups/${group}/members`, { [verb]: [ben] }),
      ['group.members_changed', { chat: group, change, members, by }],
    )
  }
  for (const change of [
    { subject: 'Another name' },
    { description: 'What it is for' },
    { description: null },
    { announce: true },
    { announce: false },
    { locked: true },
    { locked: false },
    { expiresInSeconds: 86_400 },
    { expiresInSeconds: 0 },
    { picture: 'changed' },
    { picture: 'removed' },
  ]) {
    await comesTo(() => post(`/groups/${group}`, change), ['group.updated', { chat: group, by, ...change }])
  }
  await comesTo(
    () => post(`/groups/${group}`, { subject: 'Both', announce: true }),
    ['group.updated', { chat: group, by, subject: 'Both' }],
    ['group.updated', { chat: group, by, announce: true }],
  )
  await comesTo(
    () => post(`/groups/${group}/members`, { remove: [owner] }),
    ['group.left', { chat: group, subject: null, by }],
  )
  await comesTo(
    () => post(`/groups/${group}/members`, { add: [owner, ben] }),
    ['group.joined', { chat: group, subject: null, by }],
    ['group.members_changed', { chat: group, change: 'added', members, by }],
  )
})

test('what people show of themselves, and how the owner calls them', async () => {
  const contact = people[ana]
  const changed = (more: object): [string, object] => ['contact.updated', { contact, ...more }]
  await comesTo(() => post(`/phones/${ana}/profile`, { picture: 'changed' }), changed({ picture: 'changed' }))
  await comesTo(() => post(`/phones/${ana}/profile`, { picture: 'removed' }), changed({ picture: 'removed' }))
  await comesTo(() => post(`/phones/${ana}/profile`, { about: 'Am Meer' }), changed({ about: 'Am Meer' }))
  await comesTo(
    () => post(`/phones/${owner}/contacts`, { number: ana, name: 'Ana A.' }),
    changed({ name: 'Ana A.' }),
  )
  await comesTo(
    async () => {
      await world.createPhone(ana, 'Ana anew')
      for (const text of ['one', 'two']) await world.phoneSend(ana, { to: owner, text })
    },
    changed({ pushName: 'Ana anew' }),
  )
})

test('what the owner does to a chat on the phone', async () => {
  const chat = chats[ana]
  const changed = (more: object): [string, object] => ['chat.updated', { ...chat, ...more }]
  for (const [change, more] of [
    [{ archived: false }, { archived: false }],
    [{ archived: true }, { archived: true }],
    [{ pinned: false }, { pinned: false }],
    [{ mutedSeconds: null }, { muted: false, mutedUntil: null }],
    [{ mutedSeconds: 0 }, { muted: true, mutedUntil: null }],
    [{ read: false }, { read: false }],
    [{ read: true }, { read: true }],
  ] as const) {
    await comesTo(() => post(`/phones/${owner}/chats`, { chat: ana, ...change }), changed(more))
  }
  await comesTo(
    () => post(`/phones/${owner}/chats`, { chat: ana, mutedSeconds: 3_600 }),
    changed({ muted: true, mutedUntil: expect.stringMatching(/^\d{4}-.*Z$/) as unknown }),
  )
  await comesTo(
    () => post(`/phones/${owner}/chats`, { chat: group, pinned: true }),
    ['chat.updated', { chat: group, chatLid: null, pinned: true }],
  )
  await comesTo(
    () => post(`/phones/${owner}/chats`, { chat: ana, clear: true }),
    ['chat.cleared', { ...chat }],
  )
  await comesTo(
    () => post(`/phones/${owner}/chats`, { chat: ana, delete: true }),
    ['chat.deleted', { ...chat }],
  )
})

test('labels of chats and messages', async () => {
  const label = { name: 'Paid', color: 4 }
  await comesTo(
    () => post(`/phones/${owner}/labels`, { id: '7', ...label }),
    ['label.updated', { labelId: '7', ...label, deleted: false }],
  )
  const on = { labelId: '7', ...chats[ana] }
  await comesTo(
    () => post(`/phones/${owner}/labels/7`, { chat: ana }),
    ['label.assigned', { ...on, whatsappId: null }],
  )
  await comesTo(
    () => post(`/phones/${owner}/labels/7`, { chat: ana, message: 'M1' }),
    ['label.assigned', { ...on, whatsappId: 'M1' }],
  )
  await comesTo(
    () => post(`/phones/${owner}/labels/7`, { chat: ana, assigned: false }),
    ['label.unassigned', { ...on, whatsappId: null }],
  )
  await comesTo(
    () => post(`/phones/${owner}/labels`, { id: '7', ...label, deleted: true }),
    ['label.updated', { labelId: '7', ...label, deleted: true }],
  )
})

test('who is there, who types, and since when somebody is gone', async () => {
  const from = people[ana]
  const state = (name: string, lastSeenAt: string | null = null, chat: object | undefined = chats[ana]) =>
    ['presence.updated', { ...chat, from, state: name, lastSeenAt }] as [string, object]
  for (const name of ['composing', 'recording', 'paused']) {
    await comesTo(() => post(`/phones/${ana}/typing`, { to: owner, state: name }), state(name))
  }
  await comesTo(
    async () => {
      for (let times = 0; times < 5; times++) await post(`/phones/${ana}/typing`, { to: group })
    },
    state('composing', null, { chat: group, chatLid: null }),
  )
  await comesTo(() => post(`/phones/${ana}/presence`, { to: owner, state: 'available' }), state('available'))
  await comesTo(
    () => post(`/phones/${ana}/presence`, { to: owner, state: 'unavailable', lastSeen: 1_800_000_000 }),
    state('unavailable', '2027-01-15T08:00:00.000Z'),
  )
})

test('calls: taken, refused, missed', async () => {
  const call = async (body: object = {}): Promise<string> =>
    String((await post(`/phones/${ana}/calls`, { to: owner, ...body }))['id'])
  const said = (news: string, callId: unknown, video = false): [string, object] => [
    `call.${news}`,
    { callId, ...chats[ana], from: people[ana], video, group: false },
  ]
  const any = expect.stringMatching(/^[0-9A-F]{32}$/) as unknown
  let id = ''
  const next = (step: string) => () => post(`/calls/${id}`, { step })
  const begin = (video: boolean) => async () => {
    id = await call({ video })
  }
  await comesTo(begin(false), said('received', any))
  await comesTo(next('accept'), said('accepted', id))
  await comesTo(next('terminate'), said('ended', id))
  await comesTo(begin(true), said('received', any, true))
  await comesTo(next('reject'), said('rejected', id, true))
  await next('terminate')()
  await comesTo(begin(false), said('received', any))
  await comesTo(next('timeout'), said('missed', id))
})

test('a part of the history that comes later', async () => {
  await comesTo(
    () => post(`/phones/${owner}/history`, { kind: 'recent', progress: 40 }),
    [
      'history.synced',
      { kind: 'recent', chats: 2, contacts: 2, messages: expect.any(Number) as unknown, progress: 40 },
    ],
  )
})

test('what happens while the connector is dead is noted once when another has taken over', async () => {
  const by = people[ana]
  const pid = await eventually('a connector runs', () => gateway.pidOf('connector'))
  process.kill(pid, 'SIGKILL')
  await comesTo(
    async () => {
      await post(`/groups/${group}`, { subject: 'Meanwhile' })
      await post(`/groups/${group}`, { locked: true })
      await post(`/groups/${group}/members`, { remove: [ben] })
      await post(`/phones/${ana}/profile`, { picture: 'changed' })
    },
    ['group.updated', { chat: group, by, subject: 'Meanwhile' }],
    ['group.updated', { chat: group, by, locked: true }],
    ['group.members_changed', { chat: group, change: 'removed', members: [people[ben]], by }],
    ['contact.updated', { contact: by, picture: 'changed' }],
  )
  await world.untilStatus('dev', 'connected')
  await comesTo(
    () => post(`/phones/${owner}/chats`, { chat: ana, pinned: true }),
    ['chat.updated', { ...chats[ana], pinned: true }],
  )
}, 60_000)

test('nothing came twice, and no handler failed', async () => {
  await fence()
  expect(seenAfter(last)).toEqual([])
  const words = world.logLines.map(({ msg }) => String(msg))
  expect(words.filter((line) => /could not be told|not noted/.test(line))).toEqual([])
})
