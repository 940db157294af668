import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { dispatcherSeat } from '../../src/domain/lease.ts'
import { attemptDelaysMs, failingMaxMs } from '../../src/domain/webhook.ts'
import { attemptsMax } from '../../src/webhooks/share-out.ts'
import { laneMax } from '../../src/webhooks/lane.ts'
import { refusal, refuse, settled, until, wrap } from '../connector/world.ts'
import { deviceId, origin } from '../store/conformance/fixtures.ts'
import { receive, secret, serveRaw } from './samples.ts'
import { chatsOf, openWebhooks, otherDevice, ttlMs } from './world.ts'

const second = 1_000

describe('a dispatcher', () => {
  it('brings each event with its signature, and writes how it went', async () => {
    const { add, dispatch, happen, shows, only, store, clock } = await openWebhooks()
    clock.wall = Date.now()
    const { url, received } = await receive()
    await add('whk_1', url, { headers: { 'X-Tenant': '7' } })
    dispatch()
    await happen()
    await shows('delivered')
    const [{ headers, body } = { headers: {}, body: '' }] = received
    const delivery = await only()
    expect(new Webhook(secret).verify(body, { ...headers })).toMatchObject({
      id: delivery.eventId,
      seq: delivery.eventSeq,
      type: 'chat.cleared',
      deviceId,
    })
    expect(headers).toMatchObject({
      'webhook-id': delivery.eventId,
      'x-tenant': '7',
      'user-agent': 'whatsapp-api-gateway/1',
    })
    expect(delivery).toMatchObject({ attempts: 1, lastStatus: 200, error: null })
    expect(await store.webhooks.attempts(delivery.id, 10)).toEqual([
      {
        number: 1,
        at: clock.now(),
        durationMs: expect.any(Number) as number,
        status: 200,
        responseHead: 'HTTP 200 OK',
        error: null,
      },
    ])
  })

  it('tries on the schedule of the standard, under one id, and then gives up', async () => {
    const { add, dispatch, happen, only, pass, store, clock } = await openWebhooks()
    const { url, received } = await receive(() => 500)
    await add('whk_1', url)
    dispatch()
    await happen()
    for (const [at, delayMs] of attemptDelaysMs.entries()) {
      if (at > 0) {
        await pass(delayMs - 1)
        await settled()
        expect(received.length).toBe(at)
        await pass(1)
      }
      await until(async () => (await only()).attempts === at + 1 && (await only()).state !== 'sending')
    }
    expect(await only()).toMatchObject({ state: 'failed', lastStatus: 500, error: { code: 'status_500' } })
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(new Set(received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10)
    const attempts = await store.webhooks.attempts((await only()).id, 20)
    expect(attempts.map(({ error }) => error?.code)).toEqual(Array.from({ length: 10 }, () => 'status_500'))
    expect(attempts.at(-1)?.at).toBe(clock.now())
  })

  it('keeps the order of each device where it must, and holds up no other device', async () => {
    const { add, dispatch, happen, pass, all } = await openWebhooks()
    let isWell = false
    const { url, received } = await receive(({ body }) => (body.includes('"1@') && !isWell ? 500 : 200))
    await add('whk_1', url, { ordered: true })
    await happen(3)
    await happen(2, otherDevice)
    dispatch()
    await until(() => received.length === 3)
    expect(chatsOf(received)).toEqual(expect.arrayContaining(['1', '4', '5']))
    isWell = true
    await pass(5 * second)
    await until(async () => (await all()).every(({ state }) => state === 'delivered'))
    expect(chatsOf(received).filter((chat) => Number(chat) < 4)).toEqual(['1', '1', '2', '3'])
    expect(chatsOf(received).filter((chat) => Number(chat) >= 4)).toEqual(['4', '5'])
  })

  it('lets one that always fails hold up nothing where order does not count', async () => {
    const { add, dispatch, happen, shows } = await openWebhooks()
    const { url } = await receive(({ body }) => (body.includes('"1@') ? 500 : 200))
    await add('whk_1', url)
    await happen(4)
    dispatch()
    await shows('waiting', 'delivered', 'delivered', 'delivered')
  })

  it('sends nothing but tests while the endpoint is paused, and all of it afterwards', async () => {
    const { add, dispatch, happen, change, store, clock, states } = await openWebhooks()
    const { url, received } = await receive()
    await add('whk_1', url)
    await change('pause', (before) => ({ ...before, state: 'paused' }))
    dispatch()
    await happen(3)
    await store.webhooks.test('whk_1', origin, clock.now())
    await until(() => received.length === 1)
    expect(received[0]?.body).toContain('webhook.tested')
    await change('resume', (before) => ({ ...before, state: 'active' }))
    await until(async () => (await states()).every((state) => state === 'delivered'))
    expect(received.length).toBe(4)
  })

  it('leaves an endpoint alone that fails, but for one attempt after each pause', async () => {
    const { add, dispatch, happen, endpoint, pass, clock, states } = await openWebhooks()
    let status = 503
    const { url, received } = await receive(() => status)
    await add('whk_1', url, { failures: 5, failingSince: clock.now() - 60 * second })
    dispatch()
    await happen(2)
    await until(async () => (await endpoint()).failures === 6)
    expect((await endpoint()).notBefore).toBe(clock.now() + 2 * second)
    status = 200
    await pass(2 * second - 1)
    await settled()
    expect(received.length).toBe(1)
    await pass(1)
    await until(async () => (await states()).every((state) => state === 'delivered'))
    expect(await endpoint()).toMatchObject({ failures: 0, notBefore: null })
  })

  it('sends a test though the endpoint has asked for a pause', async () => {
    const { add, dispatch, happen, store, clock, states } = await openWebhooks()
    const { url, received } = await receive()
    await add('whk_1', url, { failures: 7, failingSince: clock.now(), notBefore: clock.now() + 60 * second })
    dispatch()
    await happen(3)
    await store.webhooks.test('whk_1', origin, clock.now())
    await until(() => received.length > 0)
    expect(received[0]?.body).toContain('webhook.tested')
    // It has shown that the endpoint is back.
    await until(async () => (await states()).every((state) => state === 'delivered'))
  })

  it('disables an endpoint that has failed for 5 days, by event and in the log', async () => {
    const { add, dispatch, happen, endpoint, store, clock, states } = await openWebhooks()
    const { url } = await receive(() => 500)
    const since = clock.now() - failingMaxMs
    await add('whk_1', `${url}?key=geheim`, { failures: 20, failingSince: since })
    const { lines } = dispatch()
    await happen()
    await until(() => lines.includes('warn webhook endpoint was disabled'))
    expect(await endpoint()).toMatchObject({
      state: 'disabled',
      disabledReason: expect.any(String) as string,
    })
    const events = await store.events.after(0, { limit: 100, types: ['webhook.endpoint_disabled'] })
    expect(events).toMatchObject([{ data: { endpointId: 'whk_1' } }])
    expect(JSON.stringify(events)).not.toContain('geheim')
    expect(await states()).toEqual(['waiting'])
  })

  it('disables an endpoint that says it is gone', async () => {
    const { add, dispatch, happen, endpoint, shows } = await openWebhooks()
    const { url } = await receive(() => 410)
    await add('whk_1', url)
    dispatch()
    await happen()
    await shows('failed')
    expect((await endpoint()).state).toBe('disabled')
  })

  it('says once that an endpoint fails, and once that it is back', async () => {
    const { add, dispatch, happen, pass, states, endpoint, clock } = await openWebhooks()
    let status = 500
    const { url } = await receive(() => status)
    await add('whk_1', url, { failures: 4, failingSince: clock.now() - second })
    const { lines } = dispatch()
    await happen(8)
    // Nothing is under way any more: its end would come after the time that passes below.
    await until(
      async () => (await endpoint()).failures === 5 && (await states()).every((state) => state === 'waiting'),
    )
    status = 200
    await pass(120 * second)
    await until(async () => (await states()).every((state) => state === 'delivered'))
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual(['warn webhook endpoint fails'])
    expect(lines.filter((line) => line.startsWith('info'))).toEqual(['info webhook endpoint is back'])
  })
})

describe('what is claimed', () => {
  it('is no more than the endpoint wants at a time', async () => {
    const { add, dispatch, happen, states } = await openWebhooks()
    let open = 0
    let most = 0
    const { url } = await receive(async () => {
      open += 1
      most = Math.max(most, open)
      await settled()
      open -= 1
      return 200
    })
    await add('whk_1', url, { concurrency: 3 })
    await happen(30)
    dispatch()
    await until(async () => (await states()).every((state) => state === 'delivered'))
    expect(most).toBe(3)
  })

  it('is given back untried when the endpoint turns out to be away', async () => {
    const { add, dispatch, happen, endpoint, all, clock } = await openWebhooks()
    const { url, received } = await receive(() => {
      clock.pass(200)
      return 500
    })
    await add('whk_1', url, { concurrency: 5 })
    await happen(30)
    dispatch()
    await until(
      async () => (await endpoint()).failures >= 5 && (await all()).every(({ state }) => state === 'waiting'),
    )
    // Those that were under way when the fifth failed, at most.
    expect(received.length).toBeLessThan(10)
    expect((await all()).filter(({ attempts }) => attempts > 0).length).toBe(received.length)
  })

  it('is bounded however many endpoints there are and wait, and each of them gets some', async () => {
    const { add, dispatch, happen, store } = await openWebhooks()
    const url = await serveRaw((socket) => socket.resume())
    const endpoints = Math.ceil(attemptsMax / laneMax) + 4
    for (let at = 0; at < endpoints; at += 1) await add(`whk_${at}`, url, { concurrency: 1_000 })
    await happen(2 * laneMax)
    dispatch()
    const sending = async (): Promise<number[]> =>
      Promise.all(
        Array.from({ length: endpoints }, async (_, at) => {
          return (await store.webhooks.counts(`whk_${at}`, 1_000)).sending
        }),
      )
    const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
    await until(async () => sum(await sending()) >= attemptsMax)
    await settled()
    const counts = await sending()
    expect(sum(counts)).toBe(attemptsMax)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    expect(Math.max(...counts)).toBeLessThanOrEqual(laneMax)
  })

  it('is not held up by an endpoint that is slow', async () => {
    const { add, dispatch, happen, all } = await openWebhooks()
    const silent = await serveRaw((socket) => socket.resume())
    const { url } = await receive()
    await add('whk_slow', silent, { concurrency: 1_000 })
    dispatch()
    await happen(300)
    await add('whk_1', url)
    await happen(50)
    await until(
      async () => (await all()).length === 50 && (await all()).every(({ state }) => state === 'delivered'),
    )
  })

  it('fails for good when its event is not kept any more, and the endpoint is not to blame', async () => {
    const { add, dispatch, happen, shows, only, endpoint, store } = await openWebhooks()
    const { url, received } = await receive()
    await add('whk_1', url)
    wrap(store.webhooks, 'claim', (real) => async (...given) => {
      const claimed = (await real(...given)) as object[]
      return claimed.map((each) => ({ ...each, event: undefined }))
    })
    dispatch()
    await happen()
    await shows('failed')
    expect((await only()).error?.code).toBe('event_not_kept')
    expect([(await endpoint()).failures, received.length]).toEqual([0, 0])
  })
})

describe('what came of an attempt', () => {
  it('is written though the database refuses it for a while, and nothing is sent twice', async () => {
    const { add, dispatch, happen, shows, store } = await openWebhooks()
    const { url, received } = await receive()
    await add('whk_1', url)
    const count = refuse(store.webhooks, 'record', refusal('busy'), 3)
    const { lines } = dispatch()
    await happen()
    await shows('delivered')
    expect([count.refused, received.length]).toEqual([3, 1])
    expect(lines.filter((line) => line === 'error webhook attempt was not recorded').length).toBe(3)
  })
})

describe('the lease', () => {
  it('is not taken where there are no endpoints', async () => {
    const { dispatch, happen, store, add } = await openWebhooks()
    dispatch()
    await happen()
    await settled()
    expect(await store.leases.get(dispatcherSeat)).toBeUndefined()
    await add('whk_1', (await receive()).url)
    await until(async () => (await store.leases.get(dispatcherSeat))?.owner === 'dsp_1')
  })

  it('makes one of several send', async () => {
    const { add, dispatch, happen, states } = await openWebhooks()
    const { url, received } = await receive()
    await add('whk_1', url)
    dispatch('dsp_1')
    dispatch('dsp_2')
    await happen(20)
    await until(async () => (await states()).every((state) => state === 'delivered'))
    expect(received.length).toBe(20)
  })

  it('that was lost ends what is under way, and whoever has it then sends it again', async () => {
    const { add, dispatch, happen, shows, store, dead, only } = await openWebhooks()
    const waiting: (() => void)[] = []
    const { url, received } = await receive((_, count) =>
      count > 1 ? 200 : new Promise<number>((answer) => waiting.push(() => answer(200))),
    )
    await add('whk_1', url)
    const first = dispatch('dsp_1')
    await happen()
    await until(() => waiting.length === 1)
    dead.add('dsp_1')
    dispatch('dsp_2')
    await shows('delivered')
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([
      (await only()).eventId,
      (await only()).eventId,
    ])
    // The first hears of it when it wants to write, or renews; what it learned counts for nothing.
    for (const answer of waiting) answer()
    await settled()
    expect(await only()).toMatchObject({ state: 'delivered', attempts: 2 })
    expect((await store.leases.get(dispatcherSeat))?.owner).toBe('dsp_2')
    expect(first.lines.filter((line) => line.startsWith('error'))).toEqual([])
  })

  it('of a process that hangs is taken when its term has run out', async () => {
    const { add, dispatch, happen, clock, store } = await openWebhooks()
    const silent = await serveRaw((socket) => socket.resume())
    await add('whk_1', silent)
    const first = dispatch('dsp_1')
    await happen()
    await until(async () => (await store.leases.get(dispatcherSeat))?.owner === 'dsp_1')
    refuse(store.leases, 'renew', refusal('busy'), Number.POSITIVE_INFINITY)
    dispatch('dsp_2')
    clock.mono += ttlMs
    await until(async () => (await store.leases.get(dispatcherSeat))?.owner === 'dsp_2')
    await until(() => first.lines.includes('warn lease lost'))
  })
})

describe('a stop', () => {
  it('ends in bounded time, and what was under way is due again', async () => {
    const { add, dispatch, happen, shows, store } = await openWebhooks()
    const silent = await serveRaw((socket) => socket.resume())
    await add('whk_1', silent)
    const { dispatcher } = dispatch()
    await happen(2)
    await shows('sending', 'sending')
    await dispatcher.stop()
    await shows('waiting', 'waiting')
    expect(await store.leases.get(dispatcherSeat)).toBeUndefined()
  })

  it('lets attempts end that are about to', async () => {
    const { add, dispatch, happen, shows, only } = await openWebhooks()
    const answers: (() => void)[] = []
    const { url } = await receive(() => new Promise<number>((answer) => answers.push(() => answer(200))))
    await add('whk_1', url)
    const { dispatcher } = dispatch()
    await happen()
    await until(() => answers.length === 1)
    const stopped = dispatcher.stop()
    for (const answer of answers) answer()
    await stopped
    await shows('delivered')
    expect((await only()).attempts).toBe(1)
  })
})
