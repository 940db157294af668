import { statfsSync } from 'node:fs'
import type { Clock } from '../../runtime/clock.ts'
import { StoreError } from '../store.ts'

/** Free space is asked for this often at most. */
const lookEveryMs = 250
const mib = 1024 * 1024

/** Throws StoreError `full` while the disk has less free space than the reserve, by a look of its own when it is `fresh`. */
export type CheckRoom = (fresh?: boolean) => void

/**
 * Keeps a part of the disk for what must still be written when nothing new is accepted any more: the outcome of messages
 * that are on their way, receipts, what phones write, leases. Where the free space cannot be told, there is room.
 */
export const createRoom = (folder: string, reserveBytes: number, clock: Clock): CheckRoom => {
  let lookedAt = Number.NEGATIVE_INFINITY
  let freeBytes = Number.POSITIVE_INFINITY
  const look = (): number => {
    try {
      const { bavail, bsize } = statfsSync(folder)
      return bavail * bsize
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }
  return (fresh = false) => {
    const now = clock.monotonic()
    if (fresh || now - lookedAt >= lookEveryMs) {
      lookedAt = now
      freeBytes = look()
    }
    if (freeBytes >= reserveBytes) return
    const [free, reserve] = [freeBytes, reserveBytes].map((bytes) => Math.floor(bytes / mib))
    throw new StoreError(
      'full',
      `the disk of the data folder has ${free} MiB left, and the last ${reserve} are kept`,
    )
  }
}
