import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createHash } from 'node:crypto'
import { deflateRawSync, deflateSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { inflatedMaxBytes } from '../../src/whatsapp/bounded-inflate.ts'
import { webSocketMessageMaxBytes } from '../../src/whatsapp/bounded-messages.ts'
import { decodeBinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Log } from '../../src/runtime/log.ts'
import { createWhatsApp } from '../../src/whatsapp/baileys.ts'
import { claimDevice, memoryStore } from './signal/parties.ts'

const keySuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** A server that takes the upgrade and says what it is given, and nothing else. */
const serve = async (bytes: Buffer, extensions = ''): Promise<string> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', (head: Buffer) => {
      const key = /sec-websocket-key: (\S+)/i.exec(head.toString())?.[1] ?? ''
      const accept = createHash('sha1')
        .update(key + keySuffix)
        .digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${extensions}Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
      socket.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/chat`
}

/** The header of an unmasked binary frame (RFC 6455, section 5.2). */
const header = (length: number, first = 0x82): Buffer => {
  const bytes = Buffer.alloc(10)
  bytes.writeUInt8(first, 0)
  bytes.writeUInt8(127, 1)
  bytes.writeBigUInt64BE(BigInt(length), 2)
  return bytes
}

const ignore = (): void => undefined
const quiet: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => quiet }
const done = (): Promise<void> => Promise.resolve()

/** Connects a device to the server; resolves with why its socket was closed. */
const closeOf = async (url: string): Promise<string> => {
  const store = await memoryStore()
  const lease = await claimDevice(store, 'phone-1')
  const closed = Promise.withResolvers<string>()
  const whatsapp = await createWhatsApp({
    store,
    clock: systemClock,
    log: quiet,
    options: { url, keepAliveMs: 30_000 },
  })
  const socket = await whatsapp.open({
    deviceId: 'phone-1',
    lease,
    mayWrite: () => true,
    listener: {
      onQr: ignore,
      onPaired: ignore,
      onOpened: ignore,
      onAnswer: ignore,
      onPasskeyRequired: ignore,
      onRestricted: ignore,
      onJournaled: ignore,
      onUndecryptable: done,
      onMemberReceipts: () => Promise.resolve(),
      onReceipt: done,
      onMarked: ignore,
      onSightings: ignore,
      onDeaf: ignore,
      onStoreFailed: ignore,
      onLeaseLost: ignore,
      onClosed: ({ message }) => closed.resolve(message),
    },
  })
  onTestFinished(() => socket.drop())
  return closed.promise
}

test('a message that is announced as too large ends the connection before it comes', async () => {
  const url = await serve(header(webSocketMessageMaxBytes + 1))
  expect(await closeOf(url)).toMatch(/Max payload size exceeded/)
})

test('a message that swells to too much ends the connection too', async () => {
  const small = deflateRawSync(Buffer.alloc(webSocketMessageMaxBytes + 1))
  const url = await serve(
    Buffer.concat([header(small.length, 0xc2), small]),
    'Sec-WebSocket-Extensions: permessage-deflate\r\n',
  )
  expect(await closeOf(url)).toMatch(/Max payload size exceeded/)
})

test('a stanza that swells to too much is refused, one that does not is read', async () => {
  const compressed = (stanza: Buffer): Promise<unknown> =>
    decodeBinaryNode(Buffer.concat([Buffer.from([2]), deflateSync(stanza)]))
  const node = encodeBinaryNode({ tag: 'message', attrs: { id: 'A' }, content: 'x' }).subarray(1)
  expect(await compressed(node)).toMatchObject({ tag: 'message', attrs: { id: 'A' } })
  await expect(compressed(Buffer.alloc(inflatedMaxBytes + 1))).rejects.toThrow(
    /Cannot create a Buffer larger/,
  )
})
