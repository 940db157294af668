import { beforeEach, expect, test } from 'vitest'
import { exportPageRows } from '../../src/control/export-chat.ts'
import type { Store } from '../../src/store/store.ts'
import { createApi, linked, type Api } from './api.ts'

const path = '/api/devices/myphone/export?chat=%2B1 555 000-1111'
let api: Api
let reads: number
let fails: boolean

const counting = (store: Store): Store => ({
  ...store,
  chats: {
    ...store.chats,
    read: async (chat, page) => {
      reads += 1
      if (fails && reads > 1) throw new Error('the disk is gone')
      return await store.chats.read(chat, page)
    },
  },
})

beforeEach(async () => {
  reads = 0
  fails = false
  api = await createApi({ store: counting })
  await linked(api)
})

const fill = async (count: number): Promise<void> => {
  for (let n = 1; n <= count; n++) await api.connector.receive('myphone', `message ${n}`)
}

test('as text it looks like the export of WhatsApp, and is a file', async () => {
  await api.connector.receive('myphone', 'hello')
  await api.post('/api/devices/myphone/send', { to: '15550001111', message: 'two\nlines' })
  await api.connector.receive('myphone', 'somebody else', '15550002222@s.whatsapp.net')
  const { text, headers } = await api.get(`${path}&format=text`)
  expect(text).toBe(
    '[2025-11-16, 02:18:05] Bob: hello\n[2025-11-16, 02:18:05] Ada: two\nlines <not sent yet>\n',
  )
  expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(headers.get('content-disposition')).toBe('attachment; filename="whatsapp-myphone-15550001111.txt"')
})

test('as JSON it has each message as a list shows it, all of them, oldest first', async () => {
  const count = 2 * exportPageRows + 1
  await fill(count)
  const response = await api.app.request(path)
  expect(response.headers.get('content-disposition')).toContain('.jsonl')
  const messages = (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; text: string })
  expect(messages.map(({ text }) => text)).toEqual(
    Array.from({ length: count }, (_, n) => `message ${n + 1}`),
  )
  const { json } = await api.get('/api/devices/myphone/messages?limit=1')
  expect([messages.at(-1)]).toEqual((json as { messages: unknown }).messages)
  expect(reads).toBe(3)
})

test('no more is read than somebody takes', async () => {
  await fill(5 * exportPageRows)
  const response = await api.app.request(path)
  const reader = response.body?.getReader()
  await reader?.read()
  expect(reads).toBeLessThan(4)
  await reader?.cancel()
  await api.get('/healthz')
  expect(reads).toBeLessThan(4)
})

test('that cannot go on breaks off, and does not look whole', async () => {
  await fill(exportPageRows + 1)
  fails = true
  const response = await api.app.request(path)
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow('the disk is gone')
})

test('of a chat without messages is empty', async () => {
  expect(await api.get('/api/devices/myphone/export?chat=15550009999')).toMatchObject({
    status: 200,
    text: '',
  })
})

test.each(['', '?chat=me', '?chat=15550001111&format=html'])('with %s is refused', async (query) => {
  expect(await api.get(`/api/devices/myphone/export${query}`)).toMatchObject({ status: 400 })
})
