import { beforeEach, describe, expect, test } from 'vitest'
import { startDevice } from '../../src/control/start-device.ts'
import { account, patient } from '../control/world.ts'
import { createApi, linked, type Api } from './api.ts'

let api: Api
beforeEach(async () => {
  api = await createApi()
})

describe("the guide's device routes", () => {
  test('start answers the guide to the letter', async () => {
    const { status, text } = await api.post('/api/devices/myphone/start')
    expect(status).toBe(200)
    expect(text).toBe('{"status":"starting","device":"myphone"}')
  })

  test('starting a started, waiting or connected device answers the same and harms nothing', async () => {
    await linked(api)
    const { text } = await api.post('/api/devices/myphone/start')
    expect(text).toBe('{"status":"starting","device":"myphone"}')
    expect((await api.get('/api/devices/myphone/status')).json).toMatchObject({ status: 'connected' })
  })

  test('start takes an empty object as a body too', async () => {
    expect((await api.post('/api/devices/myphone/start', {})).status).toBe(200)
  })

  test('status has exactly the three members, null while there is no QR', async () => {
    await api.post('/api/devices/myphone/start')
    const { status, text } = await api.get('/api/devices/myphone/status')
    expect(status).toBe(200)
    expect(text).toBe('{"status":"starting","qrCode":null,"lastUpdate":"2025-11-16T02:18:05.123Z"}')
  })

  test('status shows the QR as a data URL while it waits for the scan', async () => {
    await api.post('/api/devices/myphone/start')
    const { qr } = await api.connector.showQr('myphone')
    expect((await api.get('/api/devices/myphone/status')).json).toEqual({
      status: 'waiting_for_scan',
      qrCode: qr?.dataUrl,
      lastUpdate: '2025-11-16T02:18:05.123Z',
    })
  })

  test('lastUpdate is the time of the last change', async () => {
    await api.post('/api/devices/myphone/start')
    api.clock.wallMs += 1_234
    await api.connector.link('myphone')
    expect((await api.get('/api/devices/myphone/status')).text).toBe(
      '{"status":"connected","qrCode":null,"lastUpdate":"2025-11-16T02:18:06.357Z"}',
    )
  })

  test('a connected device behind which no connector stands any more is not called connected', async () => {
    await linked(api)
    api.clock.aheadMs += 60 * 60 * 1000
    expect((await api.get('/api/devices/myphone/status')).json).toMatchObject({ status: 'reconnecting' })
    expect((await api.get('/api/devices/myphone')).json).toMatchObject({
      status: 'reconnecting',
      reason: 'connector_away',
      lease: null,
    })
  })

  test('the list is a map from id to the same three members', async () => {
    await api.post('/api/devices/device1/start')
    await api.post('/api/devices/device2/start')
    await api.connector.link('device1')
    const { qr } = await api.connector.showQr('device2')
    const lastUpdate = '2025-11-16T02:18:05.123Z'
    expect((await api.get('/api/devices')).json).toEqual({
      device1: { status: 'connected', qrCode: null, lastUpdate },
      device2: { status: 'waiting_for_scan', qrCode: qr?.dataUrl, lastUpdate },
    })
  })

  test('the list of no devices is an empty map', async () => {
    expect((await api.get('/api/devices')).text).toBe('{}')
  })

  test('a device named like a member of every object is listed like any other', async () => {
    for (const id of ['__proto__', 'constructor', 'toString']) await api.post(`/api/devices/${id}/start`)
    const { text } = await api.get('/api/devices')
    expect(text).toMatch(/"__proto__":\{"status":"starting"/)
    expect(text).toMatch(/"constructor":\{"status":"starting"/)
  })

  test('delete answers the guide to the letter, once the connector has done its part', async () => {
    api = await createApi({ waits: patient })
    await linked(api)
    await api.connector.takeSeat()
    api.connector.keepRemoving('myphone')
    const { status, text } = await api.request('DELETE', '/api/devices/myphone')
    expect(status).toBe(200)
    expect(text).toBe(
      '{"status":"removed","device":"myphone","message":"Device myphone and all associated session files have been removed."}',
    )
    expect((await api.store.devices.get('myphone'))?.device.removedAt).not.toBeNull()
  })

  test('delete answers the same while the connector is away, and the removal stays on record', async () => {
    api = await createApi({ waits: patient })
    await linked(api)
    const { text } = await api.request('DELETE', '/api/devices/myphone')
    expect(text).toContain('"status":"removed"')
    expect(await api.store.devices.unsettled()).toMatchObject([{ id: 'myphone', desired: 'removed' }])
  })

  test('a removed device is gone from status, list and record, and can be started again', async () => {
    await linked(api)
    await api.request('DELETE', '/api/devices/myphone')
    expect((await api.get('/api/devices/myphone/status')).status).toBe(404)
    expect((await api.get('/api/devices/myphone')).status).toBe(404)
    expect((await api.get('/api/devices')).json).toEqual({})
    expect((await api.post('/api/devices/myphone/start')).status).toBe(200)
    expect((await api.get('/api/devices/myphone')).json).toMatchObject({ status: 'starting', phone: null })
  })

  test('history and messages of a removed device stay readable', async () => {
    await linked(api)
    await api.post('/api/devices/myphone/send', { to: '1234567890', message: 'hi' })
    await api.request('DELETE', '/api/devices/myphone')
    const history = await api.get('/api/devices/myphone/history')
    expect(history.json).toMatchObject({ history: [{ status: 'disconnected', reason: 'removed' }, {}, {}] })
    expect((await api.get('/api/devices/myphone/messages')).json).toMatchObject({
      messages: [{ text: 'hi' }],
    })
  })
})

describe('the other device routes', () => {
  test('stop keeps the credentials and says disconnected', async () => {
    await linked(api)
    expect((await api.post('/api/devices/myphone/stop')).text).toBe(
      '{"status":"disconnected","device":"myphone"}',
    )
    expect((await api.get('/api/devices/myphone')).json).toMatchObject({
      status: 'disconnected',
      reason: 'stopped',
      desired: 'stopped',
      phone: '4915123456789',
    })
  })

  test('restart says starting', async () => {
    await linked(api)
    expect((await api.post('/api/devices/myphone/restart')).text).toBe(
      '{"status":"starting","device":"myphone"}',
    )
    expect((await api.get('/api/devices/myphone')).json).toMatchObject({ reason: 'restarted' })
  })

  test('the full record has every member', async () => {
    await linked(api)
    const at = '2025-11-16T02:18:05.123Z'
    expect((await api.get('/api/devices/myphone')).json).toEqual({
      id: 'myphone',
      status: 'connected',
      reason: 'opened',
      detail: null,
      desired: 'running',
      generation: 1,
      phone: '4915123456789',
      lid: account.lid,
      pushName: 'Ada',
      qrExpiresAt: null,
      pairedAt: at,
      lastConnectedAt: at,
      restrictedUntil: null,
      startedAt: at,
      createdAt: at,
      updatedAt: at,
      lastUpdate: at,
      lease: { owner: 'c1', epoch: 1, expiresAt: expect.stringMatching(/^2025-11-16T02:1[89]:/) },
    })
  })

  test('the record of a device that waits says when its QR expires', async () => {
    await api.post('/api/devices/myphone/start')
    await api.connector.showQr('myphone')
    expect((await api.get('/api/devices/myphone')).json).toMatchObject({
      qrExpiresAt: '2025-11-16T02:18:25.123Z',
      phone: null,
    })
  })

  test('history has every change with its reason, newest first', async () => {
    await api.post('/api/devices/myphone/start')
    await api.connector.showQr('myphone')
    await api.connector.link('myphone')
    const at = '2025-11-16T02:18:05.123Z'
    expect((await api.get('/api/devices/myphone/history')).json).toEqual({
      history: [
        { at, status: 'connected', previous: 'waiting_for_scan', reason: 'opened', detail: null },
        { at, status: 'waiting_for_scan', previous: 'starting', reason: 'qr_shown', detail: null },
        { at, status: 'starting', previous: null, reason: 'started', detail: null },
      ],
      nextCursor: null,
    })
  })

  test('history comes in pages', async () => {
    for (let round = 0; round < 3; round++) {
      await api.post('/api/devices/myphone/start')
      await api.post('/api/devices/myphone/stop')
    }
    const seen: unknown[] = []
    let query = '?limit=4'
    for (;;) {
      const page = (await api.get(`/api/devices/myphone/history${query}`)).json as {
        history: { status: string }[]
        nextCursor: string | null
      }
      seen.push(page.history.map(({ status }) => status))
      if (page.nextCursor === null) break
      query = `?limit=4&cursor=${page.nextCursor}`
    }
    const [off, on] = ['disconnected', 'starting']
    expect(seen).toEqual([
      [off, on, off, on],
      [off, on],
    ])
  })
})

describe('10,000 devices', () => {
  test('are listed in well under a second, each with its status', async () => {
    const ids = Array.from({ length: 10_000 }, (_, n) => `device-${n}`)
    await Promise.all(ids.map((id) => startDevice(api.ctx, { id })))
    const startedAt = performance.now()
    const { json, status } = await api.get('/api/devices')
    const tookMs = performance.now() - startedAt
    expect(status).toBe(200)
    expect(Object.keys(json as object)).toHaveLength(10_000)
    expect(tookMs).toBeLessThan(1_000)
  })
})
