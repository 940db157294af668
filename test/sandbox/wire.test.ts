import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { createFrameReader, frame } from '../../src/sandbox/wire/frames.ts'
import { controlOf, createClient, linked, login, shownQr, until } from './client.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
})
afterAll(() => sandbox.close())

const closedAfter = async (bytes: Buffer | string): Promise<void> => {
  const socket = new WebSocket(sandbox.url)
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('close', () => resolve())
  socket.on('error', () => undefined)
  socket.on('open', () => socket.send(bytes))
  await promise
}

const stillWorks = async (): Promise<void> => {
  const client = createClient(sandbox)
  client.connect()
  await shownQr(client)
  await client.close()
}

const header = Buffer.from([0x57, 0x41, 6, 3])

describe('a client that does not speak the protocol is cut off, and others are not', () => {
  test.each([
    ['text', 'hello'],
    ['bytes without the intro', Buffer.from('GET / HTTP/1.1')],
    ['a hello that is no protobuf', Buffer.concat([header, frame(Buffer.alloc(50, 0xff))])],
    ['an empty hello', Buffer.concat([header, frame(Buffer.alloc(0))])],
    ['a frame that says it is 16 MiB', Buffer.concat([header, Buffer.from([0xff, 0xff, 0xff])])],
    ['endless routing info', Buffer.from([0x45, 0x44, 0, 1, 0xff, 0xff, 0xff])],
    ['random bytes after the intro', Buffer.concat([header, frame(randomBytes(300))])],
    ['more than a message may have', Buffer.alloc(9 * 1024 * 1024, 1)],
  ])('%s', async (_name, bytes) => {
    await closedAfter(bytes)
    await stillWorks()
  })

  test.each([
    ['no stanza', Buffer.from([0, 1, 2, 3])],
    ['an empty frame', Buffer.alloc(0)],
    ['broken compression', Buffer.from([2, 1, 2, 3])],
  ])('%s, encrypted', async (_name, bytes) => {
    const client = createClient(sandbox)
    client.connect()
    await shownQr(client)
    await client.socket.sendRawMessage(bytes)
    await until('the end', () => client.updates.some((update) => update.connection === 'close'))
    await stillWorks()
  })
})

test('odd stanzas of a logged-in client do no harm', async () => {
  await controlOf(sandbox).phone('15555001')
  const client = await linked(sandbox, '15555001')
  for (const tag of [
    'message',
    'receipt',
    'ack',
    'iq',
    'presence',
    'chatstate',
    'call',
    'ib',
    'unheard-of',
  ]) {
    await client.socket.sendNode({ tag, attrs: {} })
    await client.socket.sendNode({ tag, attrs: { id: 'odd', to: 'nobody', type: 'retry' }, content: 'text' })
  }
  const upload = { tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'set', xmlns: 'encrypt' }, content: [] }
  await expect(client.socket.query(upload)).rejects.toMatchObject({ data: 400 })
  await client.close()
})

test('a client that was given a routing prefix logs in with it', async () => {
  await controlOf(sandbox).phone('15555002')
  const client = await linked(sandbox, '15555002')
  await client.close()
  client.creds.routingInfo = Buffer.from('somewhere')
  await login(client)
  await client.close()
})

test('only /ws/chat takes WebSockets', async () => {
  const socket = new WebSocket(sandbox.url.replace('/ws/chat', '/elsewhere'))
  const { promise, resolve } = Promise.withResolvers<number>()
  socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
  socket.on('error', () => undefined)
  expect(await promise).toBe(404)
})

test('a host name that is not loopback is refused', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const headers = { host: 'attacker.example' }
  request(`${sandbox.controlUrl}/config`, { headers }, (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  }).end()
  expect(await promise).toBe(421)
})

test('frames come out the same however their bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (frames, cuts, routed) => {
        const routing = routed ? [Buffer.from([0x45, 0x44, 0, 1, 0, 0, 2, 9, 9])] : []
        const stream = Buffer.concat([...routing, header, ...frames.map((bytes) => frame(bytes))])
        const reader = createFrameReader()
        const found: Buffer[] = []
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const size = cuts[cut % cuts.length] ?? 1
          found.push(...reader.push(stream.subarray(at, at + size), () => 100))
          at += size
        }
        expect(found.map((bytes) => bytes.toString('hex'))).toEqual(
          frames.map((bytes) => Buffer.from(bytes).toString('hex')),
        )
      },
    ),
  )
})

test('counts how many sockets at most waited for the server at a time', async () => {
  const own = await startSandbox({ port: 0 })
  const most = async (): Promise<number> => (await controlOf(own).stats())['loginsAtOnceMost'] ?? 0
  const silent = Array.from({ length: 3 }, () => new WebSocket(own.url))
  await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('open', resolve))))
  await until('all three', async () => (await most()) === 3)
  for (const socket of silent) socket.terminate()
  await until('their end', async () => (await controlOf(own).stats())['liveSockets'] === 0)
  const client = createClient(own)
  client.connect()
  await shownQr(client)
  expect(await most()).toBe(3)
  await client.close()
  await own.close()
})
