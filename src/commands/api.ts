import type { Config } from '../config.ts'
import { startIndexer } from '../control/search-indexer.ts'
import { createEventFeed } from '../control/event-feed.ts'
import { createLogFollower } from '../control/log-follower.ts'
import { createWatcher } from '../control/watch.ts'
import { newWhatsappId } from '../control/whatsapp-id.ts'
import { encodeText } from '../domain/content.ts'
import { createApp } from '../http/app.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { startDispatcherService } from './dispatcher.ts'
import { createMediaIn } from './media-in.ts'
import { listen } from './listen.ts'
import { openBlobs } from './open-blobs.ts'
import { openData } from './open-data.ts'
import { type Service, stopAll } from './service.ts'
import { version } from './version.ts'
import { createWebhookUrlProblem } from './webhook-urls.ts'

/** A DELETE waits so long for WhatsApp's word before it answers that the rest follows later. */
const removeWaitMs = 10_000
const pairingCodeWaitMs = 20_000
/** The dispatcher gives an endpoint 15 s to answer, and may look for the test a little later. */
const webhookTestWaitMs = 20_000

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
        waits: { sendWaitMs: config.sendWaitMs, removeWaitMs, pairingCodeWaitMs, webhookTestWaitMs },
        watcher,
        feed,
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
    const server = await listen((request, bindings) => app.fetch(request, bindings), config)
    services.push({
      async stop() {
        feed.close()
        await server.stop()
      },
    })
    const host = config.host.includes(':') ? `[${config.host}]` : config.host
    const url = `http://${host}:${server.port}`
    services.push(await startDispatcherService({ config, url, store, blobs }, log))
    log.info({ url, dataDir: config.dataDir }, `🚀 WhatsApp API gateway running on ${url}`)
    return { url, stop: () => stopAll(services) }
  } catch (error) {
    await stopAll(services)
    throw error
  }
}
