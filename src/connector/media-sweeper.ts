import type { Origin } from '../domain/audit.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import type { BlobStore } from '../media/blobs.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { MediaStore } from '../store/store.ts'

export interface MediaLimits {
  /** Files are removed when they were stored so long ago; null: never. */
  readonly retentionMs: number | null
  /** The oldest files are removed when all take more; null: no limit. */
  readonly quotaBytes: number | null
}

export interface MediaSweeperOptions extends MediaLimits {
  readonly media: MediaStore
  readonly blobs: BlobStore
  readonly clock: Clock
  /** The seat of the data folder; undefined while another connector has it. */
  readonly lease: () => Lease | undefined
  readonly origin: () => Origin
  readonly log: Log
}

const sweepEveryMs = 10 * 60 * 1_000
/** So soon it looks again whether the seat is held. */
const seatPauseMs = 5_000
/** One that was put so recently may belong to a file that is being written down at this moment. */
export const putGraceMs = 10 * 60 * 1_000
const batchSize = 200

/** Removes files whose time is up, those beyond the quota, and bytes that no file needs. */
export const createSweep = (options: Omit<MediaSweeperOptions, 'lease'>) => {
  const { media, blobs, clock, origin, retentionMs, quotaBytes, log } = options

  const expire = async (lease: Lease, retention: number): Promise<number> => {
    for (let removed = 0; ; ) {
      const now = clock.now()
      const batch = await media.removeOldest(
        lease,
        { before: now - retention, limit: batchSize },
        origin(),
        now,
      )
      removed += batch.length
      if (batch.length < batchSize) return removed
    }
  }

  /** Removes the bytes that no stored file has; resolves with how many bytes are left. */
  const collect = async (): Promise<number> => {
    let used = 0
    let batch: { readonly sha256: string; readonly bytes: number }[] = []
    const flush = async (): Promise<void> => {
      const kept = await media.kept(batch.map(({ sha256 }) => sha256))
      const putBefore = clock.now() - putGraceMs
      for (const { sha256, bytes } of batch) {
        if (kept.has(sha256)) used += bytes
        else await blobs.remove(sha256, putBefore)
      }
      batch = []
    }
    for await (const blob of blobs.list()) {
      batch.push(blob)
      if (batch.length === batchSize) await flush()
    }
    await flush()
    return used
  }

  /** Oldest first, until the rest fits. Resolves with how many files went. */
  const shrink = async (lease: Lease, before: number, quota: number): Promise<number> => {
    let used = before
    for (let removed = 0; ; ) {
      if (used <= quota) return removed
      const now = clock.now()
      const files = await media.removeOldest(
        lease,
        { before: now - putGraceMs, limit: batchSize, bytes: used - quota },
        origin(),
        now,
      )
      if (files.length === 0) {
        log.warn({ used, quota }, 'media takes more than its quota, and all of it is new or needed')
        return removed
      }
      removed += files.length
      const hashes = new Map(files.map(({ sha256, bytes }) => [sha256, bytes]))
      const kept = await media.kept([...hashes.keys()])
      for (const [sha256, bytes] of hashes) {
        if (kept.has(sha256)) continue
        await blobs.remove(sha256, now - putGraceMs)
        used -= bytes
      }
    }
  }

  return async (lease: Lease): Promise<void> => {
    await blobs.sweepSpool(clock.now())
    const expired = retentionMs === null ? 0 : await expire(lease, retentionMs)
    const used = await collect()
    const crowded = quotaBytes === null ? 0 : await shrink(lease, used, quotaBytes)
    if (expired + crowded > 0) log.info({ expired, crowded }, 'media was removed')
  }
}

export const startMediaSweeper = ({ lease, ...options }: MediaSweeperOptions): { stop(): Promise<void> } => {
  const sweep = createSweep(options)
  const { log } = options
  return startLoop({
    pollMs: sweepEveryMs,
    async tick() {
      const held = lease()
      if (held === undefined) return seatPauseMs
      await sweep(held)
      return undefined
    },
    onError(error) {
      if (!(error instanceof StaleLeaseError)) log.error({ err: error }, 'media was not swept')
    },
  })
}
