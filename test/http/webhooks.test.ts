import { describe, expect, it, test } from 'vitest'
import { createWebhookUrlProblem } from '../../src/commands/webhook-urls.ts'
import { readConfig } from '../../src/config.ts'
import { endpointsMax, newEndpoint } from '../../src/domain/webhook-settings.ts'
import { attemptDelaysMs } from '../../src/domain/webhook.ts'
import { impatient, patient } from '../control/world.ts'
import { createApi, linked, type Api } from './api.ts'
import {
  deliveriesOf,
  patch,
  playDispatcher,
  target,
  webhookOf,
  webhooks,
  type Webhook,
} from './webhook-world.ts'

const day = 86_400_000
const listed = (json: unknown): readonly Webhook[] => (json as { webhooks: readonly Webhook[] }).webhooks

/** Fills the gateway up to `count` endpoints. */
const fill = async ({ store, ctx, clock }: Api, count: number): Promise<void> => {
  const secret = `whsec_${Buffer.alloc(24).toString('base64')}`
  for (let made = 0; made < count; made++) {
    const endpoint = newEndpoint({ url: target }, { id: `whk_${made}`, secret, now: clock.now() })
    await store.webhooks.create(endpoint, () => undefined, ctx.origin, clock.now())
  }
}

describe('a webhook', () => {
  it('is made with a secret of its own, which is shown then and never again', async () => {
    const api = await createApi()
    const body = {
      url: 'https://example.com/in?key=1',
      events: ['message.*', 'device.linked'],
      devices: ['myphone'],
      chats: ['+49 151 23456789', '*@g.us'],
      notChats: ['status@broadcast'],
      ownMessages: false,
      headers: { Authorization: 'Bearer hidden' },
      media: 'inline',
      ordered: true,
      concurrency: 3,
      description: 'for the shop',
    }
    const answer = await api.post(webhooks, body)
    const { id, secret } = answer.json as Webhook
    const shown = {
      ...body,
      id: expect.stringMatching(/^whk_/) as string,
      chats: ['4915123456789@s.whatsapp.net', '*@g.us'],
      headers: { Authorization: null },
      format: 'event',
      state: 'active',
      failures: 0,
      failingSince: null,
      notBefore: null,
      disabledReason: null,
      disabledSeq: null,
      previousSecretUntil: null,
      createdAt: '2025-11-16T02:18:05.123Z',
      updatedAt: '2025-11-16T02:18:05.123Z',
    }
    expect(answer).toMatchObject({ status: 201, json: { ...shown, secret } })
    expect(answer.headers.get('location')).toBe(`${webhooks}/${id}`)
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32)
    const deliveries = { waiting: 0, sending: 0, delivered: 0, failed: 0, cancelled: 0 }
    expect((await api.get(`${webhooks}/${id}`)).json).toEqual({ ...shown, deliveries })
    expect((await api.get(webhooks)).json).toEqual({ webhooks: [shown] })
    for (const path of [webhooks, `${webhooks}/${id}`]) {
      const { text } = await api.get(path)
      expect(text).not.toContain(secret)
      expect(text).not.toContain('hidden')
    }
  })

  it('may bring its secret along', async () => {
    const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
    expect(await webhookOf(await createApi(), { secret })).toMatchObject({ secret })
  })

  it('leaves no secret, no header and no query in the audit trail', async () => {
    const api = await createApi()
    const { path, secret } = await webhookOf(api, {
      url: 'https://example.com/in?key=hidden',
      headers: { Authorization: 'Bearer hidden' },
    })
    const { json } = await api.post(`${path}/rotate-secret`)
    await patch(api, path, { headers: { 'X-Key': 'hidden too' } })
    await api.request('DELETE', path)
    const entries = await api.store.audit.after(0, 100)
    expect(entries.map(({ action }) => action)).toEqual([
      'webhook.create',
      'webhook.rotate_secret',
      'webhook.change',
      'webhook.remove',
    ])
    const written = JSON.stringify(entries)
    for (const word of ['hidden', secret, (json as Webhook).secret]) expect(written).not.toContain(word)
  })

  it('is listed with those of its device', async () => {
    const api = await createApi()
    await webhookOf(api)
    const both = await webhookOf(api, { devices: ['a', 'b'] })
    const one = await webhookOf(api, { devices: ['b'] })
    const ids = async (query: string): Promise<readonly string[]> =>
      listed((await api.get(`${webhooks}${query}`)).json).map(({ id }) => id)
    expect(await ids('')).toHaveLength(3)
    expect(await ids('?device=a')).toEqual([both.id])
    expect(await ids('?device=b')).toEqual([both.id, one.id])
    expect(await ids('?device=c')).toEqual([])
  })

  it('is one of at most 1,000', async () => {
    const api = await createApi()
    await fill(api, endpointsMax - 1)
    const last = await webhookOf(api)
    expect(await api.post(webhooks, { url: target })).toMatchObject({
      status: 409,
      json: { type: '/problems/webhooks-full', error: expect.stringContaining('1000') as string },
    })
    await api.request('DELETE', last.path)
    expect((await api.post(webhooks, { url: target })).status).toBe(201)
  })

  it('is changed in what is given, and its health stays', async () => {
    const api = await createApi()
    const { path } = await webhookOf(api, { events: ['device.*'], headers: { 'X-A': '1', 'X-B': '2' } })
    const change = (body: unknown) => patch(api, path, body)
    expect(await change({ events: null, notChats: ['*@g.us'] })).toMatchObject({
      status: 200,
      json: { url: target, events: null, notChats: ['*@g.us'], headers: { 'X-A': null, 'X-B': null } },
    })
    expect((await change({ headers: { 'X-A': null, 'X-C': '3' } })).json).toMatchObject({
      headers: { 'X-A': null, 'X-C': null },
    })
    expect(await api.store.webhooks.get(path.split('/').at(-1) ?? '')).toMatchObject({
      headers: { 'X-A': '1', 'X-C': '3' },
    })
    expect(await change({ secret: 'whsec_x' })).toMatchObject({ status: 422 })
    expect(await change({ concurrency: 65 })).toMatchObject({
      status: 422,
      json: { type: '/problems/invalid-webhook' },
    })
  })

  it('that is removed is gone, and what waited for it is cancelled', async () => {
    const api = await createApi()
    const { path, id } = await webhookOf(api)
    await api.post('/api/devices/myphone/start')
    const [waiting] = deliveriesOf(await api.get(`${path}/deliveries`))
    expect(await api.request('DELETE', path)).toMatchObject({
      status: 200,
      json: { id, state: 'removed', headers: {} },
    })
    expect(await api.store.webhooks.delivery(waiting?.id ?? '')).toMatchObject({ state: 'cancelled' })
    for (const answer of [
      await api.get(path),
      await api.request('DELETE', path),
      await patch(api, path, {}),
      await api.post(`${path}/pause`),
      await api.post(`${path}/resume`),
      await api.post(`${path}/rotate-secret`),
      await api.post(`${path}/test`),
      await api.get(`${path}/deliveries`),
      await api.get(`${path}/deliveries/${waiting?.id}`),
      await api.post(`${path}/deliveries/${waiting?.id}/redeliver`),
      await api.post(`${path}/redeliver`, { since: '2025-01-01T00:00:00Z' }),
      await api.post(`${path}/replay`, { after: 0 }),
    ]) {
      expect(answer).toMatchObject({ status: 404, json: { type: '/problems/webhook-not-found' } })
    }
    expect(listed((await api.get(webhooks)).json)).toEqual([])
  })

  it.each<[Record<string, unknown>, string, RegExp]>([
    [{ url: 'ftp://example.com' }, 'invalid-webhook', /^url: must be an http/],
    [{ url: 7 }, 'invalid-body', /^url/],
    [{ events: ['message.gone'] }, 'invalid-webhook', /^events: .*message\.received/],
    [{ events: 'message.*' }, 'invalid-body', /^events/],
    [{ devices: ['a/b'] }, 'invalid-webhook', /^devices/],
    [{ chats: ['nobody'] }, 'invalid-webhook', /^chats/],
    [{ headers: { Host: 'x' } }, 'invalid-webhook', /^headers: "Host" is set by the gateway/],
    [{ headers: { 'X-A': 1 } }, 'invalid-body', /^headers/],
    [{ headers: { 'X-A': null } }, 'invalid-webhook', /no value yet/],
    [{ secret: 'geheim' }, 'invalid-webhook', /^secret: must be whsec_/],
    [{ format: 'xml' }, 'invalid-body', /^format/],
    [{ media: 'tape' }, 'invalid-body', /^media/],
    [{ ordered: 'yes' }, 'invalid-body', /^ordered/],
    [{ concurrency: 0 }, 'invalid-webhook', /^concurrency/],
    [{ description: 'x'.repeat(501) }, 'invalid-webhook', /^description/],
    [{ event: ['message.*'] }, 'invalid-body', /^unknown: "event" \(known: url, events/],
  ])('cannot be made of %j', async (more, problem, detail) => {
    const api = await createApi()
    const { status, json } = await api.post(webhooks, { url: target, ...more })
    expect({ status, json }).toMatchObject({
      status: 422,
      json: { type: `/problems/${problem}`, error: expect.stringMatching(detail) as string },
    })
    expect(listed((await api.get(webhooks)).json)).toEqual([])
  })

  test.each([
    ['127.0.0.1', 'http://127.0.0.1:8080/', true],
    ['127.0.0.1', 'http://localhost/', true],
    ['::1', 'http://[::1]:9000/', true],
    ['127.0.0.1', 'http://10.1.0.1/', false],
    ['127.0.0.1', 'http://10.2.3.4/', true],
    ['0.0.0.0', 'http://127.0.0.1/', false],
    ['0.0.0.0', 'http://localhost/', false],
    ['0.0.0.0', 'http://a.localhost/', false],
    ['0.0.0.0', 'http://[::1]/', false],
    ['0.0.0.0', 'http://[::ffff:10.0.0.1]/', false],
    ['0.0.0.0', 'http://0x7f000001/', false],
    ['0.0.0.0', 'http://169.254.169.254/', false],
    ['0.0.0.0', 'http://93.184.216.34/', true],
    ['0.0.0.0', 'http://[2606:2800:220:1::1]/', true],
    ['0.0.0.0', 'https://example.com/', true],
    ['0.0.0.0', 'http://localhost.example.com/', true],
    ['0.0.0.0', 'http://crm.local/', true],
  ])('of a gateway on %s at %s can be: %s', (host, url, possible) => {
    const config = readConfig({ HOST: host, WEBHOOK_URL_ALLOW: 'crm.local,10.2.0.0/16' })
    const problem = createWebhookUrlProblem(config)(url)
    if (possible) expect(problem).toBeUndefined()
    else expect(problem).toMatch(/not on the public internet.*WEBHOOK_URL_ALLOW/)
  })

  it('cannot be where nothing could ever be sent to, nor be moved there', async () => {
    const webhookUrlProblem = createWebhookUrlProblem(readConfig({ HOST: '0.0.0.0' }))
    const api = await createApi({ webhookUrlProblem })
    const refused = {
      status: 422,
      json: {
        type: '/problems/invalid-webhook',
        error: expect.stringContaining('WEBHOOK_URL_ALLOW') as string,
      },
    }
    const url = 'http://192.168.0.7/in'
    expect(await api.post(webhooks, { url })).toMatchObject(refused)
    expect(await api.post('/api/devices/myphone/start', { webhook: { url } })).toMatchObject(refused)
    expect((await api.get('/api/devices/myphone')).status).toBe(404)
    const { path } = await webhookOf(api)
    expect(await patch(api, path, { url })).toMatchObject(refused)
    expect((await api.get(path)).json).toMatchObject({ url: target })
  })
})

describe('a pause', () => {
  it('has what comes wait, until it is resumed', async () => {
    const api = await createApi()
    const dispatcher = playDispatcher(api)
    const { path } = await webhookOf(api)
    expect(await api.post(`${path}/pause`)).toMatchObject({ status: 200, json: { state: 'paused' } })
    await api.post('/api/devices/myphone/start')
    expect(await dispatcher.answer(200)).toEqual([])
    expect((await api.get(path)).json).toMatchObject({ deliveries: { waiting: 1 } })
    expect(await api.post(`${path}/resume`)).toMatchObject({
      status: 200,
      json: { state: 'active', missed: null },
    })
    expect(await dispatcher.answer(200)).toEqual(['device.status_changed'])
    expect((await api.get(path)).json).toMatchObject({ deliveries: { waiting: 0, delivered: 1 } })
  })
})

describe('a disabled webhook', () => {
  it('says why and since when, and what it missed can be replayed as it is told', async () => {
    const api = await createApi()
    const dispatcher = playDispatcher(api)
    const { path } = await webhookOf(api, { events: ['device.*'] })
    await api.post('/api/devices/first/start')
    await dispatcher.answer(410)
    const { json } = await api.get(path)
    expect(json).toMatchObject({
      state: 'disabled',
      disabledReason: 'it answered with status 410 (gone)',
      disabledSeq: 1,
      failures: 1,
      failingSince: '2025-11-16T02:18:05.123Z',
      deliveries: { failed: 1 },
    })
    await api.post('/api/devices/second/start')
    expect(deliveriesOf(await api.get(`${path}/deliveries`))).toHaveLength(1)
    expect((await api.post(`${path}/pause`)).json).toMatchObject({ state: 'disabled' })
    const resumed = await api.post(`${path}/resume`)
    const { missed } = resumed.json as { missed: { after: number; until: number } }
    expect(resumed).toMatchObject({
      status: 200,
      json: { state: 'active', failures: 0, disabledReason: null },
    })
    await api.post('/api/devices/third/start')
    expect(await api.post(`${path}/replay`, missed)).toMatchObject({
      status: 200,
      json: { count: 1, nextAfter: null },
    })
    const events = deliveriesOf(await api.get(`${path}/deliveries`)).map(({ eventId }) => eventId)
    const logged = (await api.store.events.after(0, { limit: 100 })).filter(({ type }) =>
      type.startsWith('device.'),
    )
    expect(new Set(events)).toEqual(new Set(logged.map(({ id }) => id)))
    expect(events).toHaveLength(3)
  })
})

describe('a secret', () => {
  it('is replaced, and the old one signs for a day more unless something else is said', async () => {
    const api = await createApi()
    const { path, secret, id } = await webhookOf(api)
    const rotate = async (body?: unknown): Promise<{ secret: string; previousSecretUntil: string | null }> =>
      (await api.post(`${path}/rotate-secret`, body)).json as {
        secret: string
        previousSecretUntil: string | null
      }
    const first = await rotate()
    expect(first.secret).not.toBe(secret)
    expect(first.previousSecretUntil).toBe(new Date(api.clock.now() + day).toISOString())
    expect(await api.store.webhooks.get(id)).toMatchObject({ secret: first.secret, previousSecret: secret })
    expect((await rotate({ keepPreviousFor: 60 })).previousSecretUntil).toBe(
      new Date(api.clock.now() + 60_000).toISOString(),
    )
    expect((await rotate({ keepPreviousFor: 0 })).previousSecretUntil).toBeNull()
    expect(await api.store.webhooks.get(id)).toMatchObject({ previousSecret: null })
  })
})

describe('a test', () => {
  it.each([204, 500])('tells what the endpoint answered: %i', async (status) => {
    const api = await createApi({ waits: patient })
    const { path } = await webhookOf(api, { events: ['device.*'] })
    playDispatcher(api).keepAnswering(status)
    const answer = await api.post(`${path}/test`)
    expect(answer).toMatchObject({
      status: 200,
      json: {
        delivery: { type: 'webhook.tested', origin: 'test', state: status === 204 ? 'delivered' : 'failed' },
        attempt: { number: 1, status, durationMs: 7, responseHead: `HTTP/1.1 ${status}` },
      },
    })
  })

  it('reaches one that is paused, and no other webhook', async () => {
    const api = await createApi({ waits: patient })
    const { path } = await webhookOf(api)
    const other = await webhookOf(api)
    await api.post(`${path}/pause`)
    playDispatcher(api).keepAnswering(200)
    expect((await api.post(`${path}/test`)).status).toBe(200)
    expect(deliveriesOf(await api.get(`${other.path}/deliveries`))).toEqual([])
  })

  it('that nobody has made in time is 202, and can be looked up', async () => {
    const api = await createApi({ waits: impatient })
    const { path } = await webhookOf(api)
    const answer = await api.post(`${path}/test`)
    expect(answer).toMatchObject({ status: 202, json: { attempt: null, delivery: { state: 'waiting' } } })
    await playDispatcher(api).answer(200)
    expect((await api.get(answer.headers.get('location') ?? '')).json).toMatchObject({
      delivery: { state: 'delivered' },
      attempts: [{ status: 200 }],
      event: { type: 'webhook.tested' },
    })
  })
})

describe('a device that is given a webhook at its start', () => {
  const start = '/api/devices/customer1/start'
  const webhook = { url: target, events: ['device.*'] }

  it('has its events sent there, from the first one on', async () => {
    const api = await createApi()
    const answer = await api.post(start, { webhook })
    expect(answer).toMatchObject({
      status: 200,
      json: {
        status: 'starting',
        device: 'customer1',
        webhook: {
          id: expect.stringMatching(/^whk_/) as string,
          secret: expect.stringMatching(/^whsec_/) as string,
        },
      },
    })
    const { id } = (answer.json as { webhook: Webhook }).webhook
    expect((await api.get(`${webhooks}/${id}`)).json).toMatchObject({
      devices: ['customer1'],
      events: ['device.*'],
    })
    await api.post('/api/devices/customer2/start')
    expect(deliveriesOf(await api.get(`${webhooks}/${id}/deliveries`))).toMatchObject([
      { type: 'device.status_changed', device: 'customer1' },
    ])
  })

  it('gets no second one at the same URL, and no secret twice', async () => {
    const api = await createApi()
    const first = (await api.post(start, { webhook })).json as { webhook: Webhook }
    const again = await api.post(start, { webhook: { url: 'https://EXAMPLE.com:443/in' } })
    expect(again.text).toBe(
      `{"status":"starting","device":"customer1","webhook":{"id":"${first.webhook.id}"}}`,
    )
    const elsewhere = await api.post(start, { webhook: { url: `${target}/2` } })
    const other = await api.post('/api/devices/customer2/start', { webhook })
    for (const { json } of [elsewhere, other]) expect(json).toHaveProperty('webhook.secret')
    expect(listed((await api.get(webhooks)).json)).toHaveLength(3)
  })

  it('gets one even if it is asked for twice at once', async () => {
    const api = await createApi()
    const answers = await Promise.all([1, 2, 3].map(() => api.post(start, { webhook })))
    const made = answers.map(({ json }) => (json as { webhook: Webhook }).webhook)
    const [kept, ...others] = listed((await api.get(webhooks)).json)
    expect(others).toEqual([])
    expect(new Set(made.map(({ id }) => id))).toEqual(new Set([kept?.id]))
    expect(made.filter(({ secret }) => secret !== undefined)).toHaveLength(1)
  })

  it('starts as before without one', async () => {
    const api = await createApi()
    for (const body of [undefined, {}]) {
      expect((await api.post(start, body)).text).toBe('{"status":"starting","device":"customer1"}')
    }
  })

  it.each([
    { webhook: target },
    { webhook: {} },
    { webhook: { url: 'example.com' } },
    { webhook: { ...webhook, devices: ['customer2'] } },
    { webhook: { ...webhook, events: ['nothing'] } },
    { webhooks: webhook },
  ])('is not started with %j', async (body) => {
    const api = await createApi()
    expect((await api.post(start, body)).status).toBe(422)
    expect((await api.get('/api/devices/customer1')).status).toBe(404)
    expect(listed((await api.get(webhooks)).json)).toEqual([])
  })

  it('is not started when there are too many webhooks, or its id cannot be', async () => {
    const api = await createApi()
    await fill(api, endpointsMax)
    expect((await api.post(start, { webhook })).status).toBe(409)
    expect((await api.get('/api/devices/customer1')).status).toBe(404)
    expect((await api.post('/api/devices/a%2Fb/start', { webhook })).status).toBe(400)
  })
})

describe('deliveries', () => {
  const opened = async () => {
    const api = await createApi()
    const hook = await webhookOf(api)
    await linked(api, 'first')
    await linked(api, 'second')
    await api.request('PUT', '/api/devices/first/pacing', {
      headers: { 'content-type': 'application/json' },
      body: '{"preset":"careful"}',
    })
    return { api, ...hook, dispatcher: playDispatcher(api) }
  }

  it('are listed newest first, by state, type, device and time, in pages', async () => {
    const { api, path, dispatcher } = await opened()
    const list = async (query = '') => deliveriesOf(await api.get(`${path}/deliveries${query}`))
    const all = await list()
    expect(all.map(({ eventSeq }) => eventSeq)).toEqual(
      all.map(({ eventSeq }) => eventSeq).toSorted((a, b) => b - a),
    )
    expect(all.length).toBeGreaterThanOrEqual(4)
    const ofFirst = await list('?device=first')
    expect(ofFirst.map(({ type }) => type).slice(0, 2)).toEqual([
      'device.pacing_changed',
      'device.status_changed',
    ])
    expect(await list('?device=first&type=device.pacing_changed')).toEqual(ofFirst.slice(0, 1))
    expect(await list('?state=delivered')).toEqual([])
    await dispatcher.answer(200)
    expect(await list('?state=delivered')).toHaveLength(all.length)
    const at = new Date(api.clock.now()).toISOString()
    expect(await list(`?after=${at}`)).toHaveLength(all.length)
    expect(await list(`?before=${at}`)).toEqual([])
    const page = await api.get(`${path}/deliveries?limit=3`)
    const { nextCursor } = page.json as { nextCursor: string }
    const rest = await list(`?cursor=${nextCursor}`)
    expect([...deliveriesOf(page), ...rest].map(({ id }) => id)).toEqual(all.map(({ id }) => id))
  })

  it('are those of one webhook alone', async () => {
    const { api, path } = await opened()
    const other = await webhookOf(api)
    const [first] = deliveriesOf(await api.get(`${path}/deliveries`))
    expect(await api.get(`${other.path}/deliveries/${first?.id}`)).toMatchObject({
      status: 404,
      json: { type: '/problems/delivery-not-found' },
    })
  })

  it('show their event, and how each attempt went', async () => {
    const { api, path, dispatcher } = await opened()
    await dispatcher.answer(500)
    api.clock.wallMs += 5_000
    await dispatcher.answer(200)
    const [newest] = deliveriesOf(await api.get(`${path}/deliveries`))
    expect((await api.get(`${path}/deliveries/${newest?.id}`)).json).toMatchObject({
      delivery: { state: 'delivered', attempts: 2, lastStatus: 200, error: null },
      attempts: [
        { number: 1, status: 500 },
        { number: 2, status: 200, error: null },
      ],
      event: {
        id: newest?.eventId,
        seq: newest?.eventSeq,
        type: 'device.pacing_changed',
        deviceId: 'first',
        data: { preset: 'careful' },
      },
    })
  })

  it('can be made once more, under the same event, unless one is being made', async () => {
    const { api, path, dispatcher } = await opened()
    const [first] = deliveriesOf(await api.get(`${path}/deliveries`))
    const again = () => api.post(`${path}/deliveries/${first?.id}/redeliver`)
    await dispatcher.answer(200)
    expect(await again()).toMatchObject({
      status: 202,
      json: { id: first?.id, eventId: first?.eventId, state: 'waiting', attempts: 1 },
    })
    await dispatcher.claim()
    const answer = await again()
    expect(answer).toMatchObject({ status: 409, json: { type: '/problems/delivery-in-flight' } })
    expect(answer.headers.get('retry-after')).toBe('1')
  })

  it('that have failed since a time are all made once more', async () => {
    const { api, path, dispatcher } = await opened()
    const since = new Date(api.clock.now()).toISOString()
    const later = new Date(api.clock.now() + 1).toISOString()
    for (const delayMs of attemptDelaysMs) {
      api.clock.wallMs += delayMs
      await dispatcher.answer(404)
    }
    const { deliveries } = (await api.get(path)).json as { deliveries: Record<string, number> }
    expect(deliveries).toMatchObject({ waiting: 0 })
    const redeliver = async (from: string) => (await api.post(`${path}/redeliver`, { since: from })).json
    expect(await redeliver(later)).toEqual({ count: 0, complete: true })
    expect(await redeliver(since)).toEqual({ count: deliveries['failed'], complete: true })
    expect(await redeliver(since)).toEqual({ count: 0, complete: true })
    expect((await api.get(path)).json).toMatchObject({
      deliveries: { failed: 0, waiting: deliveries['failed'] },
    })
  })

  it('are made anew for a range of the log, as far as the webhook wants it', async () => {
    const { api } = await opened()
    const late = await webhookOf(api, { devices: ['second'] })
    const logged = await api.store.events.after(0, { limit: 100 })
    const latest = logged.at(-1)?.seq ?? 0
    expect((await api.post(`${late.path}/replay`, { after: latest })).json).toEqual({
      count: 0,
      nextAfter: null,
    })
    const ofSecond = logged.filter(({ deviceId }) => deviceId === 'second')
    expect((await api.post(`${late.path}/replay`, { after: 0 })).json).toEqual({
      count: ofSecond.length,
      nextAfter: null,
    })
    const made = deliveriesOf(await api.get(`${late.path}/deliveries`))
    expect(made.map(({ eventId }) => eventId).toReversed()).toEqual(ofSecond.map(({ id }) => id))
    expect(made[0]).toMatchObject({ origin: 'replay', state: 'waiting' })
    const [one] = ofSecond
    const range = { after: (one?.seq ?? 0) - 1, until: one?.seq }
    expect((await api.post(`${late.path}/replay`, range)).json).toMatchObject({ count: 1 })
  })

  it('cannot be made of what is not kept any more', async () => {
    const { api, path } = await opened()
    const gone = await createApi({
      store: () => ({ ...api.store, events: { ...api.store.events, floor: async () => 3 } }),
    })
    expect(await gone.post(`${path}/replay`, { after: 2 })).toMatchObject({
      status: 410,
      json: {
        type: '/problems/cursor-too-old',
        error: expect.stringContaining('before 4 are not kept') as string,
      },
    })
    expect((await gone.post(`${path}/replay`, { after: 3 })).status).toBe(200)
  })

  it.each([
    ['replay', {}, /^after/],
    ['replay', { after: -1 }, /^after/],
    ['replay', { after: 1.5 }, /^after/],
    ['replay', { after: 7, until: 6 }, /^until/],
    ['replay', { after: '7' }, /^after/],
    ['redeliver', {}, /^since/],
    ['redeliver', { since: 'yesterday' }, /^since/],
    ['rotate-secret', { keepPreviousFor: 604_801 }, /^keepPreviousFor/],
    ['rotate-secret', { keepPreviousFor: -1 }, /^keepPreviousFor/],
    ['rotate-secret', { keepPreviousFor: 1.5 }, /^keepPreviousFor/],
  ])('%s cannot be %j', async (verb, body, detail) => {
    const { api, path } = await opened()
    expect(await api.post(`${path}/${verb}`, body)).toMatchObject({
      status: 422,
      json: { error: expect.stringMatching(detail) as string },
    })
  })

  it.each(['state=gone', 'type=message.gone', 'device=a/b', 'after=yesterday', 'limit=0', 'cursor=x', 'x=1'])(
    'are not listed by %s',
    async (query) => {
      const { api, path } = await opened()
      expect((await api.get(`${path}/deliveries?${query}`)).status).toBe(400)
    },
  )
})
