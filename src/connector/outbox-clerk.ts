import type { Origin } from '../domain/audit.ts'
import type { Lease } from '../domain/lease.ts'
import type { Clock } from '../runtime/clock.ts'
import { type Loop, startLoop } from '../runtime/loop.ts'
import type { ScheduleStore } from '../store/store.ts'

export interface OutboxClerkOptions {
  readonly schedule: Pick<ScheduleStore, 'advance'>
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

/** Puts messages of all devices into line when their time has come, and gives up those whose time has run out. */
export const startOutboxClerk = ({ schedule, seat, clock, origin, onError }: OutboxClerkOptions): Loop =>
  startLoop({
    pollMs,
    async tick() {
      const lease = seat()
      if (lease === undefined) return undefined
      const next = await schedule.advance(lease, batchMax, origin(), clock.now())
      return next === null ? undefined : Math.max(0, next - clock.now())
    },
    onError,
  })
