import { beforeEach, expect, test } from 'vitest'
import {
  markChatRead,
  markMessageRead,
  readMessagesMax,
  starMessage,
} from '../../src/control/mark-messages.ts'
import { sendMessage } from '../../src/control/send-message.ts'
import { startDevice } from '../../src/control/start-device.ts'
import type { Operation } from '../../src/domain/operation.ts'
import { createWorld, impatient, type World } from './world.ts'

const deviceId = 'myphone'
const bob = '15550001111@s.whatsapp.net'
const eve = '15550002222@s.whatsapp.net'
const later = { respondAsync: true }

let world: World
beforeEach(async () => {
  world = await createWorld(impatient)
  await startDevice(world.ctx, { id: deviceId })
  await world.connector.link(deviceId)
})

const receive = async (text: string, from = bob): Promise<string> =>
  (await world.connector.receive(deviceId, text, from)).id
const send = async (): Promise<string> =>
  (await sendMessage(world.ctx, { deviceId, to: bob, text: 'hi', ...later })).message.id
const idsOf = ({ input }: Operation): readonly string[] =>
  input.kind === 'mark_read' ? input.messageIds : []

test('all of a chat that is not read is marked, newest first, and no other chat', async () => {
  const [first, second] = [await receive('1'), await receive('2')]
  await receive('3', eve)
  await send()
  const operation = await markChatRead(world.ctx, { deviceId, chat: '+1 555 000 1111', ...later })
  expect(idsOf(operation)).toEqual([second, first])
})

test('so many messages of a chat are marked at once and no more', async () => {
  for (let at = 0; at <= readMessagesMax; at++) await receive(String(at))
  const operation = await markChatRead(world.ctx, { deviceId, chat: bob, ...later })
  expect(idsOf(operation)).toHaveLength(readMessagesMax)
})

test('named messages are marked once each, and must be of the chat', async () => {
  const [mine, other] = [await receive('1'), await receive('2', eve)]
  const mark = (messageIds: string[]) =>
    markChatRead(world.ctx, { deviceId, chat: bob, messageIds, ...later })
  expect(idsOf(await mark([mine, mine]))).toEqual([mine])
  await expect(mark([mine, other])).rejects.toMatchObject({ code: 'invalid_reference' })
  await expect(mark(['gone'])).rejects.toMatchObject({ code: 'invalid_reference' })
})

test('nobody is told that the own message was read, or that a text was played', async () => {
  const [received, own] = [await receive('1'), await send()]
  const mark = (id: string, played: boolean) => markMessageRead(world.ctx, { id, played, ...later })
  await expect(mark(own, false)).rejects.toMatchObject({ code: 'invalid_message' })
  await expect(mark(received, true)).rejects.toMatchObject({ code: 'invalid_message' })
  expect(await mark(received, false)).toMatchObject({ state: 'queued', input: { played: false } })
})

test('a message that is not sent has no star yet', async () => {
  const id = await send()
  const star = () => starMessage(world.ctx, { id, starred: true, ...later })
  await expect(star()).rejects.toMatchObject({ code: 'invalid_message' })
  await world.connector.ack(deviceId)
  expect(await star()).toMatchObject({ input: { kind: 'star', messageId: id, starred: true } })
})
