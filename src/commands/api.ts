import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Config } from '../config.ts'
import { startIndexer } from '../control/search-indexer.ts'
import { createWatcher } from '../control/watch.ts'
import { newWhatsappId } from '../control/whatsapp-id.ts'
import { encodeText } from '../domain/content.ts'
import { createApp } from '../http/app.ts'
import { answerUnreadable, createHttpServer } from '../http/malformed.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { newId } from '../runtime/ids.ts'
import { startDispatcherService } from './dispatcher.ts'
import { createMediaIn } from './media-in.ts'
import { openBlobs } from './open-blobs.ts'
import { openData } from './open-data.ts'
import { ListenError, type Service, stopAll } from './service.ts'
import { version } from './version.ts'
import { createWebhookUrlProblem } from './webhook-urls.ts'

/** A DELETE waits so long for WhatsApp's word before it answers that the rest follows later. */
const removeWaitMs = 10_000
const pairingCodeWaitMs = 20_000
/** The dispatcher gives an endpoint 15 s to answer, and may look for the test a little later. */
const webhookTestWaitMs = 20_000
/** Open requests have this long to end when the server stops. */
const closeMs = 3_000

const listen = (
  fetch: Parameters<typeof getRequestListener>[0],
  host: string,
  port: number,
): Promise<Server> =>
  new Promise((resolve, reject) => {
    const requestId = (): string => newId('req', systemClock.now())
    const answer = getRequestListener(fetch, {
      hostname: host,
      errorHandler: (error) => answerUnreadable(error, requestId),
    })
    const server = createHttpServer((request, response) => void answer(request, response), requestId)
    server.listen(port, host, () => resolve(server))
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${port} on ${host} is in use: stop what uses it, or set PORT to another one`
          : `cannot listen on ${host}:${port}: ${error.message}`
      reject(new ListenError(why, { cause: error }))
    })
  })

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    const cut = setTimeout(() => {
      if ('closeAllConnections' in server) server.closeAllConnections()
    }, closeMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    if ('closeIdleConnections' in server) server.closeIdleConnections()
  })

/** Runs the HTTP API. Rejects with ListenError, StoreError or StoreVersionError. */
export const startApi = async (config: Config, log: Log): Promise<Service & { readonly url: string }> => {
  const store = await openData(config, log)
  const services: Service[] = [{ stop: () => store.close() }]
  try {
    const blobs = await openBlobs(config)
    const watcher = createWatcher({
      store,
      clock: systemClock,
      onError: (error) => log.error({ err: error }, 'event watch failed'),
    })
    services.push({ stop: () => watcher.close() })
    services.push(startIndexer({ store, onError: (error) => log.warn({ err: error }, 'indexing failed') }))
    const app = createApp({
      control: {
        store,
        clock: systemClock,
        waits: { sendWaitMs: config.sendWaitMs, removeWaitMs, pairingCodeWaitMs, webhookTestWaitMs },
        watcher,
        newWhatsappId,
        encodeText,
        blobs,
        // WAProto is as large as all the rest of this process: it is loaded for those who ask.
        decodeContent: async (content) => (await import('../whatsapp/content/raw.ts')).rawContent(content),
        mediaIn: createMediaIn(config, blobs),
        webhookUrlProblem: createWebhookUrlProblem(config),
      },
      log,
      version,
    })
    const server = await listen((request, env) => app.fetch(request, env), config.host, config.port)
    services.push({ stop: () => closeServer(server) })
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : config.port
    const host = config.host.includes(':') ? `[${config.host}]` : config.host
    const url = `http://${host}:${port}`
    services.push(await startDispatcherService({ config, url, store, blobs }, log))
    log.info({ url, dataDir: config.dataDir }, `🚀 WhatsApp API gateway running on ${url}`)
    return { url, stop: () => stopAll(services) }
  } catch (error) {
    await stopAll(services)
    throw error
  }
}
