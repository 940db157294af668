import { beforeEach, describe, expect, test } from 'vitest'
import { impatient, patient } from '../control/world.ts'
import { createApi, linked, type Api } from './api.ts'

const send = '/api/devices/myphone/send'
const hello = { to: '1234567890@s.whatsapp.net', message: 'Hello from WhatsApp API!' }

let api: Api
beforeEach(async () => {
  api = await createApi({ waits: patient })
  await linked(api)
})

const idOf = (json: unknown): string => (json as { id: string }).id

describe('POST send', () => {
  test("answers 200 with exactly four members once WhatsApp's server has acknowledged", async () => {
    api.connector.keepSettling('myphone', { state: 'sent', at: api.clock.now() })
    const { status, text, json } = await api.post(send, hello)
    expect(status).toBe(200)
    expect(text).toBe(`{"status":"sent","to":"1234567890@s.whatsapp.net","type":"text","id":"${idOf(json)}"}`)
    expect(idOf(json)).toMatch(/^3EB0[0-9A-F]{18}$/)
  })

  test('answers 202 past its wait, with the place where the message can be looked up', async () => {
    api = await createApi({ waits: impatient })
    await linked(api)
    const { status, text, json, headers } = await api.post(send, hello)
    expect(status).toBe(202)
    expect(text).toBe(
      `{"status":"queued","to":"1234567890@s.whatsapp.net","type":"text","id":"${idOf(json)}"}`,
    )
    expect(headers.get('location')).toBe(`/api/messages/${idOf(json)}`)
    expect((await api.get(`/api/messages/${idOf(json)}`)).json).toMatchObject({ status: 'queued' })
  })

  test.each(['respond-async', 'Respond-Async', 'handling=lenient, respond-async', 'respond-async; x=1'])(
    'answers 202 at once to Prefer: %s',
    async (prefer) => {
      const { status, headers } = await api.post(send, hello, { prefer })
      expect(status).toBe(202)
      expect(headers.get('preference-applied')).toBe('respond-async')
    },
  )

  test('takes no preference that it does not know', async () => {
    api.connector.keepSettling('myphone', { state: 'sent', at: api.clock.now() })
    const { status, headers } = await api.post(send, hello, { prefer: 'return=minimal' })
    expect(status).toBe(200)
    expect(headers.get('preference-applied')).toBeNull()
  })

  test.each([
    ['1234567890', '1234567890@s.whatsapp.net'],
    ['+1 234-567-890', '1234567890@s.whatsapp.net'],
    ['+1234567890@s.whatsapp.net', undefined],
    ['1234567890@c.us', '1234567890@s.whatsapp.net'],
    ['1234567890:12@s.whatsapp.net', '1234567890@s.whatsapp.net'],
    ['246813579012345@lid', '246813579012345@lid'],
    ['120363000000000000@g.us', '120363000000000000@g.us'],
    ['hello', undefined],
    ['a@b', undefined],
    ['', undefined],
  ])('to %j goes to %s', async (to, jid) => {
    const { status, json } = await api.post(send, { ...hello, to }, { prefer: 'respond-async' })
    expect(status).toBe(jid === undefined ? 422 : 202)
    expect(json).toMatchObject(jid === undefined ? { type: '/problems/invalid-recipient' } : { to: jid })
  })

  test('answers 502 with the message and the reason when WhatsApp refuses it', async () => {
    api.connector.keepSettling('myphone', {
      state: 'failed',
      error: { code: 'nack_463', detail: 'no new chats for a while' },
    })
    const { status, json, headers } = await api.post(send, hello)
    expect(status).toBe(502)
    expect(headers.get('content-type')).toBe('application/problem+json')
    const { message } = json as { message: { id: string } }
    expect(json).toMatchObject({
      type: '/problems/message-failed',
      message: { id: message.id, code: 'nack_463', detail: 'no new chats for a while' },
      error: `message ${message.id} was not sent: no new chats for a while`,
    })
    expect((await api.get(`/api/messages/${message.id}`)).json).toMatchObject({ status: 'failed' })
  })

  test('an unknown device is 404, a device that is not linked is 409', async () => {
    expect((await api.post('/api/devices/nobody/send', hello)).status).toBe(404)
    await api.post('/api/devices/fresh/start')
    const { status, json } = await api.post('/api/devices/fresh/send', hello)
    expect(status).toBe(409)
    expect(json).toMatchObject({
      type: '/problems/device-not-linked',
      error: expect.stringContaining('scan'),
    })
  })

  test('a reconnecting device accepts', async () => {
    await api.connector.see('myphone', { status: 'reconnecting', reason: 'connection_lost' })
    expect((await api.post(send, hello, { prefer: 'respond-async' })).status).toBe(202)
  })

  test.each([
    ['an empty text', ''],
    ['a blank text', '   \n'],
    ['a text of 65,537 characters', 'x'.repeat(65_537)],
    ['a text with NUL', 'a\0b'],
  ])('refuses %s', async (_, message) => {
    const { status, json } = await api.post(send, { ...hello, message })
    expect(status).toBe(422)
    expect(json).toMatchObject({ type: '/problems/invalid-text' })
  })

  test('refuses half a surrogate pair', async () => {
    const { status } = await api.request('POST', send, {
      headers: { 'content-type': 'application/json' },
      body: '{"to":"1234567890","message":"\\ud83d"}',
    })
    expect(status).toBe(422)
  })

  test('keeps a text to the letter', async () => {
    const message = '  ‮emoji 👩‍👩‍👧‍👦 ü <b>"quoted"</b>\r\n\t\u0001 '
    const { json } = await api.post(send, { ...hello, message }, { prefer: 'respond-async' })
    expect((await api.get(`/api/messages/${idOf(json)}`)).json).toMatchObject({ text: message })
  })
})

describe('an Idempotency-Key', () => {
  const keyed = { 'idempotency-key': 'order-4711', prefer: 'respond-async' }

  test('gives the first message again for the same request', async () => {
    const first = await api.post(send, hello, keyed)
    const again = await api.post(send, hello, keyed)
    expect(again.status).toBe(202)
    expect(again.text).toBe(first.text)
    expect((await api.store.messages.list({ deviceId: 'myphone' }, { limit: 9 })).items).toHaveLength(1)
  })

  test('gives the first message with the status that it has by now', async () => {
    const first = await api.post(send, hello, keyed)
    await api.connector.ack('myphone')
    const again = await api.post(send, hello, keyed)
    expect(again.status).toBe(200)
    expect(again.json).toMatchObject({ status: 'sent', id: idOf(first.json) })
  })

  test('is 409 for another text, and for another recipient', async () => {
    await api.post(send, hello, keyed)
    const { status, json } = await api.post(send, { ...hello, message: 'other' }, keyed)
    expect(status).toBe(409)
    expect(json).toMatchObject({ type: '/problems/idempotency-conflict' })
    expect((await api.post(send, { ...hello, to: '15550001111' }, keyed)).status).toBe(409)
  })

  test('of one device says nothing of another', async () => {
    await linked(api, 'other')
    const first = await api.post(send, hello, keyed)
    const second = await api.post('/api/devices/other/send', hello, keyed)
    expect(second.status).toBe(202)
    expect(idOf(second.json)).not.toBe(idOf(first.json))
  })

  test('used many times at once makes one message', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.post(send, hello, keyed)))
    expect(new Set(answers.map(({ json }) => idOf(json))).size).toBe(1)
  })

  test.each(['', 'two words', 'ü', 'x'.repeat(256)])('%j is refused in words', async (key) => {
    const { status, json } = await api.post(send, hello, { ...keyed, 'idempotency-key': key })
    expect(status).toBe(400)
    expect(json).toMatchObject({ error: expect.stringContaining('1 to 255 visible ASCII') })
  })

  test('of 255 characters is taken', async () => {
    expect((await api.post(send, hello, { ...keyed, 'idempotency-key': '~'.repeat(255) })).status).toBe(202)
  })
})
