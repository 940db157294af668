import { describe, expect, test } from 'vitest'
import { StoreError, type Store } from '../../src/store/store.ts'
import { createApi, type Api } from './api.ts'

const secret = 'SQLITE_IOERR at /home/ada/data/gateway.db'

/** An API whose list of devices, and whose probe, fail with this. */
const failing = (error: unknown): Promise<Api> => {
  const fail = (): never => {
    throw error
  }
  return createApi({
    store: (store): Store => ({ ...store, devices: { ...store.devices, list: fail }, probe: fail }),
  })
}

describe('a problem', () => {
  test("has the members of RFC 9457, the guide's error, and the request's id", async () => {
    const api = await createApi()
    const { status, json, headers } = await api.get('/api/devices/nobody/status', { 'x-request-id': 'r-1' })
    const words = 'there is no device nobody; POST /api/devices/nobody/start makes one'
    expect(status).toBe(404)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(json).toEqual({
      type: '/problems/device-not-found',
      title: 'No such device',
      status: 404,
      detail: words,
      instance: '/api/devices/nobody/status',
      error: words,
      requestId: 'r-1',
    })
  })

  test.each([
    ['busy', 503, '1', 'store-busy'],
    ['closed', 503, '1', 'store-busy'],
    ['full', 507, null, 'store-full'],
    ['read_only', 503, null, 'store-read-only'],
    ['io', 503, null, 'store-io-error'],
    ['failed', 500, null, 'internal'],
  ] as const)('of a store that is %s is %i', async (kind, status, retryAfter, name) => {
    const api = await failing(new StoreError(kind, secret))
    const answer = await api.get('/api/devices')
    expect(answer.status).toBe(status)
    expect(answer.headers.get('retry-after')).toBe(retryAfter)
    expect(answer.json).toMatchObject({ type: `/problems/${name}` })
    expect(answer.text).not.toContain('SQLITE')
  })

  test.each([new Error(secret), new TypeError(secret), Object.assign(new Error(secret), { status: 418 })])(
    'of a defect (%s) is 500, keeps its text and stack to itself, and is logged with its id',
    async (error) => {
      const api = await failing(error)
      const answer = await api.get('/api/devices', { 'x-request-id': 'r-2' })
      expect(answer.status).toBe(500)
      expect(answer.json).toMatchObject({ type: '/problems/internal', requestId: 'r-2' })
      expect(answer.text).not.toMatch(/SQLITE|ada|\.ts/)
      expect(api.lines).toEqual([
        {
          level: 'error',
          message: 'request failed',
          fields: expect.objectContaining({ requestId: 'r-2', status: 500, code: 'internal', err: error }),
        },
      ])
    },
  )
})

describe('health', () => {
  test('is ok whatever the store does', async () => {
    const api = await failing(new StoreError('failed', secret))
    const { status, text } = await api.get('/healthz')
    expect([status, text]).toEqual([200, '{"status":"ok"}'])
  })

  test('is ready with the connector that holds the seat, or without one', async () => {
    const api = await createApi()
    expect((await api.get('/readyz')).text).toBe('{"status":"ready","store":"ok","connector":null}')
    await api.connector.takeSeat()
    expect((await api.get('/readyz')).json).toEqual({
      status: 'ready',
      store: 'ok',
      connector: { owner: 'c1', epoch: 1, expiresAt: expect.stringMatching(/^2025-11-16T02:1[89]:/) },
    })
  })

  test.each(['busy', 'full', 'read_only', 'io', 'closed', 'failed'] as const)(
    'is not ready with 503 when the store is %s',
    async (kind) => {
      const api = await failing(new StoreError(kind, secret))
      const { status, json, text, headers } = await api.get('/readyz')
      expect(status).toBe(503)
      expect(headers.get('retry-after')).toBe('5')
      expect(json).toMatchObject({ type: '/problems/not-ready' })
      expect(text).not.toContain('SQLITE')
    },
  )
})

describe('a request', () => {
  test("keeps the caller's id when it is sane", async () => {
    const api = await createApi()
    const { headers } = await api.get('/api/devices', { 'x-request-id': 'trace:4711.a-b_c' })
    expect(headers.get('x-request-id')).toBe('trace:4711.a-b_c')
  })

  test.each(['', 'two words', '<script>', 'x'.repeat(129), 'ü'])(
    'gets an id of its own instead of %j',
    async (id) => {
      const api = await createApi()
      const { headers } = await api.get('/api/devices', { 'x-request-id': id })
      expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/)
    },
  )

  test('is one line in the log, without its query and its body', async () => {
    const api = await createApi()
    await api.get('/api/devices/nobody/messages?chat=491511234567', { 'x-request-id': 'r-3' })
    expect(api.lines).toEqual([
      {
        level: 'info',
        message: 'request',
        fields: {
          requestId: 'r-3',
          method: 'GET',
          path: '/api/devices/nobody/messages',
          status: 404,
          durationMs: expect.any(Number),
          code: 'device_not_found',
        },
      },
    ])
  })

  test('of a probe is logged for debugging only', async () => {
    const api = await createApi()
    await api.get('/healthz')
    await api.get('/readyz')
    expect(api.lines.map(({ level }) => level)).toEqual(['debug', 'debug'])
  })

  test('stands in the audit entry of what it did', async () => {
    const api = await createApi()
    await api.post('/api/devices/myphone/start', undefined, { 'x-request-id': 'r-4' })
    expect(await api.store.audit.after(0, 9)).toMatchObject([
      { action: 'device.start', origin: { actor: { kind: 'api' }, requestId: 'r-4' } },
    ])
  })

  test('is answered with no-store and nosniff, also when it fails', async () => {
    const api = await createApi()
    for (const path of ['/api/devices', '/api/devices/nobody/status', '/nowhere', '/openapi.json']) {
      const { headers } = await api.get(path)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })
})
