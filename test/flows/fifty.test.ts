/** A group of 50, some of whom have several devices: what is sent comes to all of them, and all that they do comes back. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pictureBytes } from '../media/samples.ts'
import { eventually } from './processes.ts'
import { type MessageBody, World } from './world.ts'

const own = '15550900'
const others = Array.from({ length: 49 }, (_, index) => `155509${String(index + 1).padStart(2, '0')}`)
const [ana = '', ben = '', ...rest] = others
/** Two companions each beside the phone. */
const companions = [ana, ben, own].flatMap((number) => [
  { device: `${number}-a`, number },
  { device: `${number}-b`, number },
])

let world: World
let group: string
beforeAll(async () => {
  world = await World.withGateway()
  for (const number of others) await world.createPhone(number)
  for (const { device, number } of companions) await world.link(device, number)
  group = await world.createGroup(own, others)
  await eventually('all companions have heard of the group', async () => {
    for (const number of [ana, ben, own]) {
      const { body } = await world.phone('GET', `/phones/${number}`)
      if (!(body['companions'] as unknown as { waiting: number }[]).every(({ waiting }) => waiting === 0))
        return false
    }
    return true
  })
}, 180_000)
afterAll(() => world.close())

const sender = `${own}-a`
const send = async (body: object): Promise<string> => {
  const answer = await world.api('POST', `/api/devices/${sender}/messages`, body)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer))
  return String(answer.body['id'])
}
const inApi = (device: string, whatsappId: string): Promise<MessageBody> =>
  eventually(`${device} lists ${whatsappId}`, async () =>
    (await world.messages(device)).find((message) => message.whatsappId === whatsappId),
  )
const detail = async (id: string): Promise<Record<string, unknown>> =>
  (await world.api('GET', `/api/messages/${id}`)).body

test.each([
  ['a text', { type: 'text', text: 'hello, all of you', mentions: ['all'] }],
  ['a picture', { type: 'image', caption: 'look', media: {} }],
  ['a poll', { type: 'poll', question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 }],
  ['a place', { type: 'location', latitude: 52.5, longitude: 13.25, name: 'here' }],
])('%s comes to every phone and every companion', async (_, body) => {
  const media = { base64: (await pictureBytes('jpeg')).toString('base64') }
  const { mentions: _all, media: _file, ...words } = body as Record<string, unknown>
  const id = await send({ to: group, ...body, ...('media' in body ? { media } : {}) })
  for (const number of [own, ...others]) {
    const shown = await world.phoneShows(number, id)
    expect(shown.problems).toBeUndefined()
    expect(shown.body).toMatchObject({
      ...words,
      ...('media' in body ? { media: { sha256: expect.any(String) } } : {}),
    })
  }
  for (const { device, number } of companions) {
    const { direction, chat, sender: by } = await inApi(device, id)
    expect([direction, chat, by.phone]).toEqual([number === own ? 'outbound' : 'inbound', group, own])
  }
  await eventually('all members have it', async () => {
    const { receipts } = await detail(id)
    return (receipts as { delivered: number }).delivered === others.length
  })
  const { body: listed } = await world.api('GET', `/api/messages/${id}/receipts`)
  const members = (listed['receipts'] as unknown as { member: { phone: string }; delivered: string | null }[])
    .filter(({ delivered }) => delivered !== null)
    .map(({ member }) => member.phone)
  expect(members.toSorted()).toEqual(others)
})

test('what all members do to a message is added up, and the ticks turn blue when all have read it', async () => {
  const id = await send({ to: group, type: 'poll', question: 'Tea?', options: ['yes', 'no'], selectable: 1 })
  for (const [index, number] of others.entries()) {
    await world.phoneShows(number, id)
    const options = [index % 2 === 0 ? 'yes' : 'no']
    await world.phoneSend(number, { to: group, type: 'vote', messageId: id, options })
    if (index < 10) await world.phoneSend(number, { to: group, type: 'reaction', messageId: id, emoji: '👍' })
    await world.phone('POST', `/phones/${number}/read`, { chat: group })
  }
  await eventually(
    'the gateway has all of it',
    async () => {
      const shown = await detail(id)
      expect(shown).toMatchObject({
        status: 'read',
        reactions: [{ emoji: '👍', count: 10 }],
        poll: {
          voters: 49,
          options: [
            { option: 'yes', votes: 25 },
            { option: 'no', votes: 24 },
          ],
        },
        receipts: { delivered: 49, read: 49 },
      })
      return true
    },
    30_000,
  )
}, 120_000)

test('members write in turns, and everybody reads it', async () => {
  for (const number of [ana, ben, ...rest.slice(0, 5)]) {
    const written = await world.phoneSend(number, { to: group, type: 'text', text: `from ${number}` })
    for (const { device } of companions) expect((await inApi(device, written)).text).toBe(`from ${number}`)
  }
  expect(await world.stats()).toMatchObject({ undecryptable: 0, unknownIqs: 0, misdescribedMessages: 0 })
})
