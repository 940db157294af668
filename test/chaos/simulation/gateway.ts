/** The processes of one gateway: two connectors, of which one waits for the other's seat, and two APIs. All can die. */
import { startConnector } from '../../../src/connector/connector.ts'
import type { ControlContext } from '../../../src/control/context.ts'
import { createEventFeed } from '../../../src/control/event-feed.ts'
import { createLogFollower } from '../../../src/control/log-follower.ts'
import { createWatcher } from '../../../src/control/watch.ts'
import { encodeText } from '../../../src/domain/content.ts'
import type { Limits } from '../../../src/domain/connection.ts'
import type { Log } from '../../../src/runtime/log.ts'
import { rawContent } from '../../../src/whatsapp/content/raw.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Party } from './event-loop.ts'
import type { Frame } from './frame.ts'
import { createPort, type PortDefects } from './port.ts'
import type { Server } from './server.ts'
import { createStoreEdge, type Refusals, type Witness } from './store-edge.ts'
import { memoryBlobs } from '../../media/memory-blobs.ts'

const secondMs = 1_000
export const leaseTtlMs = 6 * secondMs

const limits: Limits = {
  pairingTimeoutMs: 120 * secondMs,
  silenceMs: 8 * secondMs,
  probeTimeoutMs: 5 * secondMs,
  openTimeoutMs: 20 * secondMs,
  pairedTimeoutMs: 15 * secondMs,
  unlinkTimeoutMs: 8 * secondMs,
  unlinkGiveUpMs: 24 * 60 * 60 * secondMs,
  backoff: { baseMs: secondMs, maxMs: 20 * secondMs },
  stableMs: secondMs,
  storeStableMs: 5 * secondMs,
  promptReconnectsMax: 3,
  replacedRetryMs: 10 * secondMs,
  replacedForgetMs: 30 * secondMs,
}

/**
 * How long a device may be shown `connected` though no session is there: the silence, the probe, and a process that
 * stands still before each of them, but no longer than its lease lasts.
 */
export const falseMaxMs = limits.silenceMs + limits.probeTimeoutMs + 2 * leaseTtlMs + 6 * secondMs

export interface Api {
  readonly party: Party
  readonly context: ControlContext
  /** Calls that wait for an answer: they hear it when the process dies. */
  readonly calls: Set<() => void>
}

export interface Gateway {
  readonly connectors: readonly Party[]
  readonly apis: readonly Api[]
  isAlive(owner: string): boolean
  kill(party: Party): void
  /** The processes that are missing come back. */
  startMissing(): void
}

export interface GatewayOptions {
  readonly frame: Frame
  readonly store: Store
  readonly server: Server
  readonly witness: Witness
  readonly refusals: Refusals
  readonly port: PortDefects
  readonly allDead: boolean
}

const connectorsWanted = 2
const apisWanted = 2

export const createGateway = (options: GatewayOptions): Gateway => {
  const { frame, server } = options
  const { loop } = frame
  const luck = frame.random.fork('gateway')
  const connectors = new Map<string, Party>()
  const apis = new Map<string, Api>()
  let started = 0
  let messages = 0

  const logOf = (party: Party): Log => {
    const write =
      (level: string) =>
      (fields: Readonly<Record<string, unknown>>, text: string): void => {
        const { err } = fields
        const why = err instanceof Error ? `: ${err.name} ${err.message}` : ''
        frame.note(party.name, `${level}: ${text}${why}`)
        if (err instanceof TypeError || (err instanceof Error && err.name === 'AssertionError')) {
          frame.violate(`${party.name} logged ${err.stack}`)
        }
      }
    const log: Log = {
      debug: () => undefined,
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => log,
    }
    return log
  }

  const startConnectorProcess = (): void => {
    const party = loop.party(`con_${++started}`)
    connectors.set(party.name, party)
    const chance = frame.random.fork(`luck of ${party.name}`)
    const store = createStoreEdge({ ...options, process: party })
    loop.as(party, () =>
      startConnector({
        owner: party.name,
        store,
        whatsapp: createPort({ frame, server, store, process: party, defects: options.port }),
        clock: frame.clock,
        random: () => chance.next(),
        limits,
        leaseTtlMs,
        loginsMax: 2,
        media: {
          blobs: memoryBlobs(''),
          autoFetch: { kinds: new Set(), bytesMax: 0 },
          bytesMax: 1_000,
          checkRoom: async () => undefined,
          retentionMs: null,
          quotaBytes: null,
        },
        renderQr: (text) => Promise.resolve(`data:${text}`),
        isDead: (owner) => Promise.resolve(options.allDead || !isAlive(owner)),
        log: logOf(party),
      }),
    )
  }

  const startApi = (): void => {
    const party = loop.party(`api_${++started}`)
    const store = createStoreEdge({ ...options, process: party })
    const log = logOf(party)
    const follower = createLogFollower({ store, onError: (err) => log.error({ err }, 'event watch failed') })
    const context: ControlContext = {
      store,
      clock: frame.clock,
      waits: {
        sendWaitMs: luck.pick([0, 1_000, 5_000]),
        removeWaitMs: 3_000,
        pairingCodeWaitMs: 3_000,
        webhookTestWaitMs: 3_000,
      },
      watcher: createWatcher({ follower, clock: frame.clock }),
      feed: createEventFeed({ store, follower, clock: frame.clock }),
      newWhatsappId: () => `M${++messages}`,
      encodeText,
      blobs: memoryBlobs(''),
      decodeContent: async (content) => rawContent(content),
      mediaIn: {
        accept: () => Promise.reject(new Error('nobody sends files here')),
        previewLink: undefined,
      },
      origin: { actor: { kind: 'api' }, requestId: party.name },
    }
    apis.set(party.name, { party, context, calls: new Set() })
  }

  const isAlive = (owner: string): boolean => connectors.has(owner)

  const startMissing = (): void => {
    while (connectors.size < connectorsWanted) startConnectorProcess()
    while (apis.size < apisWanted) startApi()
  }
  startMissing()

  return {
    get connectors() {
      return [...connectors.values()]
    },
    get apis() {
      return [...apis.values()]
    },
    isAlive,
    kill(party) {
      frame.note(party.name, 'killed')
      loop.kill(party)
      connectors.delete(party.name)
      const calls = apis.get(party.name)?.calls ?? []
      apis.delete(party.name)
      for (const reset of calls) reset()
      for (const session of server.sessions) if (session.who === party.name) server.hangUp(session)
    },
    startMissing,
  }
}
