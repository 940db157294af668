import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PostOutcome } from '../../src/domain/webhook.ts'
import { createAddressGuard } from '../../src/media/addresses.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { createLoopbackCertificate } from '../../src/sandbox/media-host/certificate.ts'
import { answerBytesMax, headCharsMax } from '../../src/webhooks/answer.ts'
import type { Resolve } from '../../src/webhooks/guarded-lookup.ts'
import { connectionsMax, createPoster, type PostOptions, type PostRequest } from '../../src/webhooks/post.ts'
import { settled, TestClock, until } from '../connector/world.ts'
import { ownMachine, receive, serve, serveRaw } from './samples.ts'

const body = JSON.stringify({ text: 'Grüße 🎉' })
const never = new AbortController().signal

const newPoster = (more: Partial<PostOptions> = {}) => {
  const poster = createPoster({ guard: ownMachine, clock: systemClock, ...more })
  onTestFinished(() => poster.close())
  return (url: string, request: Partial<PostRequest> = {}): Promise<PostOutcome> =>
    poster.post({ endpointId: 'whk_1', url, headers: { 'x-a': 'b' }, body, signal: never, ...request })
}
/** One attempt; the limits are short, since nothing else is waited for. */
const post = (url: string, more: Partial<PostOptions> = {}): Promise<PostOutcome> => newPoster(more)(url)

const failed = (code: string, detail = '') => ({
  kind: 'failed',
  code,
  detail: expect.stringContaining(detail) as string,
})
const answered = (status: number, more = {}) => ({ kind: 'answered', status, ...more })
const quick = { limits: { totalMs: 150, answerMs: 50 } }

/** Says for each look-up where a name leads, the last for good. */
const leading = (...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    resolve(host, done) {
      const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? []
      asked.push(host)
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
    },
  }
}
const named = (url: string): string => url.replace('127.0.0.1', 'receiver.test')

describe('an attempt', () => {
  it('brings the body and the headers, and the answer back', async () => {
    const { url, received } = await receive(() => 202)
    expect(await post(`${url}?key=1`)).toEqual({
      kind: 'answered',
      status: 202,
      retryAfterMs: null,
      head: 'HTTP 202 Accepted',
    })
    expect(received).toEqual([{ headers: expect.objectContaining({ 'x-a': 'b' }) as object, body }])
  })

  it('uses the connection of the one before, but not that of another endpoint', async () => {
    const ports = new Set<number | undefined>()
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort)
      request.resume().once('end', () => response.end())
    })
    const send = newPoster()
    for (let at = 0; at < 5; at += 1) {
      await send(url)
      await settled()
    }
    expect(ports.size).toBe(1)
    await send(url, { endpointId: 'whk_2' })
    expect(ports.size).toBe(2)
  })

  it('never opens more connections than it may', async () => {
    let open = 0
    let most = 0
    const url = await serve((request, response) => {
      open += 1
      most = Math.max(most, open)
      request.resume().once('end', () =>
        setImmediate(() => {
          open -= 1
          response.end()
        }),
      )
    })
    const send = newPoster()
    const outcomes = await Promise.all(Array.from({ length: 3 * connectionsMax }, () => send(url)))
    expect(outcomes.every((outcome) => outcome.kind === 'answered')).toBe(true)
    expect(most).toBeLessThanOrEqual(connectionsMax)
  })

  it('lets connections go that nobody has used for a minute', async () => {
    let open = 0
    const url = await serveRaw((socket) => {
      open += 1
      socket.once('close', () => (open -= 1))
      // Without end, so that the connection lives as long as this side wants it to.
      socket.on('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=600\r\ncontent-length: 0\r\n\r\n'),
      )
    })
    const clock = new TestClock()
    const send = newPoster({ clock })
    await send(url)
    clock.pass(59_999)
    await send(url, { endpointId: 'whk_2' })
    expect(open).toBe(2)
    clock.pass(1)
    await send(url, { endpointId: 'whk_3' })
    await until(() => open === 2)
  })

  it('goes where the URL leads now', async () => {
    const [first, second] = [await receive(), await receive()]
    const send = newPoster()
    await send(first.url)
    await send(second.url)
    expect([first.received.length, second.received.length]).toEqual([1, 1])
  })
})

describe('an answer', () => {
  it.each([200, 204, 400, 410, 429, 500, 503])('of status %d is that status', async (status) => {
    const { url } = await receive(() => status)
    expect(await post(url)).toMatchObject(answered(status))
  })

  it.each([301, 302, 303, 307, 308])('of status %d is followed nowhere', async (status) => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
    expect(await post(url)).toMatchObject(
      answered(status, { head: expect.stringContaining('/elsewhere') as string }),
    )
    expect(asked).toBe(1)
  })

  it('says when it wants to be asked again', async () => {
    const url = await serve((_, response) => response.writeHead(429, { 'retry-after': '30' }).end())
    expect(await post(url)).toMatchObject(answered(429, { retryAfterMs: 30_000 }))
  })

  it('without end is read as far as it is kept, and its connection is let go', async () => {
    let isOpen = true
    const url = await serve((_, response) => {
      response.writeHead(500)
      const more = (): void => {
        if (isOpen) response.write('x'.repeat(65_536), more)
      }
      response.once('close', () => (isOpen = false))
      more()
    })
    const outcome = await post(url)
    expect(outcome).toMatchObject(answered(500))
    expect(outcome.kind === 'answered' && outcome.head.length).toBe(headCharsMax)
    await until(() => !isOpen)
  })

  it('of just so many bytes as are read is one', async () => {
    const url = await serve((_, response) => response.end('x'.repeat(answerBytesMax)))
    expect(await post(url)).toMatchObject(answered(200))
  })

  it('counts though its body comes slowly, or never ends', async () => {
    const url = await serve((_, response) => response.writeHead(200).write('begun'))
    expect(await post(url, quick)).toMatchObject(answered(200, { head: 'HTTP 200 OK\n\nbegun' }))
  })

  it('counts though its body breaks off', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('half', () => response.destroy())
    })
    expect(await post(url)).toMatchObject(answered(200))
  })

  it('comes after one that is none yet', async () => {
    const url = await serve((_, response) => {
      response.writeProcessing()
      response.writeHead(201).end()
    })
    expect(await post(url)).toMatchObject(answered(201))
  })
})

describe('an attempt fails', () => {
  it('when nothing answers in time', async () => {
    const url = await serveRaw((socket) => socket.resume())
    expect(await post(url, quick)).toEqual(failed('timeout', 'no answer within 150 ms'))
  })

  it('when the head of the answer comes byte by byte', async () => {
    const url = await serveRaw((socket) => {
      socket.resume().write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('x'), 5)
      socket.once('close', () => clearInterval(timer))
    })
    expect(await post(url, quick)).toEqual(failed('timeout'))
  })

  it('when the answer is no HTTP', async () => {
    const url = await serveRaw((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
    expect(await post(url)).toEqual(failed('not_http'))
  })

  it('when the head of the answer has no end', async () => {
    const url = await serveRaw((socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`))
    expect(await post(url)).toEqual(failed('not_http'))
  })

  it('when the connection ends before an answer', async () => {
    const url = await serveRaw((socket) => socket.once('data', () => socket.destroy()))
    expect(await post(url)).toEqual(failed('connection_lost'))
  })

  it('when nobody listens there', async () => {
    expect(await post('http://127.0.0.1:1/hook')).toEqual(failed('connection_refused', 'ECONNREFUSED'))
  })

  it('when there is no such host', async () => {
    const resolve: Resolve = (host, done) =>
      done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }), [])
    expect(await post('http://receiver.test/', { resolve })).toEqual(failed('no_such_host', 'receiver.test'))
    expect(await post('http://receiver.test/', leading([]))).toEqual(failed('no_such_host'))
  })

  it('when the name is not found out in time', async () => {
    const resolve: Resolve = () => undefined
    expect(await post('http://receiver.test/', { resolve, ...quick })).toEqual(failed('timeout'))
  })

  it('when nobody vouches for the certificate', async () => {
    const { key, certificate } = createLoopbackCertificate()
    const server = createServer({ key, cert: certificate }, (_, response) => response.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    expect(await post(`https://127.0.0.1:${port}/`)).toEqual(failed('tls', 'DEPTH_ZERO_SELF_SIGNED_CERT'))
  })

  it('when TLS is spoken to who does not', async () => {
    const { url } = await receive()
    expect(await post(url.replace('http:', 'https:'))).toEqual(failed('tls'))
  })

  it('when a header cannot be sent, and the next one can', async () => {
    const { url } = await receive()
    const send = newPoster()
    expect(await send(url, { headers: { 'x-a': 'a\nb' } })).toEqual(failed('invalid_request'))
    expect(await send(url)).toMatchObject(answered(200))
  })

  it('when it is cut, at once, and nothing is sent any more', async () => {
    const stop = new AbortController()
    let arrived = 0
    const url = await serveRaw((socket) =>
      socket.on('data', () => {
        arrived += 1
        stop.abort()
      }),
    )
    const send = newPoster()
    expect(await send(url, { signal: stop.signal })).toEqual(failed('failed', 'was cut'))
    expect(await send(url, { signal: stop.signal })).toEqual(failed('failed', 'was cut'))
    expect(arrived).toBe(1)
  })
})

describe('a URL', () => {
  const publicOnly = createAddressGuard([])

  it.each([
    'http://127.0.0.1:9/',
    'http://127.1:9/',
    'http://2130706433:9/',
    'http://0x7f000001:9/',
    'http://0177.0.0.1:9/',
    'http://[::1]:9/',
    'http://[::ffff:127.0.0.1]:9/',
    'http://[::ffff:7f00:1]:9/',
    'http://[64:ff9b::7f00:1]:9/',
    'http://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'http://localhost:9/',
    'http://localhost.:9/',
  ])('is refused that leads to a private network: %s', async (url) => {
    expect(await post(url, { guard: publicOnly })).toEqual(failed('refused_address', 'WEBHOOK_URL_ALLOW'))
  })

  it.each(['ftp://example.com/', 'file:///etc/passwd', 'http://user:secret@example.com/'])(
    'is refused that nothing is posted to: %s',
    async (url) => {
      expect(await post(url)).toEqual(failed('refused_url'))
    },
  )

  it('is refused when one of the addresses of its host is private', async () => {
    const { resolve } = leading(['93.184.216.34', '10.0.0.7'])
    expect(await post('http://receiver.test/', { guard: publicOnly, resolve })).toEqual(
      failed('refused_address', 'receiver.test'),
    )
  })

  it('is asked at the address that was checked, whatever the name leads to afterwards', async () => {
    const { url, received } = await receive()
    const { resolve, asked } = leading(['127.0.0.1'], ['10.0.0.7'])
    const send = newPoster({ resolve })
    expect(await send(named(url))).toMatchObject(answered(200))
    await settled()
    // On the connection that is open.
    expect(await send(named(url))).toMatchObject(answered(200))
    expect(asked).toEqual(['receiver.test'])
    // A new connection is checked anew.
    expect(await send(named(url), { endpointId: 'whk_2' })).toEqual(failed('refused_address'))
    expect(received.length).toBe(2)
    expect(received[0]?.headers['host']).toBe(new URL(named(url)).host)
  })

  it('may name a host that the operator has allowed, at any address', async () => {
    const { url } = await receive()
    const { resolve } = leading(['127.0.0.1'])
    const guard = createAddressGuard(['receiver.test'])
    expect(await post(named(url), { guard, resolve })).toMatchObject(answered(200))
    expect(await post(url, { guard, resolve })).toEqual(failed('refused_address'))
  })
})
