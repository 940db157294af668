/** The event log as server-sent events. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { EventSource } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tailsMax } from '../../src/control/event-feed.ts'
import type { Event } from '../../src/domain/event.ts'
import { shownEvent } from '../../src/domain/shown-event.ts'
import { StoreError, type Store } from '../../src/store/store.ts'
import { happen } from '../control/some-events.ts'
import { createApi, type Api } from './api.ts'
import { createParser } from './event-source.ts'
import { serveApi } from './serve.ts'

const path = '/api/events/stream'
const stallMs = 400
const times = { beatMs: 50, stallMs }
const seqsUpTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1)

/** Reads a stream piece by piece. */
const open = async (api: Api, query = '', headers: Record<string, string> = {}) => {
  const response = await api.app.request(`${path}${query}`, { headers })
  const reader = response.body?.getReader()
  if (reader === undefined) throw new Error('there is no body')
  const decoder = new TextDecoder()
  const parser = createParser()
  const read = async (): Promise<string | undefined> => {
    const { value, done } = await reader.read()
    if (done) return undefined
    const text = decoder.decode(value, { stream: true })
    parser.take(text)
    return text
  }
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) if ((await read()) === undefined) throw new Error('the stream has ended')
  }
  onTestFinished(() => reader.cancel())
  return { response, read, until, reader, state: parser.state }
}

const logOf = (store: Store): Promise<readonly Event[]> => store.events.after(0, { limit: 100_000 })

describe('a stream', () => {
  test('says when to come back and where it stands, then each event on one line', async () => {
    const api = await createApi()
    await api.post('/api/devices/a/start')
    const { response, read, state } = await open(api)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await read()).toBe('retry: 2000\nid: 0\n\n')
    const [event] = await logOf(api.store)
    const shown = event && JSON.stringify(shownEvent(event))
    expect(await read()).toBe(`id: 1\nevent: device.status_changed\ndata: ${shown}\n\n`)
    expect(state.dispatched).toEqual([{ type: 'device.status_changed', data: shown, lastEventId: '1' }])
    expect(state.reconnectionTimeMs).toBe(2_000)
  })

  test('of which nothing is wanted gives signs of life, whose id moves on and dispatches nothing', async () => {
    const api = await createApi({ times })
    await happen(api.store, 'a', 5)
    const { read, state } = await open(api, '?after=latest&types=call.*')
    expect(await read()).toBe('retry: 2000\nid: 5\n\n')
    expect(await read()).toBe(':\nid: 5\n\n')
    await happen(api.store, 'a', 5)
    await expect.poll(async () => (await read()) && state.lastEventId).toBe('10')
    expect(state.dispatched).toEqual([])
    expect(state.comments).toBeGreaterThan(1)
  })

  test('goes on behind the Last-Event-ID, which wins over after', async () => {
    const api = await createApi()
    await happen(api.store, 'a', 20)
    const { until, state } = await open(api, '?after=3', { 'Last-Event-ID': '17' })
    await until(() => state.dispatched.length === 3)
    expect(state.dispatched.map(({ lastEventId }) => lastEventId)).toEqual(['18', '19', '20'])
  })

  test.each(['x', '-1', '1.5', '9999999999999999'])('with the Last-Event-ID %s is refused', async (id) => {
    const { get } = await createApi()
    expect(await get(path, { 'Last-Event-ID': id })).toMatchObject({
      status: 400,
      json: { error: 'last-event-id: must be the id of an event of this stream' },
    })
  })

  test('with an empty Last-Event-ID has none', async () => {
    const api = await createApi()
    await happen(api.store, 'a', 3)
    const { read } = await open(api, '?after=2', { 'Last-Event-ID': '' })
    expect(await read()).toContain('id: 2\n')
  })

  test('has a client that was away for thousands of events catch up', async () => {
    const api = await createApi()
    await happen(api.store, 'a', 5_000)
    const { until, state } = await open(api)
    await until(() => state.dispatched.length === 5_000)
    expect(state.dispatched.map(({ lastEventId }) => Number(lastEventId))).toEqual(seqsUpTo(5_000))
  })

  test('reads no more than its client takes', async () => {
    let reads = 0
    const counting = (store: Store): Store => ({
      ...store,
      events: {
        ...store.events,
        after: (...given) => {
          reads += 1
          return store.events.after(...given)
        },
      },
    })
    const api = await createApi({ store: counting })
    await happen(api.store, 'a', 1_000)
    const { read } = await open(api)
    for (let n = 0; n < 3; n++) await read()
    await happen(api.store, 'a', 1_000)
    await api.get('/healthz')
    expect(reads).toBe(2)
  })

  test('that its client drops makes room for another', async () => {
    const api = await createApi()
    for (let n = 1; n < tailsMax; n++) api.ctx.feed.open(0, {})
    const { reader, read } = await open(api)
    await read()
    expect((await api.get(path)).status).toBe(503)
    await reader.cancel()
    const gone = new AbortController()
    await api.app.request(path, { signal: gone.signal })
    expect((await api.get(path)).status).toBe(503)
    gone.abort()
    expect((await api.request('HEAD', path)).status).toBe(200)
    await open(api)
  })

  test('ends with an event that says so when what is next was removed', async () => {
    let floor = 0
    const api = await createApi({
      store: (store) => ({ ...store, events: { ...store.events, floor: async () => floor } }),
    })
    await happen(api.store, 'a', 100)
    const { read, state } = await open(api)
    await read()
    await read()
    floor = 60
    expect(await read()).toContain('event: cursor_too_old\n')
    expect(await read()).toBeUndefined()
    expect(JSON.parse(state.dispatched.at(-1)?.data ?? '')).toMatchObject({
      code: 'cursor_too_old',
      oldest: 61,
    })
    // It comes back with the last id that it had, and is told again.
    expect(await api.get(path, { 'Last-Event-ID': state.lastEventId })).toMatchObject({ status: 410 })
  })

  test('that cannot be read on ends, and the log says why', async () => {
    let fails = false
    const failing = (store: Store): Store => ({
      ...store,
      events: {
        ...store.events,
        after: (...given) =>
          fails ? Promise.reject(new StoreError('io', 'the disk is gone')) : store.events.after(...given),
      },
    })
    const api = await createApi({ store: failing })
    await happen(api.store, 'a', 100)
    const { read } = await open(api)
    await read()
    fails = true
    expect(await read()).toBeUndefined()
    expect(api.lines.at(-1)).toMatchObject({ level: 'warn', message: 'event stream failed' })
  })
})

describe('on a real server', () => {
  /** A client that takes what it wants from its connection, and no more. */
  const dial = async (port: number, query = '', lastEventId?: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const resume = lastEventId === undefined ? '' : `Last-Event-ID: ${lastEventId}\r\n`
    socket.write(`GET ${path}${query} HTTP/1.1\r\nHost: x\r\n${resume}\r\n`)
    onTestFinished(() => void socket.destroy())
    return socket
  }

  test("undici's EventSource has each event once, though its connection breaks again and again", async () => {
    const api = await createApi({ times })
    const { port } = await serveApi(api)
    const between = new Set<Socket>()
    const proxy = createServer((near) => {
      const far = connect(port, '127.0.0.1')
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        between.add(one.pipe(other))
        one.on('error', () => other.destroy()).on('close', () => other.destroy())
      }
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    onTestFinished(() => void proxy.close())
    const { port: proxyPort } = proxy.address() as AddressInfo
    await happen(api.store, 'a', 10)
    const source = new EventSource(`http://127.0.0.1:${proxyPort}${path}?types=chat.deleted`)
    onTestFinished(() => source.close())
    const ids: string[] = []
    source.addEventListener('chat.deleted', (event) => ids.push((event as MessageEvent).lastEventId))
    await expect.poll(() => ids).toEqual(['1', '4', '7', '10'])
    for (const expected of [6, 8]) {
      for (const socket of between) socket.destroy()
      await happen(api.store, 'a', 4)
      await expect.poll(() => ids, { timeout: 10_000 }).toHaveLength(expected)
    }
    expect(ids).toEqual(['1', '4', '7', '10', '11', '14', '15', '18'])
  }, 30_000)

  test('clients that are cut off at random see each event once', async () => {
    const api = await createApi({ times })
    const { url } = await serveApi(api)
    const total = 1_500
    const client = async (seed: number): Promise<number[]> => {
      const seqs: number[] = []
      let turn = seed
      let lastEventId = '0'
      while (seqs.length < total) {
        turn = (turn * 48_271) % 2_147_483_647
        const gone = new AbortController()
        const response = await fetch(`${url}${path}`, {
          headers: { 'Last-Event-ID': lastEventId },
          signal: gone.signal,
        })
        const parser = createParser(lastEventId)
        const decoder = new TextDecoder()
        let left = turn % 40_000
        try {
          for await (const bytes of response.body ?? []) {
            // The connection breaks anywhere, in the middle of an event too.
            parser.take(decoder.decode(bytes.subarray(0, left), { stream: true }))
            left -= bytes.length
            if (left <= 0 || seqs.length + parser.state.dispatched.length >= total) break
          }
        } finally {
          gone.abort()
        }
        seqs.push(...parser.state.dispatched.map(({ lastEventId: id }) => Number(id)))
        lastEventId = parser.state.lastEventId
      }
      return seqs
    }
    const clients = [1, 2, 3, 4].map((seed) => client(seed * 7_919))
    for (let n = 0; n < total / 50; n++) await happen(api.store, 'a', 50)
    for (const seqs of await Promise.all(clients)) expect(seqs).toEqual(seqsUpTo(total))
  }, 60_000)

  test('a client that takes nothing is cut, and has lost nothing when it comes back', async () => {
    const api = await createApi({ times })
    const { port } = await serveApi(api)
    const total = 40_000
    for (let n = 0; n < 8; n++) await happen(api.store, 'a', total / 8)
    const socket = await dial(port)
    let text = ''
    socket.setEncoding('latin1').once('data', (first) => {
      text = String(first)
      socket.pause()
    })
    await once(socket, 'data')
    // It is noticed when the slot is free again.
    for (let n = 1; n < tailsMax; n++) api.ctx.feed.open(0, {})
    expect(() => api.ctx.feed.open(0, {})).toThrow()
    await expect.poll(() => api.ctx.feed.open(0, {}), { timeout: 10_000 }).toBeDefined()
    const parser = createParser()
    for await (const more of socket) text += String(more)
    const chunked = text.slice(text.indexOf('\r\n\r\n') + 2)
    parser.take(chunked.replaceAll(/\r\n[0-9a-f]+\r\n/g, ''))
    const last = Number(parser.state.lastEventId)
    expect(parser.state.dispatched.map(({ lastEventId }) => Number(lastEventId))).toEqual(seqsUpTo(last))
    expect(last).toBeLessThan(total)
  }, 30_000)

  test('a client that is only slow is not cut', async () => {
    const api = await createApi({ times })
    const { port } = await serveApi(api)
    for (let n = 0; n < 8; n++) await happen(api.store, 'a', 5_000)
    const socket = await dial(port)
    socket.pause()
    let taken = 0
    socket.on('data', (bytes: Buffer) => {
      taken += bytes.length
      socket.pause()
    })
    const begun = performance.now()
    while (performance.now() - begun < 4 * stallMs) {
      socket.resume()
      await new Promise((resolve) => setTimeout(resolve, stallMs / 8))
    }
    expect(taken).toBeGreaterThan(0)
    expect(socket.closed).toBe(false)
  })

  test('a stop ends streams at once and cleanly', async () => {
    const api = await createApi({ times })
    const { url, stop } = await serveApi(api)
    const responses = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}${path}`)))
    const begun = performance.now()
    const [, ...texts] = await Promise.all([stop(), ...responses.map((response) => response.text())])
    for (const text of texts) expect(text).toContain('retry: 2000')
    expect(performance.now() - begun).toBeLessThan(1_000)
    expect(api.lines.filter(({ level }) => level !== 'info')).toEqual([])
  })
})
