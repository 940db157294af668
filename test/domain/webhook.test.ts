import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Event } from '../../src/domain/event.ts'
import {
  afterPost,
  attemptDelaysMs,
  attemptsAtATime,
  delayJitterPart,
  deliveryDueAheadMaxMs,
  endpointSummary,
  failingMaxMs,
  probePauseMaxMs,
  probingFromFailures,
  probingFromMs,
  retryAfterMaxMs,
  wants,
  type EndpointFilter,
  type EndpointHealth,
  type PostOutcome,
} from '../../src/domain/webhook.ts'
import { newEndpoint } from '../../src/domain/webhook-settings.ts'
import { day, hour, minute, noLuck, second, t0 } from './fixtures.ts'

const luck = (): number => 0
const healthy: EndpointHealth = {
  state: 'active',
  disabledReason: null,
  failures: 0,
  failingSince: null,
  notBefore: null,
  recoveredAt: null,
}
const answered = (status: number, retryAfterMs: number | null = null): PostOutcome => ({
  kind: 'answered',
  status,
  retryAfterMs,
  head: '',
})
const timeout: PostOutcome = { kind: 'failed', code: 'timeout', detail: 'no answer within 15 s' }

const after = (
  outcome: PostOutcome,
  { attempts = 1, health = healthy, now = t0, random = luck } = {},
): ReturnType<typeof afterPost> => afterPost(outcome, attempts, health, now, random)

describe('an attempt', () => {
  it.each([200, 201, 202, 204, 206, 299])('that is answered with %i has arrived', (status) => {
    expect(after(answered(status))).toEqual({ delivery: { state: 'delivered' }, endpoint: healthy })
  })

  it.each([
    [100, /status 100$/],
    [301, /status 301; redirects are not followed/],
    [304, /status 304; redirects are not followed/],
    [400, /status 400$/],
    [401, /status 401$/],
    [404, /status 404$/],
    [409, /status 409$/],
    [429, /status 429$/],
    [500, /status 500$/],
    [503, /status 503$/],
  ])('that is answered with %i has failed, and is made again', (status, detail) => {
    const { delivery, endpoint } = after(answered(status))
    expect(delivery).toEqual({
      state: 'waiting',
      dueAt: t0 + 5 * second,
      error: { code: `status_${status}`, detail: expect.stringMatching(detail) as string },
    })
    expect(endpoint).toEqual({ ...healthy, failures: 1, failingSince: t0 })
  })

  it('that got no answer has failed, for the reason that is given', () => {
    expect(after(timeout).delivery).toEqual({
      state: 'waiting',
      dueAt: t0 + 5 * second,
      error: { code: 'timeout', detail: 'no answer within 15 s' },
    })
  })

  it('that is answered with 410 is the last, and the endpoint is disabled', () => {
    const { delivery, endpoint } = after(answered(410))
    expect(delivery).toMatchObject({ state: 'failed', error: { code: 'status_410' } })
    expect(endpoint).toMatchObject({ state: 'disabled', disabledReason: expect.stringContaining('410') })
  })

  it.each([
    [1, 5 * second],
    [2, 5 * minute],
    [3, 30 * minute],
    [4, 2 * hour],
    [5, 5 * hour],
    [6, 10 * hour],
    [7, 14 * hour],
    [8, 20 * hour],
    [9, 24 * hour],
  ])('after %i of them the next is in %i ms, or up to a tenth later', (attempts, waitMs) => {
    expect(after(timeout, { attempts }).delivery).toMatchObject({ dueAt: t0 + waitMs })
    const latest = Math.round(waitMs * (1 + delayJitterPart * noLuck()))
    expect(after(timeout, { attempts, random: noLuck }).delivery).toMatchObject({ dueAt: t0 + latest })
  })

  it('after ten there is no other', () => {
    expect(attemptDelaysMs).toHaveLength(10)
    expect(after(timeout, { attempts: 10 }).delivery).toEqual({
      state: 'failed',
      error: { code: 'timeout', detail: 'no answer within 15 s' },
    })
  })
})

describe('Retry-After', () => {
  it.each([
    ['shorter than the wait changes nothing', second, 5 * second],
    ['longer than the wait is kept', hour, hour],
    ['of more than a day is a day', 30 * day, retryAfterMaxMs],
  ])('%s', (_, asked, waitMs) => {
    expect(after(answered(500, asked)).delivery).toMatchObject({ dueAt: t0 + waitMs })
  })

  it.each([429, 502, 503, 504])('of %i keeps everything else away too', (status) => {
    expect(after(answered(status, hour)).endpoint.notBefore).toBe(t0 + hour)
    expect(after(answered(status)).endpoint.notBefore).toBeNull()
  })

  it.each([400, 404, 500])('of %i is about that delivery alone', (status) => {
    expect(after(answered(status, hour)).endpoint.notBefore).toBeNull()
  })
})

describe('an endpoint', () => {
  it.each([
    [probingFromFailures - 1, second],
    [probingFromFailures, 2 * second],
    [probingFromFailures + 1, 4 * second],
    [probingFromFailures + 5, probePauseMaxMs],
    [1_000, probePauseMaxMs],
  ])('that has failed %i times before is left alone for %i ms', (failures, pauseMs) => {
    const health = { ...healthy, failures, failingSince: t0 - minute }
    expect(after(timeout, { health }).endpoint.notBefore).toBe(t0 + pauseMs)
  })

  it('is left alone for no time while it has failed a few times', () => {
    const health = { ...healthy, failures: probingFromFailures - 2, failingSince: t0 - minute }
    expect(after(timeout, { health }).endpoint.notBefore).toBeNull()
  })

  it('is not taken for one that is away when many attempts at a time fail in the same moment', () => {
    let health = { ...healthy }
    for (let times = 0; times < 50; times++)
      health = { ...after(timeout, { health, now: t0 + times }).endpoint }
    expect(health).toMatchObject({ failures: probingFromFailures - 1, failingSince: t0, notBefore: null })
    const late = after(timeout, { health, now: t0 + probingFromMs }).endpoint
    expect(late).toMatchObject({ failures: probingFromFailures, notBefore: t0 + probingFromMs + second })
  })

  it('is left alone for no longer by what was under way when it turned out to be away', () => {
    const health = {
      ...healthy,
      failures: probingFromFailures,
      failingSince: t0 - minute,
      notBefore: t0 + second,
    }
    expect(after(timeout, { health }).endpoint).toMatchObject({
      failures: probingFromFailures,
      notBefore: t0 + second,
    })
  })

  it('gets one attempt at a time from five failures on', () => {
    expect(attemptsAtATime({ concurrency: 10, failures: probingFromFailures - 1 })).toBe(10)
    expect(attemptsAtATime({ concurrency: 10, failures: probingFromFailures })).toBe(1)
  })

  it('is disabled when nothing has arrived for five days, and not before', () => {
    const failing = { ...healthy, failures: 50, failingSince: t0 }
    const late = after(timeout, { health: failing, now: t0 + failingMaxMs - 1 })
    expect(late.endpoint).toMatchObject({ state: 'active', failingSince: t0 })
    const last = after(timeout, { health: failing, now: t0 + failingMaxMs })
    expect(last.endpoint).toMatchObject({
      state: 'disabled',
      disabledReason: 'every attempt has failed for 5 days',
    })
    expect(last.delivery.state).toBe('waiting')
  })

  it.each(['disabled', 'removed'] as const)('that is %s stays so, whatever a test comes to', (state) => {
    const health = { ...healthy, state, disabledReason: 'before', failingSince: t0 - 9 * day, failures: 9 }
    expect(after(answered(410), { health }).endpoint).toMatchObject({ state, disabledReason: 'before' })
    expect(after(answered(200), { health }).endpoint.state).toBe(state)
  })

  it.each([
    ['was away', probingFromFailures, t0],
    ['was not away', probingFromFailures - 1, null],
  ])(
    'that %s and takes something again is well, and what failed meanwhile is hastened if need be',
    (_, failures, recoveredAt) => {
      const health = { ...healthy, failures, failingSince: t0 - hour, notBefore: t0 + minute }
      expect(after(answered(204), { health }).endpoint).toEqual({ ...healthy, recoveredAt })
    },
  )
})

describe('whatever an endpoint answers', () => {
  const outcome = fc.oneof(
    fc
      .tuple(fc.integer({ min: 100, max: 599 }), fc.option(fc.nat(40 * day)))
      .map(([status, asked]) => answered(status, asked)),
    fc.constant(timeout),
  )
  const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

  it('a delivery waits for at least its delay, and never longer than is believed after a change of the clock', () => {
    fc.assert(
      fc.property(outcome, fc.integer({ min: 1, max: 12 }), random, (given, attempts, chance) => {
        const { delivery } = after(given, { attempts, random: () => chance })
        if (delivery.state !== 'waiting') return
        expect(delivery.dueAt - t0).toBeGreaterThanOrEqual(attemptDelaysMs[attempts] ?? 0)
        expect(delivery.dueAt - t0).toBeLessThan(deliveryDueAheadMaxMs)
      }),
    )
  })

  it('it is settled after ten attempts', () => {
    fc.assert(
      fc.property(fc.array(outcome, { minLength: 10, maxLength: 10 }), random, (outcomes, chance) => {
        const settled = outcomes.some(
          (given, at) =>
            after(given, { attempts: at + 1, random: () => chance }).delivery.state !== 'waiting',
        )
        expect(settled).toBe(true)
      }),
    )
  })

  it('failures are counted since the last success, and the endpoint is left alone for a day at most', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(outcome, fc.nat(hour)), { maxLength: 60 }), random, (steps, chance) => {
        let health = healthy
        let now = t0
        let failures = 0
        for (const [given, pause] of steps) {
          now += pause
          const { delivery, endpoint } = after(given, { health, now, random: () => chance })
          failures = delivery.state === 'delivered' ? 0 : failures + 1
          expect(endpoint.failures).toBeLessThanOrEqual(failures)
          expect(endpoint.failures === 0).toBe(failures === 0)
          expect(endpoint.failingSince === null).toBe(failures === 0)
          expect((endpoint.notBefore ?? now) - now).toBeLessThanOrEqual(retryAfterMaxMs)
          health = endpoint
        }
      }),
    )
  })
})

describe('what an endpoint gets', () => {
  const all: EndpointFilter = { events: null, devices: null, chats: null, notChats: [], ownMessages: true }
  const carl = '15550123@s.whatsapp.net'
  const group = '120363012345678901@g.us'
  const eventOf = (more: Partial<Event> = {}, data: object = {}): Event =>
    ({
      seq: 1,
      id: 'evt_1',
      at: t0,
      type: 'message.received',
      deviceId: 'myphone',
      data: { messageId: 'm', whatsappId: 'w', chat: carl, chatLid: '11@lid', fromMe: false, ...data },
      ...more,
    }) as Event
  const message = eventOf()
  const ofDevice = { deviceId: 'myphone', type: 'device.linked', data: {} } as unknown as Event
  const ofGateway = { ...ofDevice, deviceId: null, type: 'webhook.endpoint_disabled' } as Event

  it.each<[string, Partial<EndpointFilter>, Event, boolean]>([
    ['without a filter everything', {}, message, true],
    ['what is about no device', {}, ofGateway, true],
    ['a type that is named', { events: ['message.received'] }, message, true],
    ['a type that is not named', { events: ['message.sent'] }, message, false],
    ['all of a noun', { events: ['message.*'] }, message, true],
    ['nothing of another noun', { events: ['device.*'] }, message, false],
    ['nothing of a noun that begins alike', { events: ['mess.*'] }, message, false],
    ['a device that is named', { devices: ['other', 'myphone'] }, message, true],
    ['a device that is not named', { devices: ['other'] }, message, false],
    ['nothing of no device when one is named', { devices: ['myphone'] }, ofGateway, false],
    ['a chat that is named', { chats: [carl] }, message, true],
    ['a chat that is named by its LID', { chats: ['11@lid'] }, message, true],
    ['a chat that is not named', { chats: [group] }, message, false],
    ['all groups', { chats: ['*@g.us'] }, eventOf({}, { chat: group, chatLid: null }), true],
    ['no chat with one person when groups are wanted', { chats: ['*@g.us'] }, message, false],
    ['what is about no chat, whatever chats are named', { chats: [carl] }, ofDevice, true],
    ['a chat that is left out', { notChats: [carl] }, message, false],
    ['a chat that is left out by its LID', { notChats: ['11@lid'] }, message, false],
    ['a chat that is named and left out', { chats: ['*@s.whatsapp.net'], notChats: [carl] }, message, false],
    ['what is about no chat, whatever is left out', { notChats: ['*@g.us'] }, ofDevice, true],
    ['own messages', {}, eventOf({}, { fromMe: true }), true],
    [
      'no own messages when they are not wanted',
      { ownMessages: false },
      eventOf({}, { fromMe: true }),
      false,
    ],
    ["others' messages when own ones are not wanted", { ownMessages: false }, message, true],
    ['no test, which goes where it was asked for', {}, eventOf({ type: 'webhook.tested' }), false],
  ])('%s', (_, filter, event, expected) => {
    expect(wants({ filter: { ...all, ...filter }, format: 'event' }, event)).toBe(expected)
  })

  it('in the plain format is received messages alone', () => {
    expect(wants({ filter: all, format: 'plain' }, message)).toBe(true)
    expect(wants({ filter: all, format: 'plain' }, eventOf({ type: 'message.sent' }))).toBe(false)
    expect(wants({ filter: { ...all, events: ['device.*'] }, format: 'plain' }, message)).toBe(false)
  })
})

it('the audit trail gets no secret of an endpoint', () => {
  const endpoint = newEndpoint(
    { url: 'https://example.com/in?key=hidden', headers: { Authorization: 'Bearer hidden' } },
    { id: 'whk_1', secret: `whsec_${'hidden00'.repeat(4)}`, now: t0 },
  )
  const summary = JSON.stringify(endpointSummary({ ...endpoint, previousSecret: 'hidden' }))
  expect(summary).not.toContain('hidden')
  expect(summary).toContain('https://example.com/in')
  expect(summary).toContain('Authorization')
})
