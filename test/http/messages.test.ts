import { beforeEach, describe, expect, test } from 'vitest'
import { createApi, linked, type Api } from './api.ts'

interface MessagesPage {
  readonly messages: readonly { id: string; text: string; status: string }[]
  readonly nextCursor: string | null
}

let api: Api
beforeEach(async () => {
  api = await createApi()
  await linked(api)
})

const sendText = async (message: string, to = '1234567890'): Promise<string> =>
  ((await api.post('/api/devices/myphone/send', { to, message })).json as { id: string }).id

const list = async (query = ''): Promise<MessagesPage> => {
  const { status, json } = await api.get(`/api/devices/myphone/messages${query}`)
  expect(status).toBe(200)
  return json as MessagesPage
}
const texts = async (query: string): Promise<string[]> => (await list(query)).messages.map(({ text }) => text)

describe('GET message', () => {
  test('of one that was sent has every member, with the time of each step', async () => {
    const id = await sendText('hi')
    api.clock.wallMs += 1_000
    await api.connector.ack('myphone')
    api.clock.wallMs += 1_000
    await api.connector.receipt('myphone', id, 'delivered')
    expect((await api.get(`/api/messages/${id}`)).json).toEqual({
      id,
      device: 'myphone',
      whatsappId: id,
      direction: 'outbound',
      chat: '1234567890@s.whatsapp.net',
      chatPhone: '1234567890',
      chatLid: null,
      sender: { phone: '4915123456789', lid: '246813579012345@lid', name: 'Ada' },
      type: 'text',
      text: 'hi',
      body: { type: 'text', text: 'hi' },
      target: null,
      editedAt: null,
      deletedAt: null,
      starred: false,
      deletedForMeAt: null,
      pinnedUntil: null,
      reactions: [],
      poll: null,
      receipts: null,
      plan: null,
      status: 'delivered',
      attempts: 1,
      error: null,
      timestamp: null,
      times: {
        queued: '2025-11-16T02:18:05.123Z',
        sending: '2025-11-16T02:18:06.123Z',
        sent: '2025-11-16T02:18:06.123Z',
        delivered: '2025-11-16T02:18:07.123Z',
        read: null,
        played: null,
        failed: null,
      },
    })
  })

  test("of one that was received has its sender, WhatsApp's time, and no time of queueing", async () => {
    const { id } = await api.connector.receive('myphone', 'hello there')
    expect((await api.get(`/api/messages/${id}`)).json).toMatchObject({
      direction: 'inbound',
      status: 'delivered',
      chat: '15550001111@s.whatsapp.net',
      sender: { phone: '15550001111', name: 'Bob' },
      text: 'hello there',
      timestamp: '2025-11-16T02:18:05.000Z',
      times: { queued: null, sent: null },
    })
  })

  test('of a group has no phone number', async () => {
    const id = await sendText('hi all', '120363000000000000@g.us')
    expect((await api.get(`/api/messages/${id}`)).json).toMatchObject({
      chat: '120363000000000000@g.us',
      chatPhone: null,
      chatLid: null,
    })
  })

  test.each(['nobody', 'a%2Fb', '%00', '%F0%9F%98%80', 'x'.repeat(5_000)])('%s is 404', async (id) => {
    const { status, json } = await api.get(`/api/messages/${id}`)
    expect(status).toBe(404)
    expect(json).toMatchObject({ type: '/problems/message-not-found' })
  })
})

describe('GET messages', () => {
  test('lists both directions, newest first', async () => {
    await sendText('one')
    await api.connector.receive('myphone', 'two')
    await sendText('three')
    expect(await texts('')).toEqual(['three', 'two', 'one'])
  })

  test('comes in pages of 50, and of any size to 200', async () => {
    await Promise.all(Array.from({ length: 120 }, (_, n) => sendText(`m${n}`)))
    const first = await list()
    expect(first.messages).toHaveLength(50)
    const second = await list(`?cursor=${first.nextCursor}`)
    const third = await list(`?cursor=${second.nextCursor}`)
    expect(third.nextCursor).toBeNull()
    const ids = [first, second, third].flatMap(({ messages }) => messages.map(({ id }) => id))
    expect(new Set(ids).size).toBe(120)
    expect((await list('?limit=200')).messages).toHaveLength(120)
    expect((await list('?limit=1')).messages).toHaveLength(1)
  })

  test('filters by direction, status and chat, in any way that a chat is written', async () => {
    await sendText('out')
    await api.connector.receive('myphone', 'in')
    await sendText('group', '120363000000000000@g.us')
    expect(await texts('?direction=inbound')).toEqual(['in'])
    expect(await texts('?direction=outbound&status=queued')).toEqual(['group', 'out'])
    expect(await texts('?status=read')).toEqual([])
    for (const chat of [
      '1234567890',
      '%2B1%20234%20567%20890',
      '1234567890@s.whatsapp.net',
      '1234567890@c.us',
    ]) {
      expect(await texts(`?chat=${chat}`)).toEqual(['out'])
    }
    expect(await texts('?chat=120363000000000000@g.us')).toEqual(['group'])
    expect(await texts('?chat=status@broadcast')).toEqual([])
  })

  test('filters by time, from after to before, as ISO or milliseconds', async () => {
    await sendText('first')
    api.clock.wallMs += 10_000
    await sendText('second')
    const at = api.clock.now()
    expect(await texts(`?after=${at}`)).toEqual(['second'])
    expect(await texts(`?before=${at}`)).toEqual(['first'])
    expect(await texts(`?after=${new Date(at).toISOString()}`)).toEqual(['second'])
    expect(await texts('?after=2025-11-16T03:18:10%2B01:00')).toEqual(['second'])
    expect(await texts('?after=2025-11-16T03:18:10+01:00')).toEqual(['second'])
    expect(await texts('?after=2025-11-16')).toEqual(['second', 'first'])
    expect(await texts('?before=2025-11-16')).toEqual([])
  })

  test.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=-1', 'limit'],
    ['cursor=', 'cursor'],
    ['cursor=nonsense', 'cursor'],
    [`cursor=${'9'.repeat(600)}`, 'cursor'],
    ['direction=sideways', 'direction'],
    ['status=lost', 'status'],
    ['after=yesterday', 'after'],
    ['before=2025-13-45', 'before'],
    ['after=2025-11-16T02:18:05', 'after'],
    ['chat=nobody', 'chat'],
    ['chatId=123', 'chatId'],
  ])('refuses ?%s and names the parameter', async (query, name) => {
    const { status, json } = await api.get(`/api/devices/myphone/messages?${query}`)
    expect(status).toBe(400)
    expect(json).toMatchObject({ type: '/problems/invalid-query', error: expect.stringContaining(name) })
  })

  test('of a device that never was is 404', async () => {
    expect((await api.get('/api/devices/nobody/messages')).status).toBe(404)
  })
})
