import { beforeEach, expect, test } from 'vitest'
import type { Deed } from '../../src/domain/acts.ts'
import type { MessageBody } from '../../src/domain/body.ts'
import type { Party } from '../../src/domain/jid.ts'
import { actOf } from '../store/conformance/acts.ts'
import { incoming } from '../store/conformance/fixtures.ts'
import { createApi, linked, type Api } from './api.ts'

const device = 'myphone'
const alice: Party = { pn: '15550001111@s.whatsapp.net', lid: null }
const bob = { pn: '15550002222@s.whatsapp.net', lid: '22@lid' }
const group = { pn: '120363000000000001@g.us', lid: null }

let api: Api
beforeEach(async () => {
  api = await createApi()
  await linked(api)
})

const promote = (promotion: ReturnType<typeof incoming>) => api.connector.promote(device, promotion)
const write = (body: MessageBody, text: string | null) =>
  promote(incoming('IN1', { deviceId: device, chat: group, sender: alice, type: body.type, text, body }))
const act = (id: string, deed: Deed | { type: 'vote' }, sender = alice) =>
  promote(actOf(id, deed, { deviceId: device, chat: group, sender }))
const get = async (path: string): Promise<Record<string, unknown>> => {
  const { status, json } = await api.get(`/api/messages/${path}`)
  expect(status).toBe(200)
  return json as Record<string, unknown>
}

test('a message is shown with its reactions, by emoji', async () => {
  await write({ type: 'text', text: 'hi' }, 'hi')
  expect(await get('IN1')).toMatchObject({ reactions: [], poll: null, receipts: null })
  await act('R1', { type: 'reaction', emoji: '👍' })
  await act('R2', { type: 'reaction', emoji: '👍' }, bob)
  const { reactions } = await get('IN1')
  expect(reactions).toMatchObject([
    {
      emoji: '👍',
      count: 2,
      people: [
        { phone: '15550001111', lid: null },
        { phone: '15550002222', lid: '22@lid' },
      ],
    },
  ])
})

test('a poll is shown with who has chosen what, also after it was deleted', async () => {
  await write({ type: 'poll', question: 'Tea?', options: ['yes', 'no'], selectable: 1 }, 'Tea?')
  for (const [id, voter] of [
    ['V1', alice],
    ['V2', bob],
  ] as const) {
    await act(id, { type: 'vote' }, voter)
    await api.connector.settleVote(device, { id, pollId: 'IN1', options: ['no'] })
  }
  const poll = {
    voters: 2,
    options: [
      { option: 'yes', votes: 0, voters: [] },
      { option: 'no', votes: 2, voters: [{ phone: '15550001111' }, { phone: '15550002222' }] },
    ],
  }
  expect(await get('IN1')).toMatchObject({ poll })
  await act('D1', { type: 'delete' })
  expect(await get('IN1')).toMatchObject({ poll, body: null, text: null })
})

test('what a message said before is its changes', async () => {
  await write({ type: 'text', text: 'first' }, 'first')
  expect(await get('IN1/changes')).toEqual({ changes: [] })
  await act('E1', { type: 'edit', text: 'second' })
  await act('D1', { type: 'delete' })
  expect(await get('IN1')).toMatchObject({ text: null, body: null, deletedAt: expect.any(String) })
  expect(await get('IN1/changes')).toMatchObject({
    changes: [
      {
        type: 'edit',
        act: 'E1',
        by: { phone: '15550001111' },
        text: 'first',
        body: { type: 'text', text: 'first' },
      },
      { type: 'delete', act: 'D1', text: 'second', body: { type: 'text', text: 'second' } },
    ],
  })
})

test('a message to a group is shown with how far it has come with its members', async () => {
  api.connector.keepSettling(device, { state: 'sent', at: api.clock.now() })
  const { json } = await api.post(`/api/devices/${device}/send`, { to: group.pn, message: 'all' })
  const { id } = json as { id: string }
  expect(await get(id)).toMatchObject({ receipts: { delivered: 0, read: 0, played: 0 } })
  await api.connector.memberReceipts(device, id, 'read', [alice, bob], 3)
  expect(await get(id)).toMatchObject({ status: 'sent', receipts: { delivered: 2, read: 2, played: 0 } })
  expect(await get(`${id}/receipts`)).toMatchObject({
    receipts: [
      { member: { phone: '15550001111' }, read: expect.any(String), played: null },
      { member: { lid: '22@lid' }, read: expect.any(String), played: null },
    ],
  })
})

test('acts are not in the list, unless they are asked for', async () => {
  await write({ type: 'text', text: 'hi' }, 'hi')
  await act('R1', { type: 'reaction', emoji: '👍' })
  const list = async (query: string): Promise<unknown> => {
    const { json } = await api.get(`/api/devices/${device}/messages?${query}`)
    return (json as { messages: { id: string }[] }).messages.map(({ id }) => id)
  }
  expect(await list('')).toEqual(['IN1'])
  expect(await list('acts=false')).toEqual(['IN1'])
  expect(new Set((await list('acts=true')) as string[])).toEqual(new Set(['R1', 'IN1']))
  expect(await list('type=reaction')).toEqual(['R1'])
  expect((await api.get(`/api/devices/${device}/messages?type=unheard`)).status).toBe(400)
  expect((await api.get(`/api/devices/${device}/messages?acts=maybe`)).status).toBe(400)
})

test('what was asked for again is pending', async () => {
  const error = { code: 'awaiting_retry', detail: 'Bad MAC' }
  const unread = { type: 'undecryptable', text: null, content: null } as const
  await promote(incoming('IN1', { deviceId: device, ...unread, error }))
  expect(await get('IN1')).toMatchObject({ status: 'pending', body: null, error, times: { delivered: null } })
  const { json } = await api.get(`/api/devices/${device}/messages?status=pending`)
  expect((json as { messages: unknown[] }).messages).toMatchObject([{ id: 'IN1', status: 'pending' }])
})

test.each(['', '/changes', '/receipts'])('nobody’s message is not found%s', async (path) => {
  const { status, json } = await api.get(`/api/messages/none${path}`)
  expect(status).toBe(404)
  expect(json).toMatchObject({ title: 'No such message' })
})
