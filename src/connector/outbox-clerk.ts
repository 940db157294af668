import type { Origin } from '../domain/audit.ts'
import type { Lease } from '../domain/lease.ts'
import type { Clock } from '../runtime/clock.ts'
import { type Loop, startLoop } from '../runtime/loop.ts'
import type { BulkStore, ScheduleStore } from '../store/store.ts'

export interface OutboxClerkOptions {
  readonly schedule: Pick<ScheduleStore, 'advance'>
  readonly bulks: Pick<BulkStore, 'feed'>
  /** The connector's seat, while it has it: only one may put messages into line. */
  readonly seat: () => Lease | undefined
  readonly clock: Clock
  readonly origin: () => Origin
  readonly onError: (error: unknown) => void
}

/** What comes due wakes it; this is for what was scheduled meanwhile, and for a clock that was set. */
const pollMs = 1_000
/** Messages that one transaction moves: it must not hold up the event loop. */
const batchMax = 100
/** While messages of a bulk leave, others follow as soon as that. */
const feedPauseMs = 100

/**
 * Puts messages of all devices into line when their time has come, gives up those whose time has run out, and feeds the
 * outbox from the bulks.
 */
export const startOutboxClerk = ({
  schedule,
  bulks,
  seat,
  clock,
  origin,
  onError,
}: OutboxClerkOptions): Loop =>
  startLoop({
    pollMs,
    async tick() {
      const lease = seat()
      if (lease === undefined) return undefined
      const next = await schedule.advance(lease, batchMax, origin(), clock.now())
      const fed = await bulks.feed(lease, origin(), clock.now())
      const pauseMs = fed > 0 ? feedPauseMs : undefined
      if (next === null) return pauseMs
      return Math.min(pauseMs ?? pollMs, Math.max(0, next - clock.now()))
    },
    onError,
  })
