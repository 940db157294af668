/** The event log by polls. */
import { beforeEach, describe, expect, test } from 'vitest'
import { eventTypes } from '../../src/domain/event-types.ts'
import type { ShownEvent } from '../../src/domain/shown-event.ts'
import { happen } from '../control/some-events.ts'
import { createApi, linked, type Api } from './api.ts'

interface Page {
  readonly events: readonly ShownEvent[]
  readonly next: number
  readonly latest: number
  readonly oldest: number
}

let api: Api
beforeEach(async () => {
  api = await createApi()
})

const poll = async (query = ''): Promise<Page> => {
  const { status, json } = await api.get(`/api/events${query}`)
  expect(status).toBe(200)
  return json as Page
}
const seqsOf = ({ events }: Page): number[] => events.map(({ seq }) => seq)

describe('GET /api/events', () => {
  test('has each event as it is told everywhere, and where to go on', async () => {
    await linked(api)
    await api.connector.receive('myphone', 'hello')
    const page = await poll()
    expect(page.events.map((event) => Object.keys(event))).toEqual(
      page.events.map(() => ['seq', 'id', 'type', 'deviceId', 'at', 'data']),
    )
    const last = page.events.at(-1)
    expect(last).toMatchObject({
      type: 'message.received',
      deviceId: 'myphone',
      at: '2025-11-16T02:18:05.123Z',
    })
    expect(last?.data).toMatchObject({ message: { text: 'hello', body: { type: 'text', text: 'hello' } } })
    expect(page).toMatchObject({ next: last?.seq, latest: last?.seq, oldest: 1 })
    expect(await poll(`?after=${page.next}`)).toEqual({ ...page, events: [] })
  })

  test('of a log in which nothing has happened is empty', async () => {
    expect(await poll()).toEqual({ events: [], next: 0, latest: 0, oldest: 1 })
  })

  test('goes through the log page by page', async () => {
    await happen(api.store, 'a', 250)
    const seqs: number[] = []
    let next = 0
    for (const length of [100, 100, 50]) {
      const page = await poll(next === 0 ? '' : `?after=${next}`)
      expect(page.events).toHaveLength(length)
      seqs.push(...seqsOf(page))
      next = page.next
    }
    expect(seqs).toEqual(Array.from({ length: 250 }, (_, n) => n + 1))
    expect((await poll('?limit=1000')).events).toHaveLength(250)
    expect((await poll('?limit=1')).next).toBe(1)
  })

  test('filters by types, nouns and devices, and moves past all others', async () => {
    await linked(api)
    await happen(api.store, 'a', 3)
    await happen(api.store, 'b', 3)
    await api.post('/api/devices/myphone/send', { to: '15550001111', message: 'hi' })
    const { latest } = await poll()
    const typesOf = ({ events }: Page): string[] => [...new Set(events.map(({ type }) => type))]
    expect(typesOf(await poll('?types=message.*,chat.deleted'))).toEqual(['chat.deleted', 'message.queued'])
    expect(typesOf(await poll('?types=chat.*&device=b'))).toEqual(['chat.deleted', 'chat.cleared'])
    expect((await poll('?device=a,b')).events).toHaveLength(6)
    expect((await poll('?types=chat.cleared&device=a')).events).toHaveLength(2)
    const none = await poll('?types=call.*')
    expect(none).toMatchObject({ events: [], next: latest })
    expect((await poll('?types=chat.deleted&limit=1')).next).toBeLessThan(latest)
  })

  test('with after=latest has only what comes from now on', async () => {
    await happen(api.store, 'a', 5)
    expect(await poll('?after=latest')).toEqual({ events: [], next: 5, latest: 5, oldest: 1 })
  })

  test('with wait answers as soon as something comes that is asked for', async () => {
    await happen(api.store, 'a', 5)
    const waiting = poll('?after=latest&wait=60&types=chat.deleted&limit=1')
    await happen(api.store, 'a', 3)
    expect(seqsOf(await waiting)).toEqual([6])
  })

  test('with wait does not wait when there is something', async () => {
    await happen(api.store, 'a', 5)
    expect(seqsOf(await poll('?after=4&wait=60'))).toEqual([5])
  })

  test('with wait gives up when the time is over, and has come further all the same', async () => {
    const begun = performance.now()
    const waiting = poll('?after=latest&wait=1&types=call.*')
    await happen(api.store, 'a', 5)
    expect(await waiting).toEqual({ events: [], next: 5, latest: 5, oldest: 1 })
    expect(performance.now() - begun).toBeGreaterThan(900)
  })

  test('that waits answers at once when the process stops', async () => {
    const waiting = poll('?after=latest&wait=60')
    api.ctx.feed.close()
    expect(await waiting).toMatchObject({ events: [], next: 0 })
  })

  test('that nobody waits for any more waits no longer', async () => {
    const gone = new AbortController()
    const waiting = api.app.request('/api/events?wait=60', { signal: gone.signal })
    gone.abort()
    expect((await waiting).status).toBe(200)
  })

  test.each([
    ['after=soon', 'after: must be a seq, or `latest`'],
    ['after=-1', 'after: must be'],
    ['after=9999999999999999', 'after: must be'],
    ['limit=0', 'limit: must be a whole number from 1 to 1000'],
    ['limit=1001', 'limit: must be a whole number from 1 to 1000'],
    ['wait=61', 'wait: must be a whole number from 0 to 60'],
    ['wait=1.5', 'wait: must be a whole number from 0 to 60'],
    ['types=message.exploded', 'types: there is no "message.exploded" (known: device.status_changed, '],
    ['types=', 'types: there is no ""'],
    [`types=${'x'.repeat(500)}`, `types: there is no "${'x'.repeat(64)}"`],
    [`types=${'message.*,'.repeat(100)}call.*`, 'types: at most 100 can be named'],
    [`device=${'a,'.repeat(100)}b`, 'device: at most 100 can be named'],
    ['device=a,b c', 'a device id is 1 to 64 characters'],
    ['from=3', 'unknown: "from" (known: after, types, device, limit, wait)'],
    ['after=1', 'after: the newest event is 0, so that 1 is of another log'],
  ])('with %s is refused in words', async (query, words) => {
    const { status, json } = await api.get(`/api/events?${query}`)
    expect(status).toBe(400)
    expect((json as { error: string }).error).toContain(words)
  })

  test('names all types that there are when one is none', async () => {
    const { json } = await api.get('/api/events?types=x')
    for (const type of eventTypes) expect((json as { error: string }).error).toContain(type)
  })

  test('before what is kept is 410, and says where to go on', async () => {
    const forgetful = await createApi({
      store: (store) => ({ ...store, events: { ...store.events, floor: async () => 40 } }),
    })
    await happen(forgetful.store, 'a', 50)
    expect(await forgetful.get('/api/events?after=39')).toMatchObject({
      status: 410,
      json: { type: '/problems/cursor-too-old', oldest: 41, error: expect.stringContaining('after=40') },
    })
    expect(seqsOf((await forgetful.get('/api/events?after=40&limit=1')).json as Page)).toEqual([41])
    expect((await forgetful.get('/api/events')).json).toMatchObject({ oldest: 41, next: 50 })
  })
})
