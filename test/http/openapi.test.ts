/** What /openapi.json promises, held against what the app does: every route, every status, every shape. */
import { describe, expect, test } from 'vitest'
import { z } from '@hono/zod-openapi'
import { routes } from '../../src/http/routes.ts'
import { StoreError } from '../../src/store/store.ts'
import { impatient, patient } from '../control/world.ts'
import { createApi, linked, type Answer, type Api } from './api.ts'

interface Case {
  readonly operation: string
  readonly status: number
  readonly ask: (api: Api) => Promise<Answer>
}

const id = '/api/devices/myphone'
const bad = '/api/devices/a%2Fb'
const hello = { to: '1234567890', message: 'hi' }
const phone = { phone: '49151234567' }
const tooMuch = 'x'.repeat(1_048_577)
const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

const start = async (api: Api): Promise<void> => void (await api.post(`${id}/start`))

const bodyCases = (operation: string, path: string, wrong: unknown): Case[] => [
  { operation, status: 400, ask: (api) => api.request('POST', path, { headers: json, body: '{' }) },
  { operation, status: 413, ask: (api) => api.request('POST', path, { headers: json, body: tooMuch }) },
  { operation, status: 415, ask: (api) => api.request('POST', path, { headers: form, body: 'a=b' }) },
  { operation, status: 422, ask: (api) => api.post(path, wrong) },
]

const of = (operation: string, status: number, ask: Case['ask']): Case => ({ operation, status, ask })
const after =
  (arrange: (api: Api) => Promise<unknown>, ask: Case['ask']): Case['ask'] =>
  async (api) => {
    await arrange(api)
    return await ask(api)
  }
const pairing = async (api: Api, error: string | null): Promise<Answer> => {
  await start(api)
  const asking = api.post(`${id}/pairing-code`, phone)
  const code = error === null ? 'ABCD1234' : null
  await api.connector.see('myphone', { pairingCode: { ...phone, requestedAt: 1, code, error } })
  return await asking
}

const cases: readonly Case[] = [
  of('startDevice', 200, (api) => api.post(`${id}/start`)),
  ...bodyCases('startDevice', `${id}/start`, { x: 1 }),
  ...(['stop', 'restart'] as const).flatMap((verb) => [
    of(
      `${verb}Device`,
      200,
      after(start, (api) => api.post(`${id}/${verb}`)),
    ),
    of(`${verb}Device`, 404, (api) => api.post(`${id}/${verb}`)),
    ...bodyCases(`${verb}Device`, `${id}/${verb}`, { x: 1 }),
  ]),
  of(
    'getStatus',
    200,
    after(
      async (api) => {
        await start(api)
        await api.connector.showQr('myphone')
      },
      (api) => api.get(`${id}/status`),
    ),
  ),
  of('getStatus', 400, (api) => api.get(`${bad}/status`)),
  of('getStatus', 404, (api) => api.get(`${id}/status`)),
  of(
    'listDevices',
    200,
    after(start, (api) => api.get('/api/devices')),
  ),
  of(
    'getDevice',
    200,
    after(linked, (api) => api.get(id)),
  ),
  of('getDevice', 400, (api) => api.get(bad)),
  of('getDevice', 404, (api) => api.get(id)),
  of(
    'removeDevice',
    200,
    after(start, (api) => api.request('DELETE', id)),
  ),
  of('removeDevice', 400, (api) => api.request('DELETE', bad)),
  of('removeDevice', 404, (api) => api.request('DELETE', id)),
  of(
    'getHistory',
    200,
    after(linked, (api) => api.get(`${id}/history?limit=1`)),
  ),
  of('getHistory', 400, (api) => api.get(`${id}/history?limit=0`)),
  of('getHistory', 404, (api) => api.get(`${id}/history`)),
  of('getQr', 400, (api) => api.get(`${id}/qr?format=gif`)),
  of('getQr', 404, (api) => api.get(`${id}/qr`)),
  of(
    'getQr',
    409,
    after(linked, (api) => api.get(`${id}/qr`)),
  ),
  of(
    'getQr',
    200,
    after(
      async (api) => {
        await start(api)
        await api.connector.showQr('myphone')
      },
      (api) => api.get(`${id}/qr?format=svg`),
    ),
  ),
  of('requestPairingCode', 200, (api) => pairing(api, null)),
  of('requestPairingCode', 409, (api) => pairing(api, 'no')),
  of(
    'requestPairingCode',
    409,
    after(linked, (api) => api.post(`${id}/pairing-code`, phone)),
  ),
  of('requestPairingCode', 404, (api) => api.post(`${id}/pairing-code`, phone)),
  ...bodyCases('requestPairingCode', `${id}/pairing-code`, { phone: '12' }),
  of('requestPairingCode', 504, async () => {
    const api = await createApi({ waits: impatient })
    await start(api)
    return await api.post(`${id}/pairing-code`, phone)
  }),
  of(
    'sendMessage',
    200,
    after(linked, (api) => {
      api.connector.keepSettling('myphone', { state: 'sent', at: api.clock.now() })
      return api.post(`${id}/send`, hello)
    }),
  ),
  of(
    'sendMessage',
    202,
    after(linked, (api) => api.post(`${id}/send`, hello, { prefer: 'respond-async' })),
  ),
  of('sendMessage', 404, (api) => api.post(`${id}/send`, hello)),
  of(
    'sendMessage',
    409,
    after(start, (api) => api.post(`${id}/send`, hello)),
  ),
  ...bodyCases('sendMessage', `${id}/send`, { to: '1234567890' }),
  of(
    'sendMessage',
    502,
    after(linked, (api) => {
      api.connector.keepSettling('myphone', { state: 'failed', error: { code: 'nack_463', detail: 'no' } })
      return api.post(`${id}/send`, hello)
    }),
  ),
  of(
    'listMessages',
    200,
    after(
      async (api) => {
        await linked(api)
        await api.connector.receive('myphone', 'hi')
        await api.post(`${id}/send`, hello, { prefer: 'respond-async' })
      },
      (api) => api.get(`${id}/messages`),
    ),
  ),
  of('listMessages', 400, (api) => api.get(`${id}/messages?chatId=x`)),
  of('listMessages', 404, (api) => api.get(`${id}/messages`)),
  of(
    'getMessage',
    200,
    after(linked, async (api) =>
      api.get(`/api/messages/${(await api.connector.receive('myphone', 'hi')).id}`),
    ),
  ),
  of('getMessage', 404, (api) => api.get('/api/messages/x')),
  ...(['retry', 'cancel'] as const).flatMap((verb) => {
    const operation = `${verb}Message`
    const ask = (api: Api, message: string) => api.post(`/api/messages/${message}/${verb}`)
    return [
      of(
        operation,
        verb === 'retry' ? 202 : 200,
        after(linked, async (api) => {
          const { json } = await api.post(`${id}/send`, hello, { prefer: 'respond-async' })
          return await ask(api, (json as { id: string }).id)
        }),
      ),
      of(operation, 404, (api) => ask(api, 'x')),
      of(
        operation,
        409,
        after(linked, async (api) => ask(api, (await api.connector.receive('myphone', 'hi')).id)),
      ),
    ]
  }),
  of('getHealth', 200, (api) => api.get('/healthz')),
  of(
    'getReadiness',
    200,
    after(
      (api) => api.connector.takeSeat(),
      (api) => api.get('/readyz'),
    ),
  ),
  of('getReadiness', 503, async () => {
    const api = await createApi({
      store: (store) => ({ ...store, probe: () => Promise.reject(new StoreError('busy', 'busy')) }),
    })
    return await api.get('/readyz')
  }),
]

/** The schema that the document gives for an answer of this status and content type. */
const promised = (operation: string, status: number, type: string): z.ZodType | undefined => {
  const route = routes.find(({ doc }) => doc.operationId === operation)
  const answer = route?.doc.responses[status]
  const content = answer !== undefined && 'content' in answer ? answer.content : undefined
  const media = content?.[type]
  const schema = media !== undefined && 'schema' in media ? media.schema : undefined
  return schema instanceof z.ZodType ? schema : undefined
}

test.each(cases)(
  '$operation answers $status in the shape that is promised',
  async ({ operation, status, ask }) => {
    const answer = await ask(await createApi({ waits: patient }))
    expect(answer.status).toBe(status)
    const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
    const schema = promised(operation, status, type)
    expect(schema?.safeParse(answer.json ?? answer.text)).toMatchObject({ success: true })
  },
)

describe('/openapi.json', () => {
  interface Document {
    readonly openapi: string
    readonly info: { readonly version: string }
    readonly paths: Readonly<
      Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>
    >
  }
  const read = async (): Promise<{ api: Api; document: Document }> => {
    const api = await createApi()
    const { status, json: document } = await api.get('/openapi.json')
    expect(status).toBe(200)
    return { api, document: document as Document }
  }

  test('is OpenAPI 3.1 of this version', async () => {
    const { document } = await read()
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '0.0.0-test' } })
  })

  test('has every route of the app, and no other', async () => {
    const { api, document } = await read()
    const real = api.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    const written = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(written.toSorted()).toEqual(real.toSorted())
  })

  test('names every operation once', () => {
    const names = routes.map(({ doc }) => doc.operationId)
    expect(new Set(names).size).toBe(names.length)
  })

  test('promises no status that no case above has seen, and hides none', async () => {
    const { document } = await read()
    const written = Object.values(document.paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ operationId, responses }) =>
        Object.keys(responses)
          .filter((status) => status !== 'default')
          .map((status) => `${operationId} ${status}`),
      )
    const seen = new Set(cases.map(({ operation, status }) => `${operation} ${status}`))
    expect(written.toSorted()).toEqual([...seen].toSorted())
  })

  test('says of every reference what it means', async () => {
    const { document } = await read()
    const components = (document as unknown as { components: { schemas: object } }).components.schemas
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)
    const names = new Set([...references].map(([, name]) => name))
    expect(names.size).toBeGreaterThan(5)
    for (const name of names) expect(components).toHaveProperty(name ?? '')
  })
})
