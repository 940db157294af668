import { beforeEach, describe, expect, test } from 'vitest'
import { sendBody } from '../../src/control/send-body.ts'
import { startDevice } from '../../src/control/start-device.ts'
import type { MessageBody } from '../../src/domain/body.ts'
import type { Message } from '../../src/domain/message.ts'
import { createWorld, encodeText, impatient, type World } from './world.ts'

const bob = '15550001111@s.whatsapp.net'
const group = '120363000000000000@g.us'
const minuteMs = 60_000

let world: World
beforeEach(async () => {
  world = await createWorld(impatient)
  await startDevice(world.ctx, { id: 'myphone' })
  await world.connector.link('myphone')
})

const send = async (body: MessageBody, to: string | null = bob): Promise<Message> => {
  const recipient = to === null ? {} : { to }
  const { message } = await sendBody(world.ctx, {
    deviceId: 'myphone',
    ...recipient,
    body,
    respondAsync: true,
  })
  return message
}
const refusal = (body: MessageBody, to: string | null = bob) => expect(send(body, to)).rejects

const poll: MessageBody = { type: 'poll', question: 'Tea?', options: ['yes', 'no'], selectable: 1 }

describe('sendBody', () => {
  test('keeps a body whole, and leaves its bytes to the connector', async () => {
    const message = await send(poll)
    expect(message).toMatchObject({ type: 'poll', text: 'Tea?', body: poll, status: 'queued' })
    expect(await world.store.messages.contentOf(message.id)).toBeUndefined()
  })

  test('makes a plain text at once, and keeps no second copy of it', async () => {
    const message = await send({ type: 'text', text: 'hi' })
    expect(message.body).toBeNull()
    expect(await world.store.messages.contentOf(message.id)).toEqual(Buffer.from(encodeText('hi')))
  })

  test('sends an act to the chat of its message', async () => {
    const { id } = await world.connector.receive('myphone', 'hello')
    const reaction = await send({ type: 'reaction', messageId: id, emoji: '👍' }, null)
    expect(reaction).toMatchObject({ type: 'reaction', text: '👍', targetId: id, chat: { pn: bob } })
  })

  test('names the people of its mentions by JID, each once', async () => {
    const { body } = await send({ type: 'text', text: '@a', mentions: ['+1 555 000 1111', bob] })
    expect(body?.mentions).toEqual([bob])
  })

  test('the same Idempotency-Key gives the same poll, and refuses another', async () => {
    const input = { deviceId: 'myphone', to: bob, respondAsync: true, idempotencyKey: 'k' }
    const first = await sendBody(world.ctx, { ...input, body: poll })
    const again = await sendBody(world.ctx, { ...input, body: poll })
    expect(again.message.id).toBe(first.message.id)
    const other = sendBody(world.ctx, { ...input, body: { ...poll, question: 'Coffee?' } })
    await expect(other).rejects.toMatchObject({ code: 'idempotency_conflict' })
  })
})

describe('a body is refused when it', () => {
  test('goes nowhere', () => refusal(poll, null).toMatchObject({ code: 'invalid_recipient' }))
  test('answers a message that is not there', () =>
    refusal({ ...poll, replyTo: 'x' }).toMatchObject({ code: 'invalid_reference' }))
  test('answers a message of another chat', async () => {
    const { id } = await world.connector.receive('myphone', 'hello', '15550002222@s.whatsapp.net')
    await refusal({ ...poll, replyTo: id }).toMatchObject({ code: 'invalid_reference' })
  })
  test('is a poll whose options are the same', () =>
    refusal({ ...poll, options: ['a', 'a'] }).toMatchObject({ code: 'invalid_message' }))
  test('is a poll of which more can be chosen than it has', () =>
    refusal({ ...poll, selectable: 3 }).toMatchObject({ code: 'invalid_message' }))
  test('ends before it starts', () =>
    refusal({
      type: 'event',
      name: 'x',
      startsAt: '2026-01-02T00:00:00.000Z',
      endsAt: '2026-01-01T00:00:00.000Z',
    }).toMatchObject({ code: 'invalid_message' }))
  test('mentions all of a chat of two', () =>
    refusal({ ...poll, mentions: ['all'] }).toMatchObject({ code: 'invalid_message' }))
  test('mentions a group', () =>
    refusal({ ...poll, mentions: [group] }).toMatchObject({ code: 'invalid_message' }))
  test('is a blank text', () => refusal({ type: 'text', text: ' ' }).toMatchObject({ code: 'invalid_text' }))
})

describe('an act is refused when it', () => {
  const own = async (body: MessageBody = { type: 'text', text: 'hi' }): Promise<string> => {
    const { id } = await send(body)
    await world.connector.ack('myphone')
    return id
  }
  const refused = { code: 'invalid_message' }

  test("edits somebody else's message", async () => {
    const { id } = await world.connector.receive('myphone', 'hello')
    await refusal({ type: 'edit', messageId: id, text: 'x' }).toMatchObject(refused)
  })
  test('edits a message that is older than 15 minutes', async () => {
    const id = await own()
    world.clock.wallMs += 15 * minuteMs
    await send({ type: 'edit', messageId: id, text: 'x' })
    world.clock.wallMs += 1
    await refusal({ type: 'edit', messageId: id, text: 'x' }).toMatchObject(refused)
  })
  test('edits what has no text', async () => {
    const id = await own({ type: 'location', latitude: 1, longitude: 2 })
    await refusal({ type: 'edit', messageId: id, text: 'x' }).toMatchObject(refused)
  })
  test("deletes somebody else's message in a chat of two", async () => {
    const { id } = await world.connector.receive('myphone', 'hello')
    await refusal({ type: 'delete', messageId: id }).toMatchObject(refused)
  })
  test('deletes a message that is older than 60 hours', async () => {
    const id = await own()
    world.clock.wallMs += 60 * 60 * minuteMs + 1
    await refusal({ type: 'delete', messageId: id }).toMatchObject(refused)
  })
  test('votes in what is no poll', async () => {
    const id = await own()
    await refusal({ type: 'vote', messageId: id, options: ['yes'] }).toMatchObject(refused)
  })
  test('votes for what the poll does not offer', async () => {
    const id = await own(poll)
    await refusal({ type: 'vote', messageId: id, options: ['maybe'] }).toMatchObject(refused)
  })
  test('votes for more than the poll allows', async () => {
    const id = await own(poll)
    await refusal({ type: 'vote', messageId: id, options: ['yes', 'no'] }).toMatchObject(refused)
  })
  test('acts on an act', async () => {
    const id = await own()
    const reaction = await send({ type: 'reaction', messageId: id, emoji: '👍' })
    await refusal({ type: 'pin', messageId: reaction.id, seconds: 86_400 }).toMatchObject(refused)
  })
  test('names a message of another device', async () => {
    await startDevice(world.ctx, { id: 'other' })
    await world.connector.link('other')
    const { id } = await world.connector.receive('other', 'hello')
    await refusal({ type: 'reaction', messageId: id, emoji: '👍' }).toMatchObject({
      code: 'invalid_reference',
    })
  })
})
