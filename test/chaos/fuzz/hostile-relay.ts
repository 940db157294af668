/** A way to WhatsApp on which somebody puts bytes of his own between those of the server. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { SeededRandom } from '../random.ts'

/** What a connection is done to. */
export interface Attack {
  readonly name: string
  /** Before so many pieces of the server's: 0 is in place of its answer to the upgrade, 1 before its first frame. */
  readonly before: number
  readonly bytes: Buffer
  readonly ends: 'go on' | 'close' | 'reset'
}

export interface HostileRelay {
  readonly url: string
  /** How many attacks have been carried out. */
  readonly done: number
  /** One for each of the connections to come. */
  prepare(attacks: readonly Attack[]): void
  /** Those that still wait for a connection. */
  readonly left: number
  /** Ends all connections. */
  reset(): void
  close(): Promise<void>
}

export const openHostileRelay = async (target: string): Promise<HostileRelay> => {
  const upstream = new URL(target)
  const sockets = new Set<Socket>()
  const waiting: Attack[] = []
  let done = 0

  const server = createServer((client) => {
    const attack = waiting.shift()
    const whatsapp = connect(Number(upstream.port), upstream.hostname)
    sockets.add(client).add(whatsapp)
    let pieces = 0
    for (const [one, other] of [
      [client, whatsapp],
      [whatsapp, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.end()
      })
    }
    client.on('data', (chunk) => whatsapp.write(chunk))
    whatsapp.on('data', (chunk) => {
      if (attack !== undefined && pieces++ === attack.before) {
        done += 1
        client.write(attack.bytes)
        if (attack.ends === 'reset') return client.resetAndDestroy()
        if (attack.ends === 'close') return client.end()
      }
      client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    get done() {
      return done
    },
    prepare(attacks) {
      waiting.push(...attacks)
    },
    get left() {
      return waiting.length
    },
    reset() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A frame from the server's side (RFC 6455, section 5.2), which may lie about its length. */
const frame = (first: number, payload: Buffer, announced = payload.length): Buffer => {
  const head = Buffer.alloc(10)
  head.writeUInt8(first, 0)
  head.writeUInt8(127, 1)
  head.writeBigUInt64BE(BigInt(announced), 2)
  return Buffer.concat([head, payload])
}
const control = (first: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([first, payload.length]), payload])

const repeated = (bytes: Buffer, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => bytes))

const oversized = 64 * 1024 * 1024

/** One of each kind, with garbage of the seed's; so many frames have gone before that it may be anywhere in a login. */
export const attacksOf = (random: SeededRandom): readonly Attack[] => {
  const noise = (max: number): Buffer =>
    Buffer.from(Array.from({ length: random.between(1, max) }, () => random.between(0, 255)))
  const http: readonly (readonly [string, Buffer])[] = [
    ['garbage in place of HTTP', noise(500)],
    ['HTTP 200', Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')],
    [
      'an upgrade to something else',
      Buffer.from('HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    ],
    [
      'a wrong accept',
      Buffer.from(
        'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      ),
    ],
    ['headers without an end', Buffer.from(`HTTP/1.1 101 X\r\n${'X: y\r\n'.repeat(20_000)}`)],
  ]
  const frames: readonly (readonly [string, Buffer])[] = [
    ['a binary message of garbage', frame(0x82, noise(2_000))],
    ['a text message', frame(0x81, Buffer.from('{"hello":"world"}'))],
    ['a text message that is no UTF-8', frame(0x81, Buffer.from([0xff, 0xfe, 0x00]))],
    ['garbage in place of frames', noise(2_000)],
    ['a message of 64 MiB', frame(0x82, noise(100), oversized)],
    ['a message of 2^62 bytes', frame(0x82, noise(100), 2 ** 62)],
    [
      'a message in pieces without an end',
      repeated(Buffer.concat([frame(0x02, noise(50)), frame(0x00, noise(50))]), 1),
    ],
    ['many small pieces', Buffer.concat([frame(0x02, noise(2)), repeated(frame(0x00, noise(2)), 5_000)])],
    ['a continuation of nothing', frame(0x80, noise(20))],
    ['a reserved opcode', frame(0x83, noise(20))],
    ['a reserved bit', frame(0xf2, noise(20))],
    ['a masked frame', Buffer.concat([Buffer.from([0x82, 0x84, 1, 2, 3, 4]), noise(4)])],
    ['a thousand pings', repeated(control(0x89, Buffer.alloc(125)), 1_000)],
    ['a ping that is too long', frame(0x89, Buffer.alloc(200))],
    ['a close with an odd code', control(0x88, Buffer.from([0, 1]))],
    ['a close with a reason that is no UTF-8', control(0x88, Buffer.from([0x03, 0xe8, 0xff, 0xfe]))],
    ['empty messages', repeated(frame(0x82, Buffer.alloc(0)), 1_000)],
    ['a Noise frame of 16 MiB that drips', repeated(frame(0x82, Buffer.from([0xff])), 2_000)],
    ['a Noise frame of no bytes', frame(0x82, Buffer.alloc(3))],
    [
      'a handshake message of garbage',
      frame(0x82, Buffer.concat([Buffer.from([0, 0, 40]), Buffer.alloc(40, 0x22)])),
    ],
  ]
  const ends = ['go on', 'close', 'reset'] as const
  return [
    ...http.map(
      ([name, bytes]): Attack => ({ name, before: 0, bytes, ends: random.pick(['close', 'reset']) }),
    ),
    ...frames.map(
      ([name, bytes]): Attack => ({ name, before: random.between(1, 4), bytes, ends: random.pick(ends) }),
    ),
  ]
}
