import type { Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import type { Lease } from '../domain/lease.ts'
import type { AutoFetch } from '../domain/media-fetch.ts'
import type { BlobStore } from '../media/blobs.ts'
import type { CheckRoom } from '../media/room.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Turns } from '../runtime/turns.ts'
import type { Store } from '../store/store.ts'
import type { WhatsAppSocket } from '../whatsapp/socket.ts'
import { startMediaFetcher } from './media-fetcher.ts'
import { startOperations } from './operations.ts'
import { type OutboxSenderOptions, startOutboxSender } from './outbox-sender.ts'
import { createPrepare } from './prepare.ts'
import { createUploads, uploadKeptMs } from './uploads.ts'

/** What is shared by all devices of a process for the files of messages. */
export interface MediaDeps {
  readonly blobs: BlobStore
  readonly uploads: Turns
  readonly downloads: Turns
  readonly autoFetch: AutoFetch
  /** The longest that a file that comes may be. */
  readonly bytesMax: number
  /** Of the disk that files are made on, whether they come or go. */
  readonly checkRoom: CheckRoom
}

export interface TrafficOptions {
  readonly store: Store
  readonly media: MediaDeps
  readonly limits: OutboxSenderOptions['limits']
  readonly deviceId: string
  readonly lease: Lease
  readonly isHeld: () => boolean
  readonly socket: WhatsAppSocket
  /** The phone-number JID that the socket is logged in as. */
  readonly ownAddress: string
  readonly clock: Clock
  readonly random: Random
  readonly origin: () => Origin
  readonly onLost: () => void
  readonly log: Log
}

/** What goes over a connection while it is open, and only then. */
export interface Traffic {
  pokeOutbox(): void
  pokeMedia(): void
  pokeOperations(): void
  /** Begins nothing more; resolves when the outcomes of what is under way are written. */
  stop(): Promise<void>
}

export const startTraffic = ({ media, ownAddress, ...common }: TrafficOptions): Traffic => {
  const { store, deviceId, lease, socket, clock, origin, log } = common
  const { blobs, checkRoom, bytesMax, uploads: turns } = media
  const upload = createUploads({
    media: store.media,
    blobs,
    socket,
    deviceId,
    lease,
    clock,
    turns,
    checkRoom,
  })
  const askFor = async (id: string): Promise<void> => {
    await store.media.fetch(id, false, origin(), clock.now())
    fetcher.poke()
  }
  const outbox = startOutboxSender({
    ...common,
    outbox: store.outbox,
    pacing: store.pacing,
    prepare: createPrepare({ store, socket, upload, askFor }),
    ownAddress,
  })
  const operations = startOperations(common)
  const fetcher = startMediaFetcher({ ...common, blobs, checkRoom, turns: media.downloads, bytesMax })
  store.media
    .forgetUploads(deviceId, clock.now() - uploadKeptMs)
    .catch((error: unknown) => log.warn({ device: deviceId, err: error }, 'old uploads were not forgotten'))
  return {
    pokeOutbox: () => outbox.poke(),
    pokeMedia: () => fetcher.poke(),
    pokeOperations: () => operations.poke(),
    stop: async () => {
      await Promise.all([outbox.stop(), fetcher.stop(), operations.stop()])
    },
  }
}
