/** Where the chain of audit entries stands. What is here runs inside the transaction of whoever asks. */
import { chainStart, lostHash } from '../../domain/audit-chain.ts'
import { auditCheckpoints } from './schema.ts'
import { sql } from './drizzle.ts'
import { directGet, type Db } from './statements.ts'

export interface ChainEnd {
  /** The newest `seq` that there ever was, 0 before the first. */
  readonly seq: number
  readonly hash: string
}

export const createAuditChain = (db: Db) => {
  const client = db.$client
  // SQLite keeps the highest `seq` that was ever given, whatever was removed since.
  const selectLast = client
    .prepare<[], [number, number | null, string | null]>(
      `select s.seq, e.seq, e.hash from sqlite_sequence s left join audit_entries e on e.seq = s.seq where s.name = 'audit_entries'`,
    )
    .raw()
  const selectRemoved = client
    .prepare<[number], string>(
      `select hash from audit_checkpoints where entry_seq = +? order by seq desc limit 1`,
    )
    .pluck()
  const newestColumns = {
    at: auditCheckpoints.at,
    entrySeq: auditCheckpoints.entrySeq,
    count: auditCheckpoints.count,
    hash: auditCheckpoints.hash,
    // SQLite takes the other columns from the row that has the maximum.
    _: sql<number>`max(${auditCheckpoints.entrySeq})`,
  }
  const selectNewest = directGet(
    db,
    newestColumns,
    db.select(newestColumns).from(auditCheckpoints).where(sql`${auditCheckpoints.count} > 0`),
  )
  const selectNext = client
    .prepare<[number], [number, string | null]>(
      `select seq, hash from audit_entries where seq >= +? order by seq limit 1`,
    )
    .raw()

  /** The last entry of the chain; a new one follows it. */
  const last = (): ChainEnd => {
    const row = selectLast.get()
    if (row === undefined) return { seq: 0, hash: chainStart }
    const [seq, kept, hash] = row
    if (kept !== null) return { seq, hash: hash ?? chainStart }
    return { seq, hash: selectRemoved.get(seq) ?? lostHash }
  }

  const newestCheckpoint = () => {
    const row = selectNewest({})
    // Without any row the maximum is a row of nulls.
    return row === undefined || row.entrySeq === null ? undefined : row
  }

  /** Entries from before the chain come first, all of them: halves the range until the first one with a hash is left. */
  const firstChained = (end: number): number => {
    let [low, high] = [1, end + 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const next = selectNext.get(middle)
      if (next === undefined || next[1] !== null) high = middle
      else low = next[0] + 1
    }
    return low
  }

  return {
    last,
    newestCheckpoint,
    /** How many entries the chain had ever had when `seq` was its last; 0 before it began. */
    countAt: (seq: number): number => {
      const known = newestCheckpoint()
      const count = known === undefined ? seq - firstChained(seq) + 1 : known.count + seq - known.entrySeq
      return Math.max(0, count)
    },
  }
}

export type AuditChain = ReturnType<typeof createAuditChain>
