import type { Origin } from '../domain/audit.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import { retryWaitMaxMs } from '../domain/message.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { type Loop, startLoop } from '../runtime/loop.ts'
import type { InboundStore } from '../store/store.ts'

export interface GiveUpOptions {
  readonly inbound: Pick<InboundStore, 'giveUp'>
  /** The lease of the connector's seat; undefined while another has it. */
  readonly lease: () => Lease | undefined
  readonly clock: Clock
  readonly origin: () => Origin
  readonly log: Log
  readonly everyMs?: number
}

const everyMsDefault = 60_000
/** Of one transaction: it must not hold up the event loop. */
const batchMax = 200

/** Gives up messages that were asked for again and have not come in `retryWaitMaxMs`, of stopped devices too. */
export const startGiveUp = ({
  inbound,
  lease,
  clock,
  origin,
  log,
  everyMs = everyMsDefault,
}: GiveUpOptions): Loop =>
  startLoop({
    pollMs: everyMs,
    async tick() {
      const seat = lease()
      if (seat === undefined) return undefined
      const now = clock.now()
      const input = { before: now - retryWaitMaxMs, limit: batchMax }
      const count = await inbound.giveUp(seat, input, origin(), now)
      if (count > 0) log.info({ messages: count }, 'undecryptable messages given up')
      return count === batchMax ? 0 : undefined
    },
    onError(error) {
      // The next who has the seat does it.
      if (!(error instanceof StaleLeaseError))
        log.error({ err: error }, 'undecryptable messages not given up')
    },
  })
