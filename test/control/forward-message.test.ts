import { beforeEach, expect, test } from 'vitest'
import { forwardMessage } from '../../src/control/forward-message.ts'
import { rawMessage } from '../../src/control/raw-message.ts'
import { sendBody } from '../../src/control/send-body.ts'
import { start } from '../../src/domain/device.ts'
import { apiOrigin, createWorld, patient, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await createWorld(patient)
  await world.store.devices.decide('myphone', (before) =>
    start(before, 'myphone', apiOrigin, world.clock.now()),
  )
  await world.connector.link('myphone')
})

const chats = ['1@s.whatsapp.net', '2@s.whatsapp.net', '120363000000000000@g.us'].map((to) =>
  to.replace(/^\d@/, (d) => `1555000000${d}`),
)
const all = async () => (await world.store.messages.list({ deviceId: 'myphone' }, { limit: 100 })).items

test('goes to each chat under an id of its own, and all are waited for', async () => {
  const { id } = await world.connector.receive('myphone', 'hi')
  world.connector.keepSettling('myphone', { state: 'sent', at: world.clock.now() })
  const outcomes = await forwardMessage(world.ctx, { id, to: chats, respondAsync: false })
  expect(outcomes.map(({ kind, to }) => [kind, to])).toEqual(chats.map((to) => ['sent', to]))
  expect(new Set(outcomes.map(({ message }) => message.id)).size).toBe(3)
  for (const { message } of outcomes) {
    expect(message).toMatchObject({
      direction: 'outbound',
      body: { type: 'text', text: 'hi', forwarded: true },
    })
  }
})

test('of what was forwarded before counts on, of an own message too', async () => {
  const { id } = await world.connector.receive('myphone', 'hi')
  const forward = async (message: string) => {
    const [outcome] = await forwardMessage(world.ctx, {
      id: message,
      to: chats.slice(0, 1),
      respondAsync: true,
    })
    return outcome?.message
  }
  const first = await forward(id)
  const second = await forward(first?.id ?? '')
  expect(first?.body).not.toHaveProperty('forwardingScore')
  expect(second?.body).toMatchObject({ forwarded: true, forwardingScore: 2 })
})

test('asked for again with its key gives the same messages; with another list it is refused before anything is sent', async () => {
  const { id } = await world.connector.receive('myphone', 'hi')
  const ask = (to: readonly string[]) =>
    forwardMessage(world.ctx, { id, to, respondAsync: true, idempotencyKey: 'k'.repeat(255) })
  const first = await ask(chats)
  const again = await ask([...chats, chats[0] ?? ''])
  expect(again.map(({ message }) => message.id)).toEqual(first.map(({ message }) => message.id))
  for (const other of [chats.slice(0, 1), [...chats, '15550000009@s.whatsapp.net'], chats.toReversed()]) {
    await expect(ask(other)).rejects.toMatchObject({ code: 'idempotency_conflict' })
  }
  expect(await all()).toHaveLength(4)
})

test('to somebody who is nobody sends nothing to the others either', async () => {
  const { id } = await world.connector.receive('myphone', 'hi')
  await expect(
    forwardMessage(world.ctx, { id, to: [...chats, 'nobody'], respondAsync: true }),
  ).rejects.toMatchObject({ code: 'invalid_recipient' })
  expect(await all()).toHaveLength(1)
})

test('the raw content of a message is its protobuf as JSON, with the bytes', async () => {
  const { id } = await world.connector.receive('myphone', 'hi')
  const raw = await rawMessage(world.ctx, { id })
  expect(raw.content).toEqual({ conversation: 'hi' })
  expect(Buffer.from(raw.bytes)).toEqual(Buffer.from([0x0a, 2, 0x68, 0x69]))
})

test('of what is not made yet there is no raw content', async () => {
  const { message } = await sendBody(world.ctx, {
    deviceId: 'myphone',
    to: chats[0] ?? '',
    body: { type: 'location', latitude: 1, longitude: 2 },
    respondAsync: true,
  })
  await expect(rawMessage(world.ctx, { id: message.id })).rejects.toMatchObject({ code: 'content_not_kept' })
})
