import { PNG } from 'pngjs'
import { beforeEach, describe, expect, test } from 'vitest'
import { patient } from '../control/world.ts'
import { createApi, linked, type Api } from './api.ts'

let api: Api
beforeEach(async () => {
  api = await createApi()
  await api.post('/api/devices/myphone/start')
})

const qr = '/api/devices/myphone/qr'
const pairingCode = '/api/devices/myphone/pairing-code'

describe('GET qr', () => {
  test.each([
    [qr, {}, 'image/png'],
    [qr, { accept: '*/*' }, 'image/png'],
    [`${qr}?format=png`, { accept: 'text/plain' }, 'image/png'],
    [`${qr}?t=1763259485`, {}, 'image/png'],
    [qr, { accept: 'application/json' }, 'image/png'],
    [qr, { accept: 'image/svg+xml' }, 'image/svg+xml'],
    [`${qr}?format=svg`, {}, 'image/svg+xml'],
    [qr, { accept: 'text/plain' }, 'text/plain; charset=utf-8'],
    [`${qr}?format=text`, {}, 'text/plain; charset=utf-8'],
    [`${qr}?format=terminal`, {}, 'text/plain; charset=utf-8'],
  ])('%s with %o is %s', async (path, headers, type) => {
    await api.connector.showQr('myphone')
    const { status, headers: got } = await api.get(path, headers)
    expect(status).toBe(200)
    expect(got.get('content-type')).toBe(type)
    expect(got.get('cache-control')).toBe('no-store')
  })

  test('as a PNG is a picture', async () => {
    await api.connector.showQr('myphone')
    const response = await api.app.request(qr)
    const { width, height } = PNG.sync.read(Buffer.from(await response.arrayBuffer()))
    expect(width).toBe(height)
    expect(width).toBeGreaterThan(100)
  })

  test('as text is what the picture says', async () => {
    await api.connector.showQr('myphone', '2@ref,key,identity,adv,1')
    expect((await api.get(`${qr}?format=text`)).text).toBe('2@ref,key,identity,adv,1')
  })

  test.each([
    ['before the first QR', async () => undefined, 'yet'],
    ['when it is connected', async () => void (await api.connector.link('myphone')), 'linked already'],
    ['when it is stopped', async () => void (await api.post('/api/devices/myphone/stop')), 'stopped'],
    [
      'when the connector is away',
      async () => {
        await api.connector.showQr('myphone')
        api.clock.aheadMs += 60 * 60 * 1000
      },
      'connector is away',
    ],
  ])('is refused %s, and says why', async (_, arrange, words) => {
    await arrange()
    const { status, json } = await api.get(qr)
    expect(status).toBe(409)
    expect(json).toMatchObject({ type: '/problems/qr-not-available', error: expect.stringContaining(words) })
  })

  test('in an unknown format is refused with the formats there are', async () => {
    const { status, json } = await api.get(`${qr}?format=gif`)
    expect(status).toBe(400)
    expect(json).toMatchObject({ error: expect.stringMatching(/png.*svg.*text/) })
  })
})

describe('POST pairing-code', () => {
  test('answers with the code, and the number as digits', async () => {
    api = await createApi({ waits: patient })
    await api.post('/api/devices/myphone/start')
    const asking = api.post(pairingCode, { phone: '+49 151 234567' })
    await api.connector.see('myphone', {
      pairingCode: { phone: '49151234567', requestedAt: 1, code: 'ABCD1234', error: null },
    })
    const { status, text } = await asking
    expect(status).toBe(200)
    expect(text).toBe('{"device":"myphone","phone":"49151234567","code":"ABCD1234"}')
  })

  test("is refused with the connector's reason", async () => {
    api = await createApi({ waits: patient })
    await api.post('/api/devices/myphone/start')
    const asking = api.post(pairingCode, { phone: '49151234567' })
    await api.connector.see('myphone', {
      pairingCode: { phone: '49151234567', requestedAt: 1, code: null, error: 'WhatsApp refused the number' },
    })
    const { status, json } = await asking
    expect(status).toBe(409)
    expect(json).toMatchObject({
      type: '/problems/pairing-code-unavailable',
      error: 'WhatsApp refused the number',
    })
  })

  test('that takes too long is a 504 that says to ask again', async () => {
    const { status, json, headers } = await api.post(pairingCode, { phone: '49151234567' })
    expect(status).toBe(504)
    expect(headers.get('retry-after')).toBe('5')
    expect(json).toMatchObject({ type: '/problems/pairing-code-pending' })
  })

  test('of a linked device is refused', async () => {
    await linked(api)
    const { status, json } = await api.post(pairingCode, { phone: '49151234567' })
    expect(status).toBe(409)
    expect(json).toMatchObject({ type: '/problems/device-already-linked' })
  })

  test('with a number that is none is refused', async () => {
    const { status, json } = await api.post(pairingCode, { phone: '12' })
    expect(status).toBe(422)
    expect(json).toMatchObject({ type: '/problems/invalid-phone' })
  })
})
