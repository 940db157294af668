import type { Origin } from '../domain/audit.ts'
import type { Lease } from '../domain/lease.ts'
import type { Cut, SweptLog } from '../domain/retention.ts'

/** One transaction of a pass. */
export interface SweepStep {
  /** Rows that went. */
  readonly removed: number
  /** Give it back to go on; null when the pass is over. */
  readonly next: string | null
}

/** Takes away what is kept no longer. See store.ts for what holds for all verbs. */
export interface RetentionStore {
  /**
   * Removes some of what a log has beyond the cut, oldest first, `limit` rows at most. What is not settled stays, and so does
   * what it needs. A pass that has removed something ends with an audit entry that tells of all of it, also of what went
   * before a crash.
   */
  sweep(
    lease: Lease,
    log: SweptLog,
    input: { readonly cut: Cut; readonly limit: number; readonly cursor: string | null },
    origin: Origin,
    now: number,
  ): Promise<SweepStep>
}
