import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { type Loop, startLoop } from '../runtime/loop.ts'
import type { AuditStore } from '../store/store.ts'

export interface AuditClerkOptions {
  readonly audit: Pick<AuditStore, 'checkpoint'>
  /** The lease of the connector's seat; undefined while another has it. */
  readonly lease: () => Lease | undefined
  readonly clock: Clock
  readonly log: Log
  readonly pollMs?: number
}

export const checkpointEveryMs = 24 * 60 * 60 * 1_000
const pollMsDefault = 60_000
/** So soon it looks again whether the seat is held. */
const seatPauseMs = 1_000

/**
 * Writes down each day where the chain of audit entries stands, in the database and in the log: whoever cuts the chain off, or
 * writes it anew, does not reach the log. The first time when the seat is taken.
 */
export const startAuditClerk = ({
  audit,
  lease,
  clock,
  log,
  pollMs = pollMsDefault,
}: AuditClerkOptions): Loop => {
  let hasBegun = false
  return startLoop({
    pollMs,
    async tick() {
      const seat = lease()
      if (seat === undefined) {
        hasBegun = false
        return seatPauseMs
      }
      const checkpoint = await audit.checkpoint(seat, hasBegun ? checkpointEveryMs : 0, clock.now())
      hasBegun = true
      if (checkpoint !== undefined) {
        const { seq, count, hash } = checkpoint
        log.info({ seq, count, hash }, 'audit checkpoint')
      }
      return undefined
    },
    onError(error) {
      if (!(error instanceof StaleLeaseError)) log.error({ err: error }, 'no audit checkpoint was written')
    },
  })
}
