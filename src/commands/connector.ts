import { readFile } from 'node:fs/promises'
import { UsageError, type Config } from '../config.ts'
import { startConnector } from '../connector/connector.ts'
import type { Limits } from '../domain/connection.ts'
import { assert } from '../domain/errors.ts'
import { createCheckRoom } from '../media/room.ts'
import { renderQr } from '../qr/render.ts'
import { systemClock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import { announceLife, watchDeaths } from '../runtime/liveness.ts'
import type { Log } from '../runtime/log.ts'
import { muteConsole } from '../whatsapp/mute.ts'
import { openBlobs } from './open-blobs.ts'
import { openData } from './open-data.ts'
import { type Service, stopAll } from './service.ts'

/** A connector that stalls for so long has lost its devices to another. */
const leaseTtlMs = 10_000

/** WhatsApp takes documents of 2 GB. */
const downloadBytesMax = 2 * 1024 ** 3
const secondMs = 1_000
const dayMs = 24 * 60 * 60 * secondMs
/**
 * A link counts as silent after half a keep-alive interval, and has a third of one to answer: with the default of 30 s
 * a frozen link is noticed within 25 s.
 */
const silenceParts = 2
const probeParts = 3

const limitsOf = ({ pairingTimeoutMs, whatsapp }: Config): Limits => ({
  pairingTimeoutMs,
  silenceMs: whatsapp.keepAliveMs / silenceParts,
  probeTimeoutMs: whatsapp.keepAliveMs / probeParts,
  openTimeoutMs: 45 * secondMs,
  pairedTimeoutMs: 30 * secondMs,
  unlinkTimeoutMs: 8 * secondMs,
  unlinkGiveUpMs: 7 * dayMs,
  backoff: { baseMs: secondMs, maxMs: 60 * secondMs },
  stableMs: secondMs,
  storeStableMs: 60 * secondMs,
  promptReconnectsMax: 3,
  replacedRetryMs: 30 * secondMs,
  replacedForgetMs: 5 * 60 * secondMs,
})

const readCa = async (file: string | undefined): Promise<string | undefined> => {
  if (file === undefined) return undefined
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError([
      `WHATSAPP_MEDIA_CA cannot be read: ${error instanceof Error ? error.message : file}`,
    ])
  }
}

/** Runs the connector on what `open` opens. Rejects with StoreError, StoreVersionError or UsageError. */
export const startConnectorService = async (
  config: Config,
  log: Log,
  open: typeof openData = openData,
): Promise<Service> => {
  muteConsole(log)
  const { url, noiseRootKey, version, qrTimeoutMs, keepAliveMs, mediaCaFile } = config.whatsapp
  const mediaCa = await readCa(mediaCaFile)
  const store = await open(config, log)
  const services: Service[] = [{ stop: () => store.close() }]
  try {
    const blobs = await openBlobs(config)
    const owner = newId('con', systemClock.now())
    const presence = await announceLife(config.dataDir, owner)
    services.push({ stop: () => presence.close() })
    const deaths = watchDeaths(config.dataDir, leaseTtlMs)
    services.push({ stop: async () => deaths.stop() })
    // A bundle does not keep the order of its own imports: this must have been loaded before Baileys.
    await import('../whatsapp/bounded-inflate.ts')
    // Only now: what Baileys imports writes to the console while it loads.
    const { createWhatsApp, isInflateBounded } = await import('../whatsapp/baileys.ts')
    assert(await isInflateBounded(), 'Baileys was loaded before its inflate was bounded')
    const whatsapp = await createWhatsApp({
      store,
      clock: systemClock,
      log,
      options: {
        ...(url === undefined ? {} : { url }),
        ...(noiseRootKey === undefined ? {} : { noiseRootKey: Buffer.from(noiseRootKey, 'hex') }),
        ...(mediaCa === undefined ? {} : { mediaCa }),
        ...(version === undefined ? {} : { version }),
        ...(qrTimeoutMs === undefined ? {} : { qrTimeoutMs }),
        keepAliveMs,
      },
    })
    services.push(
      startConnector({
        owner,
        store,
        whatsapp,
        clock: systemClock,
        random: Math.random,
        limits: limitsOf(config),
        loginsMax: config.whatsapp.loginsMax,
        media: {
          ...config.media,
          blobs,
          bytesMax: downloadBytesMax,
          checkRoom: createCheckRoom(config.dataDir, config.diskReserveBytes),
        },
        retention: config.retention,
        leaseTtlMs,
        renderQr: (text) => renderQr(text, 'data-url'),
        isDead: (other) => deaths.isDead(other),
        log,
      }),
    )
    return { stop: () => stopAll(services) }
  } catch (error) {
    await stopAll(services)
    throw error
  }
}
