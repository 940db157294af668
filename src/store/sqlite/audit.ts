import { chainStart, lostHash } from '../../domain/audit-chain.ts'
import type { AuditCheckpoint, AuditStore } from '../audit-store.ts'
import { unaudited, unchanged } from './accounted.ts'
import type { AuditChain } from './audit-chain.ts'
import { createAuditList } from './audit-list.ts'
import { auditColumns, toEntry } from './audit-rows.ts'
import { and, asc, gt, gte, lt, lte, sql } from './drizzle.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { auditCheckpoints, auditEntries as entries } from './schema.ts'
import { directAll, directGet, directWrite, everyColumn, param, type Db, upTo } from './statements.ts'

/** How many times one read may look through: those of a year must not hold up the event loop. */
const windowRows = 50_000

interface Span {
  readonly first: number
  readonly last: number
}

/** Entries have their `seq` in the order of their times, but for when the clock was set: looks at all of the index between. */
const createSpan = (db: Db, engine: Engine): AuditStore['span'] => {
  const place = { at: entries.at, seq: entries.seq }
  const inWindow = and(
    gte(entries.at, param('at')),
    sql`(${entries.at}, ${entries.seq}) > (${param('at')}, ${param('seq')})`,
    lt(entries.at, param('before')),
  )
  const selectBound = directGet(
    db,
    place,
    db
      .select(place)
      .from(entries)
      .where(inWindow)
      .orderBy(asc(entries.at), asc(entries.seq))
      .limit(upTo(1))
      .offset(upTo('last')),
  )
  const ends = {
    first: sql<number | null>`min(${entries.seq})`,
    last: sql<number | null>`max(${entries.seq})`,
  }
  const selectEnds = directGet(
    db,
    ends,
    db
      .select(ends)
      .from(sql`audit_entries indexed by audit_entries_by_time`)
      .where(
        and(inWindow, sql`(${entries.at}, ${entries.seq}) <= (${param('untilAt')}, ${param('untilSeq')})`),
      ),
  )
  return async ({ after, before = Number.MAX_SAFE_INTEGER }) => {
    let span: Span | undefined
    for (let from = { at: after ?? Number.MIN_SAFE_INTEGER, seq: Number.MIN_SAFE_INTEGER }; ; ) {
      const bound = await engine.read(() => {
        const window = { ...from, before }
        const last = selectBound({ ...window, last: windowRows - 1 })
        const until = { untilAt: last?.at ?? before, untilSeq: last?.seq ?? 0 }
        const found = selectEnds({ ...window, ...until })
        if (found?.first !== null && found?.last !== null && found !== undefined) {
          const { first, last: newest } = found
          span = {
            first: Math.min(first, span?.first ?? first),
            last: Math.max(newest, span?.last ?? newest),
          }
        }
        return last
      })
      if (bound === undefined) return span
      from = bound
    }
  }
}

export const createAudit = (
  db: Db,
  engine: Engine,
  { fence, chain }: { fence: Fence; chain: AuditChain },
): AuditStore => {
  const select = directAll(
    db,
    auditColumns,
    db
      .select(auditColumns)
      .from(entries)
      .where(and(gt(entries.seq, param('after')), lte(entries.seq, param('until'))))
      .orderBy(asc(entries.seq))
      .limit(upTo('limit')),
  )
  const columns = {
    at: auditCheckpoints.at,
    seq: auditCheckpoints.entrySeq,
    count: auditCheckpoints.count,
    hash: auditCheckpoints.hash,
  }
  const selectCheckpoints = directAll(
    db,
    columns,
    db
      .select(columns)
      .from(auditCheckpoints)
      .where(
        and(gt(auditCheckpoints.entrySeq, param('after')), lte(auditCheckpoints.entrySeq, param('until'))),
      )
      .orderBy(asc(auditCheckpoints.entrySeq)),
  )
  const insertCheckpoint = directWrite(db, db.insert(auditCheckpoints).values(everyColumn(auditCheckpoints)))
  const all = Number.MAX_SAFE_INTEGER

  return {
    list: createAuditList(db, engine),
    span: createSpan(db, engine),
    after: (after, limit, until = all) => engine.read(() => select({ after, limit, until }).map(toEntry)),
    stored: (after, limit) => engine.read(() => select({ after, limit, until: all })),
    latest: () => engine.read(() => chain.last().seq),
    checkpoints: (after, until) => engine.read(() => selectCheckpoints({ after, until })),
    checkpoint: (lease, everyMs, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const { seq, hash } = chain.last()
        const known = chain.newestCheckpoint()
        // One from the future was written before the clock was set.
        const isRecent = known !== undefined && known.at <= now && known.at > now - everyMs
        const isNone = hash === chainStart || hash === lostHash
        if (isNone || isRecent || known?.entrySeq === seq) {
          return unchanged(undefined)
        }
        const count = chain.countAt(seq)
        insertCheckpoint({ at: now, entrySeq: seq, count, hash })
        return unaudited<AuditCheckpoint>('gateway', { at: now, seq, count, hash })
      }),
  }
}
