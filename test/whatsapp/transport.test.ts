import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTransport, unsentMaxBytes } from '../../src/whatsapp/transport.ts'
import { until } from '../sandbox/client.ts'
import { loopbackCertificate, loopbackKey } from './loopback-certificate.ts'

const kilobyte = 1_024

/** A server that takes one connection, reads when it is told to, and keeps what it got. */
const startPeer = async (secure: boolean) => {
  let text = ''
  let error: string | undefined
  let ended = false
  const { promise: accepted, resolve } = Promise.withResolvers<Socket>()
  const take = (socket: Socket): void => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', (problem: NodeJS.ErrnoException) => {
      error = problem.code
    })
    socket.on('end', () => {
      ended = true
    })
    resolve(socket)
  }
  const server: Server = secure
    ? createTlsServer({ key: loopbackKey, cert: loopbackCertificate }, take)
    : createTcpServer(take)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    accepted,
    get connections() {
      return sockets.size
    },
    get text() {
      return text
    },
    get error() {
      return error
    },
    get ended() {
      return ended
    },
  }
}

const openTransport = (secure: boolean, port: number, { ca = loopbackCertificate } = {}) => {
  const state = { allowed: true, refusals: 0 }
  const transport = createTransport({
    secure,
    ...(secure ? { ca } : {}),
    mayWrite: () => state.allowed,
    onRefused: () => {
      state.refusals += 1
      transport.reset()
    },
  })
  onTestFinished(() => transport.reset())
  const stream = new Promise<Duplex>((resolve, reject) => {
    transport.agent.createConnection({ host: '127.0.0.1', port }, (error, made) => {
      made.on('error', () => undefined)
      if (error === null) resolve(made)
      else reject(error)
    })
  })
  return { state, transport, stream }
}

const write = (stream: Duplex, text: string): Promise<Error | null> =>
  new Promise((resolve) => {
    stream.write(text, (error) => resolve(error ?? null))
  })

describe.each([
  ['TCP', false],
  ['TLS', true],
])('a connection over %s', (_, secure) => {
  test('writes while it may; the first byte that it may not write ends it with a reset, and is not sent', async () => {
    const peer = await startPeer(secure)
    const { state, stream } = openTransport(secure, peer.port)
    const made = await stream
    expect(await write(made, 'allowed')).toBeNull()
    await until('the first bytes', () => peer.text === 'allowed')
    state.allowed = false
    expect((await write(made, 'refused'))?.message).toMatch(/^Connection Closed/)
    await until('the reset', () => peer.error === 'ECONNRESET')
    expect(peer.text).toBe('allowed')
    expect(peer.ended).toBe(false)
    expect(state.refusals).toBe(1)
  })

  test('asks again for what had to wait behind a slow peer: it stays here when it may not leave any more', async () => {
    const peer = await startPeer(secure)
    const { state, stream } = openTransport(secure, peer.port)
    const made = await stream
    const server = await peer.accepted
    server.pause()
    const filler = '.'.repeat(256 * kilobyte)
    let outstanding = 0
    for (let turn = 0; outstanding === 0; turn++) {
      expect(turn).toBeLessThan(200)
      outstanding += 1
      made.write(filler, () => {
        outstanding -= 1
      })
      // What the kernel takes at once is reported in the next turns of the loop.
      for (let wait = 0; wait < 20 && outstanding > 0; wait++) {
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
      }
    }
    const waiting = write(made, 'queued while it was allowed')
    state.allowed = false
    server.resume()
    expect((await waiting)?.message).toMatch(/^Connection Closed/)
    await until('the end', () => peer.error !== undefined || peer.ended)
    expect(state.refusals).toBe(1)
    expect(peer.text).not.toContain('queued')
  })

  test('that is made too late carries nothing, not even a handshake', async () => {
    const peer = await startPeer(secure)
    const { state, stream } = openTransport(secure, peer.port)
    state.allowed = false
    await expect(stream).rejects.toThrow('lease')
    await until('the connection', () => peer.connections === 1)
    expect(peer.text).toBe('')
    expect(state.refusals).toBe(1)
  })

  test('that is dropped before it is made tells the one who waits', async () => {
    const peer = await startPeer(secure)
    const { transport, stream } = openTransport(secure, peer.port)
    transport.reset()
    await expect(stream).rejects.toThrow('dropped')
  })

  test('to a port where nobody listens fails with what the system says', async () => {
    const { stream } = openTransport(secure, 1)
    await expect(stream).rejects.toThrow('ECONNREFUSED')
  })

  test('to a peer that takes nothing ends before more than 4 MiB wait', async () => {
    const peer = await startPeer(secure)
    const { stream } = openTransport(secure, peer.port)
    const made = await stream
    ;(await peer.accepted).pause()
    const chunk = '.'.repeat(512 * kilobyte)
    const { promise: ended, resolve } = Promise.withResolvers<Error>()
    made.once('error', resolve)
    let most = 0
    for (let turn = 0; turn < 200 && !made.destroyed; turn++) {
      most = Math.max(most, made.writableLength)
      made.write(chunk)
      await new Promise((next) => {
        setImmediate(next)
      })
    }
    expect((await ended).message).toBe(`more than ${unsentMaxBytes} bytes wait to be sent`)
    expect(most).toBeGreaterThan(unsentMaxBytes / 2)
    expect(most).toBeLessThanOrEqual(unsentMaxBytes)
  })
})

test('a server whose certificate nobody vouches for gets no byte of ours', async () => {
  const peer = await startPeer(true)
  const { stream } = openTransport(true, peer.port, { ca: '' })
  const made = await stream
  const [error] = (await once(made, 'error')) as [Error]
  expect(error.message).toMatch(/self.signed/i)
  expect(await write(made, 'secret')).not.toBeNull()
  expect(peer.text).toBe('')
})
