import { type Server, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Config } from '../config.ts'
import { startIndexer } from '../control/search-indexer.ts'
import { createEventFeed } from '../control/event-feed.ts'
import { createLogFollower } from '../control/log-follower.ts'
import { createWatcher } from '../control/watch.ts'
import { newWhatsappId } from '../control/whatsapp-id.ts'
import { encodeText } from '../domain/content.ts'
import { createApp } from '../http/app.ts'
import { answerUnreadable, createHttpServer } from '../http/malformed.ts'
import { eventsSocketPath } from '../http/routes/events.ts'
import { acceptUpgrades, asksForSocket, type Fetch, type Upgrades } from '../http/upgrade.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { newId } from '../runtime/ids.ts'
import { createMediaIn } from './media-in.ts'
import { openBlobs } from './open-blobs.ts'
import { openData } from './open-data.ts'
import { ListenError, type Service, stopAll } from './service.ts'
import { version } from './version.ts'

/** A DELETE waits so long for WhatsApp's word before it answers that the rest follows later. */
const removeWaitMs = 10_000
const pairingCodeWaitMs = 20_000
/** Open requests have this long to end when the server stops. */
const closeMs = 3_000

interface Listening {
  readonly server: Server
  readonly upgrades: Upgrades
}

const listen = (fetch: Fetch, host: string, port: number): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const requestId = (): string => newId('req', systemClock.now())
    const answer = getRequestListener(
      (request, { outgoing }) => fetch(request, outgoing instanceof ServerResponse ? { outgoing } : {}),
      {
        hostname: host,
        errorHandler: (error) => answerUnreadable(error, requestId),
      },
    )
    const server = createHttpServer(
      (request, response) => void answer(request, response),
      requestId,
      asksForSocket(eventsSocketPath),
    )
    const upgrades = acceptUpgrades(server, fetch, requestId)
    server.listen(port, host, () => resolve({ server, upgrades }))
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${port} on ${host} is in use: stop what uses it, or set PORT to another one`
          : `cannot listen on ${host}:${port}: ${error.message}`
      reject(new ListenError(why, { cause: error }))
    })
  })

const closeServer = async ({ server, upgrades }: Listening): Promise<void> => {
  const closed = new Promise<void>((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), closeMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
  await Promise.all([closed, upgrades.stop()])
}

/** Runs the HTTP API. Rejects with ListenError, StoreError or StoreVersionError. */
export const startApi = async (config: Config, log: Log): Promise<Service & { readonly url: string }> => {
  const store = await openData(config, log)
  const services: Service[] = [{ stop: () => store.close() }]
  try {
    const blobs = await openBlobs(config)
    const follower = createLogFollower({
      store,
      onError: (error) => log.error({ err: error }, 'event watch failed'),
    })
    const watcher = createWatcher({ follower, clock: systemClock })
    const feed = createEventFeed({ store, follower, clock: systemClock })
    services.push({
      async stop() {
        watcher.close()
        await follower.close()
      },
    })
    services.push(startIndexer({ store, onError: (error) => log.warn({ err: error }, 'indexing failed') }))
    const app = createApp({
      control: {
        store,
        clock: systemClock,
        waits: { sendWaitMs: config.sendWaitMs, removeWaitMs, pairingCodeWaitMs },
        watcher,
        feed,
        newWhatsappId,
        encodeText,
        blobs,
        // WAProto is as large as all the rest of this process: it is loaded for those who ask.
        decodeContent: async (content) => (await import('../whatsapp/content/raw.ts')).rawContent(content),
        mediaIn: createMediaIn(config, blobs),
      },
      log,
      version,
    })
    const listening = await listen(
      (request, bindings) => app.fetch(request, bindings),
      config.host,
      config.port,
    )
    services.push({
      async stop() {
        feed.close()
        await closeServer(listening)
      },
    })
    const address = listening.server.address()
    const port = typeof address === 'object' && address !== null ? address.port : config.port
    const host = config.host.includes(':') ? `[${config.host}]` : config.host
    const url = `http://${host}:${port}`
    log.info({ url, dataDir: config.dataDir }, `🚀 WhatsApp API gateway running on ${url}`)
    return { url, stop: () => stopAll(services) }
  } catch (error) {
    await stopAll(services)
    throw error
  }
}
