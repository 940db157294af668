import type { Origin } from '../domain/audit.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import { cutOf, type Retention, sweptLogs } from '../domain/retention.ts'
import type { Clock } from '../runtime/clock.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { RetentionStore } from '../store/store.ts'

export interface RetentionSweeperOptions {
  readonly retention: RetentionStore
  readonly limits: Retention
  readonly clock: Clock
  /** The seat of the data folder; undefined while another connector has it. */
  readonly lease: () => Lease | undefined
  readonly origin: () => Origin
  readonly log: Log
  readonly everyMs?: number
}

const everyMsDefault = 10 * 60 * 1_000
/** So soon it looks again whether the seat is held. */
const seatPauseMs = 5_000
/** Rows of one transaction: neither this event loop nor the other process may be held up. */
const sweepRowsMax = 50
/** Between two transactions, so that the sweep of a large log leaves most of the time to others. */
const stepPauseMs = 20

/** Removes what is kept no longer, in small transactions. */
export const startRetentionSweeper = ({
  retention,
  limits,
  clock,
  lease,
  origin,
  log,
  everyMs = everyMsDefault,
}: RetentionSweeperOptions): { stop(): Promise<void> } => {
  const ended = new AbortController()

  const sweepLog = async (held: Lease, name: (typeof sweptLogs)[number]): Promise<void> => {
    const cut = cutOf(name, limits, clock.now())
    if (cut === null) return
    let removed = 0
    let cursor: string | null = null
    do {
      const input = { cut, limit: sweepRowsMax, cursor }
      const step = await retention.sweep(held, name, input, origin(), clock.now())
      removed += step.removed
      cursor = step.next
      if (cursor !== null) await sleep(stepPauseMs, ended.signal)
    } while (cursor !== null && !ended.signal.aborted)
    if (removed > 0) log.info({ log: name, removed }, 'what is kept no longer was removed')
  }

  const loop = startLoop({
    pollMs: everyMs,
    async tick() {
      const held = lease()
      if (held === undefined) return seatPauseMs
      for (const name of sweptLogs) if (!ended.signal.aborted) await sweepLog(held, name)
      return undefined
    },
    onError(error) {
      if (!(error instanceof StaleLeaseError)) log.error({ err: error }, 'old rows were not removed')
    },
  })
  return {
    stop() {
      ended.abort()
      return loop.stop()
    },
  }
}
