/** The event log over WebSockets. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { tailsMax } from '../../src/control/event-feed.ts'
import { problemSchema } from '../../src/http/wire/problem.ts'
import { happen } from '../control/some-events.ts'
import { createApi, type Api } from './api.ts'
import { brokenPromise } from './promised-events.ts'
import { serveApi } from './serve.ts'

const path = '/api/events/ws'
const stallMs = 400
const times = { beatMs: 50, stallMs }
const seqsUpTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1)

interface Client {
  readonly socket: WebSocket
  readonly messages: string[]
  readonly seqs: () => number[]
  readonly closed: Promise<readonly [number, string]>
}

const open = async (socketUrl: string, query = '', options: object = {}): Promise<Client> => {
  const socket = new WebSocket(`${socketUrl}${path}${query}`, options)
  onTestFinished(() => socket.terminate())
  const messages: string[] = []
  socket.on('message', (data: Buffer) => messages.push(data.toString()))
  const closed = once(socket, 'close').then(([code, reason]) => [Number(code), String(reason)] as const)
  await once(socket, 'open')
  return {
    socket,
    messages,
    closed,
    seqs: () => messages.map((text) => (JSON.parse(text) as { seq: number }).seq),
  }
}

const serve = async (given: Parameters<typeof createApi>[0] = { times }) => {
  const api = await createApi(given)
  return { api, ...(await serveApi(api)) }
}

/** Sends bytes as they are, and reads to the end. */
const pour = async (port: number, bytes: string): Promise<{ head: string; body: string }> => {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  let heard = ''
  for await (const text of socket.setEncoding('utf8')) heard += String(text)
  const [head = '', body = ''] = heard.split('\r\n\r\n')
  return { head, body }
}
const handshake = (target: string, ...lines: string[]): string =>
  `${[`GET ${target} HTTP/1.1`, 'Connection: Upgrade', 'Upgrade: websocket', ...lines].join('\r\n')}\r\n\r\n`
const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']

describe('a socket', () => {
  test('has what there is and what comes, an event a message', async () => {
    const { api, socketUrl } = await serve()
    await happen(api.store, 'a', 100)
    const { messages, seqs } = await open(socketUrl)
    await expect.poll(() => messages.length).toBe(100)
    await happen(api.store, 'a', 5)
    await expect.poll(seqs).toEqual(seqsUpTo(105))
    expect(messages.flatMap((text) => brokenPromise(JSON.parse(text)) ?? [])).toEqual([])
  })

  test('has the filters and the cursor of the streams', async () => {
    const { api, socketUrl } = await serve()
    for (const device of ['a', 'b']) await happen(api.store, device, 10)
    const filtered = await open(socketUrl, '?types=chat.deleted&device=b&after=11')
    const latest = await open(socketUrl, '?after=latest')
    await expect.poll(filtered.seqs).toEqual([14, 17, 20])
    await happen(api.store, 'b', 1)
    await expect.poll(filtered.seqs).toEqual([14, 17, 20, 21])
    await expect.poll(latest.seqs).toEqual([21])
  })

  test('clients that are cut off at random see each event once', async () => {
    const { api, socketUrl } = await serve()
    const total = 1_500
    const client = async (seed: number): Promise<number[]> => {
      const seen: number[] = []
      let turn = seed
      while (seen.length < total) {
        turn = (turn * 48_271) % 2_147_483_647
        const most = seen.length + 1 + (turn % 200)
        const socket = new WebSocket(`${socketUrl}${path}?after=${seen.at(-1) ?? 0}`)
        socket.on('message', (data: Buffer) => {
          // What comes after the connection was given up is lost to the client.
          if (seen.length < most) seen.push((JSON.parse(data.toString()) as { seq: number }).seq)
          if (seen.length >= Math.min(most, total)) socket.terminate()
        })
        socket.on('error', () => undefined)
        await once(socket, 'close')
      }
      return seen
    }
    const clients = [1, 2, 3, 4].map((seed) => client(seed * 7_919))
    for (let n = 0; n < total / 50; n++) await happen(api.store, 'a', 50)
    for (const seqs of await Promise.all(clients)) expect(seqs).toEqual(seqsUpTo(total))
  }, 60_000)

  test('a client that takes nothing is told where to resume, and let go', async () => {
    const { api, socketUrl } = await serve()
    const total = 40_000
    for (let n = 0; n < 8; n++) await happen(api.store, 'a', total / 8)
    const { socket, seqs, closed } = await open(socketUrl)
    socket.pause()
    for (let n = 1; n < tailsMax; n++) api.ctx.feed.open(0, {})
    expect(() => api.ctx.feed.open(0, {})).toThrow()
    await expect.poll(() => api.ctx.feed.open(0, {}), { timeout: 10_000 }).toBeDefined()
    socket.resume()
    const [code, reason] = await closed
    const last = seqs().at(-1) ?? 0
    expect([code, reason]).toEqual([1013, `too slow: resume after ${last}`])
    expect(seqs()).toEqual(seqsUpTo(last))
    expect(last).toBeLessThan(total)
  }, 30_000)

  test('a client that does not answer pings is cut, one that does is not', async () => {
    const { api, socketUrl } = await serve()
    const dead = await open(socketUrl, '?after=latest', { autoPong: false })
    const alive = await open(socketUrl, '?after=latest')
    expect(await dead.closed).toEqual([1006, ''])
    await once(alive.socket, 'ping')
    await happen(api.store, 'a', 1)
    await expect.poll(alive.seqs).toEqual([1])
  })

  test('what a client says is ignored, and may not be long', async () => {
    const { api, socketUrl } = await serve()
    const { socket, seqs, closed } = await open(socketUrl)
    for (const text of ['{"types": "message.*"}', 'x'.repeat(4_096), Buffer.from([0, 1])]) socket.send(text)
    await happen(api.store, 'a', 1)
    await expect.poll(seqs).toEqual([1])
    socket.send('x'.repeat(4_097))
    expect((await closed)[0]).toBe(1009)
    await expect.poll(() => (api.ctx.feed.open(0, {}), true)).toBe(true)
  })

  test('closes with a word of its own when what is next was removed', async () => {
    let floor = 0
    const { api, socketUrl } = await serve({
      times,
      store: (store) => ({ ...store, events: { ...store.events, floor: async () => floor } }),
    })
    await happen(api.store, 'a', 40_000)
    const { socket, closed } = await open(socketUrl)
    socket.pause()
    floor = 39_999
    socket.resume()
    expect(await closed).toEqual([4410, 'events before 40000 are not kept any more'])
  })

  test('a stop closes all of them at once, and says where to resume', async () => {
    const { api, socketUrl, stop } = await serve()
    await happen(api.store, 'a', 3)
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(socketUrl)))
    for (const { seqs } of clients) await expect.poll(seqs).toEqual([1, 2, 3])
    const stubborn = await open(socketUrl)
    stubborn.socket.pause()
    const begun = performance.now()
    await stop()
    expect(performance.now() - begun).toBeLessThan(1_500)
    for (const { closed } of clients) expect(await closed).toEqual([1001, 'resume after 3'])
    expect(api.lines.filter(({ level }) => level !== 'info')).toEqual([])
  })
})

describe('a request for a socket', () => {
  const refusal = async (api: Api, target: string, ...lines: string[]) => {
    const { port } = await serveApi(api)
    const { head, body } = await pour(port, handshake(target, ...lines))
    expect(head).toMatch(/content-type: application\/problem\+json/i)
    expect(head).toMatch(/x-request-id: /i)
    return { head, problem: problemSchema.parse(JSON.parse(body)) }
  }

  test.each([
    ['a type that is none', '?types=x', [], 400, 'invalid-query'],
    ['a cursor of the future', '?after=99', [], 400, 'invalid-query'],
    ['a page of elsewhere', '', ['Origin: https://example.com'], 403, 'origin-refused'],
    ['a page without an address', '', ['Origin: null'], 403, 'origin-refused'],
    ['an empty host', '', ['Host:'], 400, 'malformed-request'],
    ['another version', '', ['Sec-WebSocket-Version: 7'], 400, 'malformed-request'],
  ])('with %s is refused with a problem before it is one', async (_, query, lines, status, type) => {
    const host = lines.includes('Host:') ? [] : ['Host: x']
    const { problem } = await refusal(
      await createApi(),
      `${path}${query}`,
      ...host,
      ...key.slice(1),
      ...lines,
    )
    expect(problem).toMatchObject({ type: `/problems/${type}`, status })
  })

  test('that is refused keeps no place', async () => {
    const api = await createApi()
    for (let n = 1; n < tailsMax; n++) api.ctx.feed.open(0, {})
    await refusal(api, path, 'Host: x')
    await expect.poll(() => api.ctx.feed.open(0, {})).toBeDefined()
  })

  test('from a page of the own address is granted, and has its request id and its line in the log', async () => {
    const { api, socketUrl, port } = await serve()
    const headers = { origin: `http://127.0.0.1:${port}`, 'x-request-id': 'mine' }
    const socket = new WebSocket(`${socketUrl}${path}`, { headers })
    onTestFinished(() => socket.terminate())
    const [response] = await once(socket, 'upgrade')
    expect(response.headers['x-request-id']).toBe('mine')
    expect(api.lines.at(-1)?.fields).toMatchObject({ requestId: 'mine', path, status: 101 })
  })

  test("of Node's own WebSocket is granted", async () => {
    const { api, socketUrl } = await serve()
    const socket = new globalThis.WebSocket(`${socketUrl}${path}`)
    onTestFinished(() => socket.close())
    const heard = once(socket, 'message')
    await happen(api.store, 'a', 1)
    const [{ data }] = await heard
    expect(JSON.parse(String(data))).toMatchObject({ seq: 1, deviceId: 'a' })
  })

  test('at another address has the ordinary answer', async () => {
    const { port } = await serve()
    const { head, body } = await pour(
      port,
      handshake('/healthz', 'Host: x', ...key).replace('Connection: Upgrade', 'Connection: Upgrade, close'),
    )
    expect(head).toMatch(/^HTTP\/1.1 200 /)
    expect(body).toContain('{"status":"ok"}')
  })

  test('with another method is told which one there is', async () => {
    const { port } = await serve()
    const { head } = await pour(port, handshake(path, 'Host: x', ...key).replace('GET', 'POST'))
    expect(head).toMatch(/^HTTP\/1.1 405 /)
    expect(head).toMatch(/allow: GET, HEAD/i)
  })
})
