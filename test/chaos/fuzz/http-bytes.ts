/** Streams of bytes for an HTTP port, in the pieces in which they are written: some are HTTP, most are nearly. */
import * as fc from 'fast-check'

const line = (text: string): Buffer => Buffer.from(text, 'latin1')
const body = '{"to":"15559999","message":"hi"}'
const send = 'POST /api/devices/fuzz/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
const status = 'GET /api/devices/fuzz/status HTTP/1.1\r\nHost: x\r\n'

const odd: readonly string[] = [
  `${status}\r\n`.repeat(50),
  `${send}Content-Length: 5\r\n\r\n${body}`,
  `${send}Content-Length: 5000\r\n\r\n${body}`,
  `${send}Content-Length: -1\r\n\r\n${body}`,
  `${send}Content-Length: 5\r\nContent-Length: 6\r\n\r\n${body}`,
  `${send}Content-Length: 99999999999999999999\r\n\r\n`,
  `${send}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `${send}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n`,
  `${send}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello\r\n`,
  `${send}Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n`,
  `${send}Transfer-Encoding: chunked\r\n\r\n5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
  `${send}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  `${send}Transfer-Encoding: identity\r\n\r\n${body}`,
  `${send}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  `${send}Expect: x\r\nContent-Length: 0\r\n\r\n`,
  `${send}Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  `${status}${'X: y\r\n'.repeat(5_000)}\r\n`,
  `${status}X: ${'y'.repeat(100_000)}\r\n\r\n`,
  `${status}X: \0\r\n\r\n`,
  `${status}X : y\r\n\r\n`,
  `${status} folded: y\r\n\r\n`,
  'GET /api/devices/fuzz/status HTTP/1.1\r\n\r\n',
  'GET /api/devices/fuzz/status HTTP/1.1\r\nHost: [::1\r\n\r\n',
  'GET /api/devices/fuzz/status HTTP/1.1\r\nHost: x y z\r\n\r\n',
  'GET /api/devices/fuzz/status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'GET /api/devices/fuzz/status HTTP/0.9\r\n\r\n',
  'GET /api/devices/fuzz/status HTTP/2.0\r\nHost: x\r\n\r\n',
  'GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET //example.org//.. HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET * HTTP/1.1\r\nHost: x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n',
  'TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'GET /%ff%fe%00 HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /api/devices/%ff/status HTTP/1.1\r\nHost: x\r\n\r\n',
  `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /healthz HTTP/1.1\nHost: x\n\n',
  '\r\n\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
]

const known = fc.constantFrom(...odd).map(line)
const garbage = fc.uint8Array({ minLength: 1, maxLength: 2_000 }).map((bytes) => Buffer.from(bytes))
const cut = fc.tuple(known, fc.nat()).map(([bytes, at]) => bytes.subarray(0, 1 + (at % bytes.length)))
const changed = fc.tuple(known, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
  const other = Buffer.from(bytes)
  other[at % other.length] = byte
  return other
})

/** In pieces: a client that is slow, and one that asks again before it was answered. */
export const hostileBytes: fc.Arbitrary<readonly Buffer[]> = fc
  .oneof({ arbitrary: known, weight: 2 }, cut, changed, garbage)
  .chain((bytes) =>
    fc.constantFrom(1, 2, 5, 40).map((pieces) => {
      const size = Math.max(1, Math.ceil(bytes.length / pieces))
      return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      )
    }),
  )
