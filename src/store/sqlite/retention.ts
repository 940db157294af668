import { iso } from '../../domain/iso.ts'
import type { Cut, SweptLog } from '../../domain/retention.ts'
import type { RetentionStore } from '../retention-store.ts'
import { audited, unaudited } from './accounted.ts'
import type { SettleDelivery } from './delivery-settling.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import type { MessageRemoval } from './message-removal.ts'
import { createMetaRows } from './meta-rows.ts'
import { createSweepEvents } from './retention-events.ts'
import {
  createSweepAudit,
  createSweepBulks,
  createSweepDeliveries,
  createSweepHistory,
  createSweepNumbers,
  createSweepOperations,
} from './retention-logs.ts'
import { createSweepMessages } from './retention-messages.ts'
import type { Db } from './statements.ts'
import type { Tracer } from './trace.ts'

/** Removes some rows of a log inside a transaction; `until` is the time of the newest of them. */
export type SweepLog = (
  input: Cut & { readonly limit: number; readonly cursor: string | null; readonly now: number },
) => { readonly removed: number; readonly until: number | null; readonly next: string | null }

/** What a pass that is not over has removed: the entry at its end tells of that, whatever comes between. */
interface Progress {
  readonly removed: number
  readonly until: number | null
}

const nothing: Progress = { removed: 0, until: null }
const progressKey = (log: SweptLog): string => `sweep_${log}`

const createProgress = (db: Db) => {
  const rows = createMetaRows(db)
  return {
    read: (log: SweptLog): Progress => {
      const text = rows.read(progressKey(log))
      return text === undefined ? nothing : (JSON.parse(text) as Progress)
    },
    write: (log: SweptLog, progress: Progress): void => {
      rows.write(progressKey(log), JSON.stringify(progress))
    },
    clear: (log: SweptLog): void => rows.remove(progressKey(log)),
  }
}

export const createRetention = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    removal,
    settleDelivery,
  }: { fence: Fence; tracer: Tracer; removal: MessageRemoval; settleDelivery: SettleDelivery },
): RetentionStore => {
  const sweepers: Readonly<Record<SweptLog, SweepLog>> = {
    messages: createSweepMessages(db, removal),
    operations: createSweepOperations(db),
    bulks: createSweepBulks(db),
    numbers: createSweepNumbers(db),
    events: createSweepEvents(db, settleDelivery),
    deliveries: createSweepDeliveries(db),
    history: createSweepHistory(db),
    audit: createSweepAudit(db),
  }
  const progress = createProgress(db)

  return {
    sweep: (lease, log, { cut, limit, cursor }, origin, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const step = sweepers[log]({ ...cut, limit, cursor, now })
        const before = progress.read(log)
        const until = Math.max(before.until ?? 0, step.until ?? 0)
        const after: Progress = { removed: before.removed + step.removed, until }
        const result = { removed: step.removed, next: step.next }
        if (after.removed > 0 && step.next === null) {
          progress.clear(log)
          const receipt = tracer.audit(
            {
              origin,
              action: 'retention.sweep',
              target: { kind: 'log', id: log },
              before: null,
              after: { removed: after.removed, until: iso(until) },
            },
            now,
          )
          return audited(receipt, result)
        }
        if (step.removed > 0) progress.write(log, after)
        return unaudited('step', result)
      }),
  }
}
