import { describe, expect, it } from 'vitest'
import { createApi, linked, type Api } from './api.ts'

const id = '/api/devices/myphone'
const text = { to: '+1 234 567-890', type: 'text', text: 'hi' }
const minute = 60_000
const iso = (ms: number): string => new Date(ms).toISOString()

const open = async (): Promise<Api> => {
  const api = await createApi()
  await linked(api)
  return api
}
const member = (json: unknown, name: string): unknown => (json as Record<string, unknown>)[name]
const idOf = (json: unknown): string => member(json, 'id') as string

describe('a message with a sendAt', () => {
  it('is queued, says when it goes, is listed and can be changed', async () => {
    const api = await open()
    const sendAt = iso(api.clock.now() + minute)
    const { status, json } = await api.post(`${id}/messages`, { ...text, sendAt })
    expect({ status, json }).toMatchObject({ status: 202, json: { status: 'queued', sendAt } })
    const message = `/api/messages/${idOf(json)}`
    expect((await api.get(message)).json).toMatchObject({
      status: 'queued',
      plan: { sendAt, priority: 'normal', waiting: { reason: 'send_at', until: sendAt } },
    })
    const changed = { sendAt: iso(api.clock.now() + 2 * minute), body: { type: 'text', text: 'later' } }
    const headers = { 'content-type': 'application/json' }
    expect(
      (await api.request('PATCH', message, { headers, body: JSON.stringify(changed) })).json,
    ).toMatchObject({ text: 'later' })
    expect((await api.get(`${id}/scheduled`)).json).toMatchObject({
      messages: [{ text: 'later', plan: { sendAt: changed.sendAt } }],
    })
    await api.post(`${message}/cancel`)
    expect((await api.get(`${id}/scheduled`)).json).toMatchObject({ messages: [] })
  })

  it('of a time that has passed is sent now', async () => {
    const api = await open()
    const { json } = await api.post(`${id}/messages`, { ...text, sendAt: iso(api.clock.now() - minute) })
    expect(member(json, 'sendAt')).toBeUndefined()
    expect(await api.connector.ack('myphone')).toEqual([idOf(json)])
  })

  it('with the same key at another time is another request', async () => {
    const api = await open()
    const key = { 'idempotency-key': 'k' }
    const at = (ms: number) => ({ ...text, sendAt: iso(api.clock.now() + ms) })
    const first = await api.post(`${id}/messages`, at(minute), key)
    expect((await api.post(`${id}/messages`, at(minute), key)).json).toEqual(first.json)
    expect((await api.post(`${id}/messages`, at(2 * minute), key)).status).toBe(409)
  })
})

describe('a dry run', () => {
  it.each(['true', 'false'])('dryRun=%s', async (dryRun) => {
    const api = await open()
    const seq = await api.store.events.latest()
    const body = { ...text, text: 'x'.repeat(50), simulateTyping: true, priority: 'high' }
    const { status, json } = await api.post(`${id}/messages?dryRun=${dryRun}`, body, {
      prefer: 'respond-async',
    })
    if (dryRun === 'false') return expect(status).toBe(202)
    expect({ status, json }).toEqual({
      status: 200,
      json: {
        status: 'dry_run',
        to: '1234567890@s.whatsapp.net',
        type: 'text',
        wouldBe: {
          chat: '1234567890@s.whatsapp.net',
          chatLid: null,
          onWhatsApp: null,
          text: body.text,
          body: { type: 'text', text: body.text },
          priority: 'high',
          sendAt: null,
          expiresAt: null,
          typingMs: 3_000,
        },
      },
    })
    expect(await api.store.events.latest()).toBe(seq)
    return expect((await api.get(`${id}/messages`)).json).toMatchObject({ messages: [] })
  })

  it('refuses what would be refused', async () => {
    const api = await open()
    expect((await api.post(`${id}/send?dryRun=true`, { to: 'x', message: 'hi' })).status).toBe(422)
    expect((await api.post(`${id}/send?dryRun=maybe`, { to: '1234567890', message: 'hi' })).status).toBe(400)
    expect(
      (await api.post(`${id}/send?dryRun=true`, { to: '1234567890', message: 'hi' })).json,
    ).toMatchObject({ status: 'dry_run', wouldBe: { text: 'hi' } })
  })

  it('says what WhatsApp last said of the number', async () => {
    const api = await open()
    const lease = await api.connector.ofDevice('myphone')
    await api.store.numbers.note(lease, '1234567890', { jid: null, checkedAt: api.clock.now() })
    expect((await api.post(`${id}/messages?dryRun=true`, text)).json).toMatchObject({
      wouldBe: { onWhatsApp: false },
    })
  })
})

describe('pacing', () => {
  const headers = { 'content-type': 'application/json' }

  it('is off, is set by a preset, and says why a message waits', async () => {
    const api = await open()
    expect((await api.get(`${id}/pacing`)).json).toMatchObject({ preset: 'off', waiting: null })
    const quietHours = { from: '00:00', to: '23:59', timeZone: 'UTC' }
    const set = await api.request('PUT', `${id}/pacing`, {
      headers,
      body: JSON.stringify({ preset: 'new_number', quietHours }),
    })
    expect(set.json).toMatchObject({
      preset: 'own',
      messagesPerMinute: 6,
      quietHours,
      waiting: { reason: 'quiet_hours' },
    })
    const { json } = await api.post(`${id}/messages`, text, { prefer: 'respond-async' })
    expect((await api.get(`/api/messages/${idOf(json)}`)).json).toMatchObject({
      attempts: 0,
      plan: { waiting: { reason: 'quiet_hours', until: '2025-11-16T23:59:00.000Z' } },
    })
    const off = await api.request('PUT', `${id}/pacing`, { headers, body: '{"preset":"off"}' })
    expect(off.json).toMatchObject({ preset: 'off', quietHours: null, waiting: null })
  })

  it('shows a restriction by WhatsApp, on the device too', async () => {
    const api = await open()
    const until = api.clock.now() + minute
    await api.connector.see('myphone', { reason: 'restricted', restrictedUntil: until })
    expect((await api.get(`${id}/pacing`)).json).toMatchObject({
      restrictedUntil: iso(until),
      waiting: null,
      newChatsWaiting: { reason: 'restricted', until: iso(until) },
    })
    expect((await api.get(id)).json).toMatchObject({ reason: 'restricted', restrictedUntil: iso(until) })
  })
})
