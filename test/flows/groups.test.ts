import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type MessageBody, World } from './world.ts'

let world: World
let gateway: Command
const number = '15550701'
const friends = ['15550791', '15550792', '15550793']
const [ana = '', ben = '', cleo = ''] = friends
beforeAll(async () => {
  world = await World.open()
  gateway = await world.startGateway()
  for (const friend of friends) await world.createPhone(friend, `Name of ${friend}`)
  await world.link('dev', number)
}, 90_000)
afterAll(() => closePromised(world))

let killed: number | undefined
const killConnector = async (): Promise<void> => {
  killed = await eventually('a connector runs', () => {
    const pid = gateway.pidOf('connector')
    return pid === killed ? undefined : pid
  })
  process.kill(killed, 'SIGKILL')
}
const send = async (group: string, message: string, wait = true): Promise<string> => {
  const { status, body } = await world.api(
    'POST',
    '/api/devices/dev/send',
    { to: group, message },
    wait ? {} : { Prefer: 'respond-async' },
  )
  expect(status).toBe(wait ? 200 : 202)
  expect(body['to']).toBe(group)
  return String(body['id'])
}
const says = async (phone: string, group: string, text: string): Promise<string> => {
  const { status, body } = await world.phone('POST', `/phones/${phone}/messages`, { to: group, text })
  expect(status).toBe(201)
  return String(body['id'])
}
const shown = async (phone: string, group: string): Promise<string[]> =>
  (await world.phoneMessages(phone)).filter(({ chat }) => chat === group).map(({ text }) => text)
const inbound = async (group: string): Promise<MessageBody[]> =>
  (await world.messages('dev', `&direction=inbound&chat=${group}`)).toReversed()
const textsOf = (messages: readonly MessageBody[]): (string | null)[] => messages.map(({ text }) => text)

test('a message to a group is sent, shown on the phone of every member, and listed under the group', async () => {
  const group = await world.createGroup(number, friends)
  // News of a group that comes after the question makes its answer old, and it is asked again.
  await eventually('the device has heard of the group', async () => {
    const { body } = await world.phone('GET', `/phones/${number}`)
    return (body['companions'] as unknown as { waiting: number }[]).every(({ waiting }) => waiting === 0)
  })
  const before = await world.stats()
  const ids = [await send(group, 'to all of you'), await send(group, 'once more')]
  for (const phone of [number, ...friends]) {
    await eventually(`${phone} shows both`, async () => (await shown(phone, group)).length === 2)
    expect(await shown(phone, group)).toEqual(['to all of you', 'once more'])
  }
  await eventually('both are delivered to all members', async () => {
    const listed = await world.messages('dev', `&direction=outbound&chat=${group}`)
    expect(listed.map(({ whatsappId }) => whatsappId)).toEqual(ids.toReversed())
    return listed.every(({ status }) => status === 'delivered')
  })
  const after = await world.stats()
  expect(after['undecryptable']).toBe(before['undecryptable'])
  expect((after['groupQueries'] ?? 0) - (before['groupQueries'] ?? 0)).toBe(1)
})

test('a message of a member is stored once, with the group as its chat and the member as its sender', async () => {
  const group = await world.createGroup(ana, [number, ben])
  await world.fault('duplicate', { device: number })
  const id = await says(ben, group, 'hello group')
  const [message] = await eventually('it is stored', async () => {
    const messages = await inbound(group)
    return messages.length > 0 && messages
  })
  expect(message).toMatchObject({
    whatsappId: id,
    chat: group,
    text: 'hello group',
    sender: { phone: ben, name: `Name of ${ben}` },
  })
  await says(ana, group, 'and another')
  await eventually('the other is stored', async () => (await inbound(group)).length > 1)
  expect(textsOf(await inbound(group))).toEqual(['hello group', 'and another'])
})

test('what is written on the own phone in a group is listed as outbound', async () => {
  const group = await world.createGroup(number, [ana])
  await says(number, group, 'by hand')
  await eventually('it is listed', async () => {
    const [message] = await world.messages('dev', `&direction=outbound&chat=${group}`)
    return message?.text === 'by hand' && message.sender.phone === number
  })
})

test('first messages of a group that cross on the way are all read', async () => {
  const before = await world.stats()
  const groups = await Promise.all([1, 2, 3].map(() => world.createGroup(number, friends)))
  await Promise.all(
    groups.flatMap((group) => [
      ...['out 1', 'out 2'].map((text) => send(group, text, false)),
      ...friends.map((friend) => says(friend, group, `from ${friend}`)),
    ]),
  )
  for (const group of groups) {
    await eventually('all are stored', async () => (await inbound(group)).length === friends.length)
    expect(new Set(textsOf(await inbound(group)))).toEqual(new Set(friends.map((each) => `from ${each}`)))
    for (const friend of friends) {
      const out = async () => (await shown(friend, group)).filter((text) => text.startsWith('out'))
      await eventually('all are shown', async () => (await out()).length === 2, 30_000)
      expect(await out()).toEqual(['out 1', 'out 2'])
    }
  }
  expect((await world.stats())['undecryptable']).toBe(before['undecryptable'])
})

test('a new member reads what comes after, a former one nothing more, and no cache is in the way', async () => {
  const group = await world.createGroup(number, [ana, ben])
  await send(group, 'before')
  await world.phone('POST', `/groups/${group}/members`, { add: [cleo], remove: [ana] })
  await eventually('the notification is worked off', async () => {
    const { body } = await world.phone('GET', `/phones/${number}`)
    const [companion] = body['companions'] as unknown as { waiting: number }[]
    return companion?.waiting === 0
  })
  const before = await world.stats()
  await send(group, 'after')
  for (const phone of [ben, cleo]) {
    await eventually(`${phone} shows it`, async () => (await shown(phone, group)).includes('after'))
  }
  expect(await shown(cleo, group)).toEqual(['after'])
  expect(await shown(ana, group)).toEqual(['before'])
  expect((await world.stats())['undecryptable']).toBe(before['undecryptable'])
})

test('a message to a group that the account is not in fails with a reason', async () => {
  const group = await world.createGroup(ana, [ben])
  const { status, body } = await world.api('POST', '/api/devices/dev/send', { to: group, message: 'hello?' })
  expect(status).toBe(502)
  expect(JSON.stringify(body)).toContain('403')
})

test('drops and kill -9 of the connector in the middle of group traffic lose nothing, double nothing and keep the order', async () => {
  const group = await world.createGroup(number, friends)
  const before = await world.stats()
  const out: string[] = []
  const into: string[] = []
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 8; index += 1) {
      const text = `out ${round}.${index}`
      await send(group, text, false)
      out.push(text)
      const back = `in ${round}.${index}`
      await says(ana, group, back)
      into.push(back)
      if (index === 2 + round) await world.fault('drop', { device: number })
      if (index === 6) await killConnector()
    }
  }
  for (const friend of friends) {
    await eventually(
      `${friend} shows all`,
      async () => {
        const texts = await shown(friend, group)
        return out.every((text) => texts.includes(text))
      },
      60_000,
    )
    expect((await shown(friend, group)).filter((text) => text.startsWith('out'))).toEqual(out)
  }
  await eventually('all are stored', async () => (await inbound(group)).length >= into.length, 60_000)
  const stored = textsOf(await inbound(group))
  expect(stored).toHaveLength(into.length)
  expect(new Set(stored)).toEqual(new Set(into))
  expect((await world.stats())['undecryptable']).toBe(before['undecryptable'])
}, 150_000)
