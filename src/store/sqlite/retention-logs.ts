/** What is swept by age alone, a window of rows at a time. */
import type { SweepLog } from './retention.ts'
import type { Db } from './statements.ts'

interface Row {
  readonly seq: number
  /** When it was made: a window that ends with one that is young enough is the last. */
  readonly madeAt: number
  /** When it was settled; null when it stays. */
  readonly goesBy: number | null
}

/** Rows of a table by their number; `remove` takes one of them out, `limit` rows at most, and says whether it is gone. */
const createWindows =
  (
    select: { all(after: number, limit: number): Row[] },
    remove: (seq: number, limit: number) => { readonly rows: number; readonly isGone: boolean },
  ): SweepLog =>
  ({ before, limit, cursor }) => {
    if (before === null) return { removed: 0, until: null, next: null }
    const after = cursor === null ? 0 : Number(cursor)
    const window = select.all(after, limit)
    let removed = 0
    let until: number | null = null
    let at = after
    for (const row of window) {
      if (row.goesBy !== null && row.goesBy < before) {
        const { rows, isGone } = remove(row.seq, limit - removed)
        removed += rows
        until = Math.max(until ?? 0, row.goesBy)
        if (!isGone) return { removed, until, next: String(at) }
      }
      at = row.seq
      if (removed >= limit) return { removed, until, next: String(at) }
    }
    const isOver = window.length < limit || (window.at(-1)?.madeAt ?? 0) >= before
    return { removed, until, next: isOver ? null : String(at) }
  }

const oneRow = { rows: 1, isGone: true }

export const createSweepOperations = ({ $client: client }: Db): SweepLog => {
  const remove = client.prepare<[number]>('delete from operations where seq = +?')
  return createWindows(
    client.prepare<[number, number], Row>(
      `select seq, created_at as madeAt, case when state not in ('queued', 'running') then updated_at end as goesBy
      from operations where seq > +? order by seq limit +? + 0`,
    ),
    (seq) => {
      remove.run(seq)
      return oneRow
    },
  )
}

/** Each with its recipients, which may be many more than go in one transaction. */
export const createSweepBulks = ({ $client: client }: Db): SweepLog => {
  const remove = client.prepare<[number]>('delete from bulks where seq = +?')
  const removeRecipients = client.prepare<[number, number]>(
    `delete from bulk_recipients where rowid in (
      select rowid from bulk_recipients where bulk_id = (select id from bulks where seq = +?) limit +? + 0)`,
  )
  return createWindows(
    client.prepare<[number, number], Row>(
      `select seq, created_at as madeAt, ended_at as goesBy from bulks where seq > +? order by seq limit +? + 0`,
    ),
    (seq, limit) => {
      const { changes } = removeRecipients.run(seq, limit)
      if (changes >= limit) return { rows: changes, isGone: false }
      remove.run(seq)
      return { rows: changes + 1, isGone: true }
    },
  )
}

export const createSweepNumbers = ({ $client: client }: Db): SweepLog => {
  const remove = client.prepare<[number]>('delete from numbers where rowid = +?')
  return createWindows(
    client.prepare<[number, number], Row>(
      // A number that is asked for again keeps its row: rows are not in the order of their times.
      `select rowid as seq, 0 as madeAt, checked_at as goesBy from numbers where rowid > +? order by rowid limit +? + 0`,
    ),
    (seq) => {
      remove.run(seq)
      return oneRow
    },
  )
}

export const createSweepHistory = ({ $client: client }: Db): SweepLog => {
  const remove = client.prepare<[number]>('delete from status_history where seq = +?')
  return createWindows(
    client.prepare<[number, number], Row>(
      `select h.seq, h.at as madeAt, case when exists (
        select 1 from status_history n where n.device_id = h.device_id and n.seq > h.seq) then h.at end as goesBy
      from status_history h where h.seq > +? order by h.seq limit +? + 0`,
    ),
    (seq) => {
      remove.run(seq)
      return oneRow
    },
  )
}

/** Settled deliveries with their attempts. */
export const createSweepDeliveries = ({ $client: client }: Db): SweepLog => {
  const select = client.prepare<[number, number], { seq: number; id: string; settledAt: number }>(
    `select seq, id, settled_at as settledAt from webhook_deliveries where settled_at is not null and settled_at < +?
    order by settled_at limit +? + 0`,
  )
  const removeAttempts = client.prepare<[string]>('delete from webhook_attempts where delivery_id = +?')
  const remove = client.prepare<[number]>('delete from webhook_deliveries where seq = +?')
  return ({ before, limit }) => {
    if (before === null) return { removed: 0, until: null, next: null }
    const rows = select.all(before, limit)
    for (const { seq, id } of rows) {
      removeAttempts.run(id)
      remove.run(seq)
    }
    return {
      removed: rows.length,
      until: rows.at(-1)?.settledAt ?? null,
      next: rows.length < limit ? null : 'more',
    }
  }
}

/**
 * The oldest entries, without a gap. A checkpoint says where the chain begins then: after which entry, what its hash was, and
 * how many there had been; those of before go, since nothing is left to hold them against.
 */
export const createSweepAudit = ({ $client: client }: Db): SweepLog => {
  const select = client.prepare<[number], { seq: number; at: number; hash: string | null }>(
    'select seq, at, hash from audit_entries where seq > 0 order by seq limit +? + 0',
  )
  const selectCheckpoint = client.prepare<[number], { entrySeq: number; count: number }>(
    `select entry_seq as entrySeq, count from audit_checkpoints where entry_seq <= +? order by entry_seq desc, seq desc limit 1`,
  )
  const countChained = client
    .prepare<[number, number], number>(
      'select count(*) from audit_entries where seq > +? and seq <= +? and hash is not null',
    )
    .pluck()
  const writeCheckpoint = client.prepare<[number, number, number, string]>(
    'insert into audit_checkpoints (at, entry_seq, count, hash) values (?, ?, ?, ?)',
  )
  const removeCheckpoints = client.prepare<[number]>('delete from audit_checkpoints where entry_seq < +?')
  const remove = client.prepare<[number]>('delete from audit_entries where seq <= +?')
  return ({ before, limit, now }) => {
    if (before === null) return { removed: 0, until: null, next: null }
    const oldest = select.all(limit)
    const young = oldest.findIndex(({ at }) => at >= before)
    const rows = young === -1 ? oldest : oldest.slice(0, young)
    const last = rows.at(-1)
    if (last === undefined) return { removed: 0, until: null, next: null }
    if (last.hash !== null) {
      const checkpoint = selectCheckpoint.get(last.seq)
      const count = (checkpoint?.count ?? 0) + (countChained.get(checkpoint?.entrySeq ?? 0, last.seq) ?? 0)
      writeCheckpoint.run(now, last.seq, count, last.hash)
      removeCheckpoints.run(last.seq)
    }
    remove.run(last.seq)
    return { removed: rows.length, until: last.at, next: rows.length < limit ? null : 'more' }
  }
}
