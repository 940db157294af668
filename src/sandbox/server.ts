import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { isLoopback } from '../runtime/loopback.ts'
import type { Context } from './context.ts'
import { createControl } from './control/app.ts'
import { createEntropy } from './entropy.ts'
import { createFaults } from './faults.ts'
import { muteLibsignal } from './libsignal-console.ts'
import type { Log } from './log.ts'
import { startMediaHost } from './media-host/host.ts'
import { createPhones } from './phones.ts'
import { createPairings } from './session/pairings.ts'
import { createSockets } from './sockets.ts'
import { createDirectory } from './state/directory.ts'
import { createGroups } from './state/groups.ts'
import { createCounters } from './stats.ts'
import { createNoiseIdentity } from './wire/certificates.ts'
import { frameMaxBytes } from './wire/frames.ts'

export interface SandboxOptions {
  /** A loopback address; others are refused. Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  /** The same seed gives the same keys, LIDs and ids. Without one they are random. */
  readonly seed?: string
  /** How long the server holds what is new back until a client has confirmed its backlog. Default 10 s. */
  readonly backlogHoldMs?: number
  readonly clock?: Clock
  readonly log?: Log
}

/** A running WhatsApp of our own. Accounts and phones live as long as it does. */
export interface Sandbox {
  /** Where a client connects: `ws://127.0.0.1:PORT/ws/chat`. */
  readonly url: string
  /** The control API, and its page: `http://127.0.0.1:PORT`. */
  readonly controlUrl: string
  /** Hex of the 32-byte key that a client must trust in place of the real service's. */
  readonly noiseRootKey: string
  /** Environment that points a gateway at it. */
  readonly environment: Readonly<Record<string, string>>
  /** Cuts all sockets and stops listening. */
  close(): Promise<void>
}

const webSocketPath = '/ws/chat'
const messageMaxBytes = 2 * frameMaxBytes
const scopeBytes = 8
const secondMs = 1000
/** Longer than a client keeps an idle connection: one that ends just when it sends a request fails the request. */
const keepAliveMs = 75_000

const listen = async (server: Server, port: number, host: string): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(port, host, () => resolve(undefined))
  await promise
  server.off('error', reject)
  return (server.address() as AddressInfo).port
}

const rejectUpgrade = (socket: Duplex, status: number): void => {
  const head = `HTTP/1.1 ${status} Sandbox\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
  socket.end(head, () => socket.destroy())
}

/**
 * Starts a simulated WhatsApp: a server for companions, and phones to link them to.
 *
 * @throws Error when the host is not a loopback address or the port is taken
 */
export const startSandbox = async (options: SandboxOptions): Promise<Sandbox> => {
  const { host = '127.0.0.1', port, clock = systemClock, log = () => undefined } = options
  if (!isLoopback(host)) throw new Error(`the sandbox listens on loopback addresses only, not on ${host}`)
  const entropy = createEntropy(options.seed)
  const scope = randomBytes(scopeBytes).toString('hex')
  const counters = createCounters()
  const faults = createFaults()
  const media = await startMediaHost({ host, entropy, counters, faults, log, now: () => clock.now() })
  const context: Context = {
    clock,
    log,
    entropy,
    counters,
    media,
    loginsByCompanion: new Map(),
    unknownIqs: new Map(),
    directory: createDirectory(entropy),
    groups: createGroups(entropy),
    faults,
    lost: new Set(),
    backlogHoldMs: options.backlogHoldMs,
    phone: (account) => phones.of(account),
    nowSeconds: () => Math.floor(clock.now() / secondMs),
    nextId: () => entropy.next('stanza', scopeBytes).toString('hex'),
  }
  const phones = createPhones(context, scope)
  const pairings = createPairings()
  const identity = createNoiseIdentity(entropy)
  const sockets = createSockets(context, pairings, identity)
  const noiseRootKey = identity.rootKey.toString('hex')
  const urls = { url: '', controlUrl: '' }
  const environment = (): Record<string, string> => ({
    WHATSAPP_URL: urls.url,
    WHATSAPP_NOISE_ROOT_KEY: noiseRootKey,
    WHATSAPP_MEDIA_CA: media.caFile,
  })

  const control = createControl({
    context,
    phones,
    pairings,
    sockets,
    config: () => environment(),
  })
  const answer = getRequestListener(control.fetch)
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => log('error', { error }, 'control request failed'))
  })
  server.keepAliveTimeout = keepAliveMs
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: messageMaxBytes,
    perMessageDeflate: false,
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => undefined)
    const path = (request.url ?? '').split('?')[0]
    if (path !== webSocketPath) return rejectUpgrade(socket, 404)
    const rejected = context.faults.consume('reject-upgrade')
    if (rejected !== undefined) {
      context.counters.upgradesRejected++
      return rejectUpgrade(socket, rejected.code ?? 503)
    }
    webSockets.handleUpgrade(request, socket, head, (accepted) => {
      sockets.accept(accepted, request.socket)
    })
  })

  const unmute = muteLibsignal()
  let boundPort: number
  try {
    boundPort = await listen(server, port, host)
  } catch (error) {
    unmute()
    await media.close()
    throw error
  }
  const authority = `${host === '::1' ? '[::1]' : host}:${boundPort}`
  urls.url = `ws://${authority}${webSocketPath}`
  urls.controlUrl = `http://${authority}`
  log('info', { ...urls }, 'sandbox started')

  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    sockets.closeAll()
    webSockets.close()
    server.closeAllConnections()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    server.close(() => resolve(undefined))
    await promise
    await Promise.all(phones.all.map((phone) => phone.idle()))
    await media.close()
    unmute()
    log('info', {}, 'sandbox stopped')
  }
  return {
    ...urls,
    noiseRootKey,
    environment: environment(),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
