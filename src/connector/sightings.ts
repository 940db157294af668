import type { Sighting } from '../domain/event.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { EventStore } from '../store/store.ts'
import { createPresenceFilter } from './presence-filter.ts'

/** Sightings of one device that may wait for the store; beyond that the oldest of who is there and who types give way. */
export const sightingsWaitingMax = 1_000
/** However few of those there are: beyond this the oldest of all give way. */
export const sightingsHeldMax = 10_000
/** Written in one transaction. */
export const sightingsBatchMax = 200

export interface SightingsOptions {
  readonly events: Pick<EventStore, 'note'>
  readonly deviceId: string
  readonly lease: Lease
  readonly clock: Clock
  /** Follows a write, which may be the first to hear that the lease is gone. */
  readonly underLease: (write: Promise<unknown>) => Promise<void>
  readonly log: Log
}

export interface Sightings {
  /** Never throws, and waits for nothing. */
  readonly note: (seen: readonly Sighting[]) => void
  /** Resolves when what waits is written, or cannot be. */
  readonly stop: () => Promise<void>
}

/**
 * Writes what is seen on an account, in its order; what comes while the store is busy shares the next write. They are no
 * promises: one that cannot be written is logged and forgotten.
 */
export const createSightings = (options: SightingsOptions): Sightings => {
  const { events, deviceId, lease, clock, underLease, log } = options
  const presences = createPresenceFilter(() => clock.monotonic())
  const waiting: Sighting[] = []
  let writing: Promise<void> | undefined
  let gone = 0
  let over = false

  const makeRoom = (): void => {
    while (waiting.length > sightingsWaitingMax) {
      const presence = waiting.findIndex(({ type }) => type === 'presence.updated')
      if (presence < 0 && waiting.length <= sightingsHeldMax) return
      waiting.splice(Math.max(presence, 0), 1)
      gone += 1
    }
  }

  const write = async (): Promise<void> => {
    // Those that come in this turn of the event loop go with it.
    await Promise.resolve()
    while (waiting.length > 0 && !over) {
      if (gone > 0) {
        log.warn({ device: deviceId, dropped: gone }, 'too much was seen at once, the oldest was not noted')
        gone = 0
      }
      const batch = waiting.splice(0, sightingsBatchMax)
      try {
        await underLease(events.note(lease, deviceId, batch, clock.now()))
      } catch (error) {
        if (error instanceof StaleLeaseError) over = true
        log.error({ device: deviceId, lost: batch.length, err: error }, 'what was seen was not noted')
      }
    }
    writing = undefined
  }

  return {
    note(seen) {
      if (over) return
      waiting.push(...seen.filter((sighting) => presences.isNews(sighting)))
      makeRoom()
      if (waiting.length > 0) writing ??= write()
    },
    async stop() {
      await writing
      over = true
    },
  }
}
