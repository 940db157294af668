import { beforeEach, describe, expect, test } from 'vitest'
import { impatient } from '../control/world.ts'
import { type Api, createApi, linked } from './api.ts'

let api: Api
beforeEach(async () => {
  api = await createApi()
  await linked(api)
})

const send = async (): Promise<string> =>
  ((await api.post('/api/devices/myphone/send', { to: '1234567890', message: 'hi' })).json as { id: string })
    .id
const parked = async (): Promise<string> => {
  const id = await send()
  const error = { code: 'unknown_outcome', detail: 'given up after 10 attempts: no ack' }
  await api.connector.settle('myphone', { state: 'failed', error })
  return id
}
const ask = (verb: 'retry' | 'cancel', id: string) => api.post(`/api/messages/${id}/${verb}`)

describe('POST retry', () => {
  test('of a parked message answers 202 with the message as it is now, and where to look', async () => {
    const id = await parked()
    const { status, headers, json } = await ask('retry', id)
    expect(status).toBe(202)
    expect(headers.get('location')).toBe(`/api/messages/${id}`)
    expect(json).toMatchObject({ id, whatsappId: id, status: 'queued', error: null, times: { failed: null } })
    await api.connector.ack('myphone')
    expect((await api.get(`/api/messages/${id}`)).json).toMatchObject({ status: 'sent', attempts: 2 })
  })

  test('of a message that is sent is 409 and says so', async () => {
    const id = await send()
    await api.connector.ack('myphone')
    const { status, json } = await ask('retry', id)
    expect(status).toBe(409)
    expect(json).toMatchObject({
      type: '/problems/message-settled',
      error: expect.stringContaining('has the message'),
    })
  })

  test('of a message whose device has been removed is 404, and the message stays as it is', async () => {
    const id = await parked()
    api.connector.keepRemoving('myphone')
    await api.request('DELETE', '/api/devices/myphone')
    expect((await ask('retry', id)).json).toMatchObject({ type: '/problems/device-not-found' })
    expect((await api.get(`/api/messages/${id}`)).json).toMatchObject({ status: 'failed' })
  })

  test('of a message that was accepted for another account is 409', async () => {
    const id = await parked()
    const account = { pn: '15557654321@s.whatsapp.net', lid: null, pushName: null }
    await api.connector.see('myphone', { account })
    const { status, json } = await ask('retry', id)
    expect(status).toBe(409)
    expect(json).toMatchObject({
      type: '/problems/device-not-linked',
      error: expect.stringContaining('send it anew'),
    })
  })
})

describe('POST cancel', () => {
  test('of a queued message answers 200 with the message, failed as cancelled', async () => {
    const id = await send()
    const { status, json } = await ask('cancel', id)
    expect(status).toBe(200)
    expect(json).toMatchObject({ id, status: 'failed', error: { code: 'cancelled' } })
    expect((await ask('cancel', id)).status).toBe(200)
  })

  test('of a message that is sent is 409', async () => {
    const id = await send()
    await api.connector.ack('myphone')
    expect((await ask('cancel', id)).json).toMatchObject({ type: '/problems/message-settled' })
  })

  test('ends the wait of the request that sent the message', async () => {
    const patient = await createApi({ waits: { ...impatient, sendWaitMs: 10_000 } })
    await linked(patient)
    const waiting = patient.post('/api/devices/myphone/send', { to: '1234567890', message: 'hi' })
    const stop = patient.store.onChange(() => void cancelAll())
    const cancelAll = async (): Promise<void> => {
      const { items } = await patient.store.messages.list(
        { deviceId: 'myphone', status: 'queued' },
        { limit: 9 },
      )
      for (const { id } of items) await patient.post(`/api/messages/${id}/cancel`)
    }
    const { status, json } = await waiting
    stop()
    expect(status).toBe(502)
    expect(json).toMatchObject({ message: { code: 'cancelled' } })
  })
})

test.each(['retry', 'cancel'] as const)('%s of a message that was received is 409', async (verb) => {
  const { id } = await api.connector.receive('myphone', 'hello')
  const { status, json } = await ask(verb, id)
  expect(status).toBe(409)
  expect(json).toMatchObject({ type: '/problems/message-not-ours' })
})

test.each(['retry', 'cancel'] as const)('%s of a message that does not exist is 404', async (verb) => {
  const { status, json } = await ask(verb, 'nobody')
  expect(status).toBe(404)
  expect(json).toMatchObject({ type: '/problems/message-not-found' })
})
