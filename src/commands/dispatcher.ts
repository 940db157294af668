import path from 'node:path'
import type { Config } from '../config.ts'
import type { BlobStore } from '../media/blobs.ts'
import { systemClock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import { announceLife, watchDeaths } from '../runtime/liveness.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../store/store.ts'
import { startDispatcher } from '../webhooks/dispatcher.ts'
import { createPoster } from '../webhooks/post.ts'
import { type Service, stopAll } from './service.ts'
import { version } from './version.ts'
import { createWebhookGuard } from './webhook-urls.ts'

/** A process that stalls for so long leaves the webhooks to another. */
const leaseTtlMs = 10_000

/** Brings events to webhook endpoints. `url`: where the API listens. */
export const startDispatcherService = async (
  { config, url, store, blobs }: { config: Config; url: string; store: Store; blobs: BlobStore },
  log: Log,
): Promise<Service> => {
  const owner = newId('dsp', systemClock.now())
  const presence = await announceLife(config.dataDir, owner)
  const services: Service[] = [{ stop: () => presence.close() }]
  const deaths = watchDeaths(config.dataDir, leaseTtlMs)
  services.push({ stop: async () => deaths.stop() })
  services.push(
    startDispatcher({
      owner,
      store,
      blobs,
      mediaFolder: config.media.s3 === undefined ? path.join(config.dataDir, 'media') : undefined,
      publicUrl: config.publicUrl ?? url,
      poster: createPoster({ guard: createWebhookGuard(config), clock: systemClock }),
      clock: systemClock,
      random: Math.random,
      attemptDelaysMs: config.webhooks.attemptDelaysMs,
      leaseTtlMs,
      isDead: (other) => deaths.isDead(other),
      userAgent: `whatsapp-api-gateway/${version}`,
      log,
    }),
  )
  return { stop: () => stopAll(services) }
}
