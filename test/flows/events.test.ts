/** The event log from outside, on real processes: what is in it, what slow readers cost, and how a stop ends them. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { ShownEvent } from '../../src/domain/shown-event.ts'
import { createParser } from '../http/event-source.ts'
import { brokenPromise } from '../http/promised-events.ts'
import { eventually } from './processes.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.withGateway()
}, 60_000)
afterAll(() => world.close())

const read = async (query: string): Promise<{ events: ShownEvent[]; next: number; latest: number }> => {
  const { status, body } = await world.api('GET', `/api/events?${query}`)
  expect(status).toBe(200)
  return body as never
}

const readAll = async (): Promise<ShownEvent[]> => {
  const all: ShownEvent[] = []
  for (let after = 0; ; ) {
    const { events, next, latest } = await read(`after=${after}&limit=1000`)
    all.push(...events)
    after = next
    if (after >= latest) return all
  }
}

test('all that happens is told at once, in all three ways alike, and as the document says', async () => {
  const streamed = createParser()
  const gone = new AbortController()
  const response = await fetch(`${world.apiUrl}/api/events/stream`, { signal: gone.signal })
  const decoder = new TextDecoder()
  const reading = (async () => {
    for await (const bytes of response.body ?? []) streamed.take(decoder.decode(bytes, { stream: true }))
  })().catch(() => undefined)
  const socket = new WebSocket(`${world.apiUrl.replace('http', 'ws')}/api/events/ws`)
  const messages: string[] = []
  socket.on('message', (data: Buffer) => messages.push(data.toString()))
  await once(socket, 'open')

  await world.link('dev', '15550911')
  await world.createPhone('15550912')
  const before = await read('after=latest')
  const waiting = read(`after=${before.next}&types=message.received&wait=30`)
  await world.phoneSend('15550912', { to: '15550911', type: 'text', text: 'hello' })
  const [event] = (await waiting).events
  expect(event).toMatchObject({
    type: 'message.received',
    deviceId: 'dev',
    data: { message: { text: 'hello' } },
  })
  await world.api('POST', '/api/devices/dev/send', { to: '15550912', message: 'hi' })
  await world.phone('POST', '/phones/15550912/read', { chat: '15550911' })
  await read(`after=${before.next}&types=message.read&wait=30`)
  await world.api('POST', '/api/devices/dev/stop')

  const all = await eventually('the device is stopped', async () => {
    const events = await readAll()
    return events.at(-1)?.type === 'device.status_changed' && events
  })
  expect(all.flatMap((each) => brokenPromise(each) ?? [])).toEqual([])
  expect(new Set(all.map(({ type }) => type))).toEqual(
    new Set([
      'device.status_changed',
      'device.qr_updated',
      'device.linked',
      'history.synced',
      ...['queued', 'sent', 'delivered', 'read', 'received'].map((what) => `message.${what}`),
    ]),
  )
  const texts = all.map((each) => JSON.stringify(each))
  await eventually('the stream has all', () => streamed.state.dispatched.length >= all.length)
  await eventually('the socket has all', () => messages.length >= all.length)
  expect(streamed.state.dispatched.map(({ data }) => data)).toEqual(texts)
  expect(messages).toEqual(texts)
  expect(all.map(({ seq }) => seq)).toEqual(
    world.query<{ seq: number }>('select seq from events order by seq').map(({ seq }) => seq),
  )
  socket.terminate()
  gone.abort()
  await reading
}, 60_000)

test('readers that take nothing cost the process no memory for what they have not read', async () => {
  const [events, readers] = [20_000, 40]
  const database = new BetterSqlite(path.join(world.dataDir, 'gateway.db'))
  const insert = database.prepare(
    "insert into events (id, at, type, device_id, data) values ('evt_' || ?, ?, 'contact.updated', 'dev', ?)",
  )
  const contact = { jid: '15550912@s.whatsapp.net', lid: null, phone: '15550912' }
  const data = JSON.stringify({ contact, about: 'x'.repeat(2_000) })
  const { next: from } = await read('after=latest')
  database.transaction(() => {
    for (let n = 0; n < events; n++) insert.run(n, Date.now(), data)
  })()
  database.close()

  const { pid } = world.gateway.child
  const rssMb = (): number =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024
  // What a reader who takes it all leaves behind is no cost of those who do not.
  for (let after = from; after < from + events; ) after = (await read(`after=${after}&limit=1000`)).next
  const before = rssMb()
  const { port } = new URL(world.apiUrl)
  const sockets: Socket[] = []
  for (let n = 0; n < readers; n++) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`GET /api/events/stream?after=${from} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(socket, 'readable')
    sockets.push(socket)
  }
  // Others are served as ever.
  for (let n = 0; n < 20; n++) await read(`after=${from}&limit=100`)
  expect(rssMb() - before).toBeLessThan(60)
  for (const socket of sockets) socket.destroy()
}, 60_000)

test('a stop does not wait for who reads, and leaves no error in the log', async () => {
  const streams = await Promise.all(
    Array.from({ length: 10 }, () => fetch(`${world.apiUrl}/api/events/stream?after=latest`)),
  )
  const polls = Array.from({ length: 10 }, () => read('after=latest&wait=60'))
  const socket = new WebSocket(`${world.apiUrl.replace('http', 'ws')}/api/events/ws?after=latest`)
  const closed = once(socket, 'close')
  await once(socket, 'open')
  const begun = performance.now()
  await world.gateway.stop()
  expect(performance.now() - begun).toBeLessThan(3_000)
  for (const stream of streams) expect(await stream.text()).toContain('retry: 2000')
  for (const page of await Promise.all(polls)) expect(page.events).toEqual([])
  const [code, reason] = await closed
  expect([code, String(reason)]).toEqual([1001, expect.stringMatching(/^resume after \d+$/)])
  expect(world.logLines.filter(({ level }) => level === 'error' || Number(level) >= 50)).toEqual([])
  expect(world.gateway.child.exitCode).toBe(0)
}, 30_000)
