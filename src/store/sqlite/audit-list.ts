/** Audit entries by filter, newest first. Of a filter only the target and the time have an index. */
import type { SQL } from 'drizzle-orm'
import { GatewayError } from '../../domain/errors.ts'
import type { AuditEntry, AuditFilter } from '../audit-store.ts'
import type { Page } from '../store.ts'
import { auditColumns, type AuditRow, toEntry } from './audit-rows.ts'
import { and, desc, eq, gte, lt, lte, sql } from './drizzle.ts'
import type { Engine } from './engine.ts'
import { auditEntries as entries } from './schema.ts'
import { directAll, directGet, param, type Db, upTo } from './statements.ts'

/** How many entries one read may look through: a rare action must not hold up the event loop. */
const windowRows = 5_000
/** So many windows one page may look through. */
export const windowsMax = 40

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

const conditions: Readonly<Record<string, SQL>> = {
  actor: eq(entries.actorKind, param('actor')),
  action: eq(entries.action, param('action')),
  actionStart: sql`instr(${entries.action}, ${param('actionStart')}) = 1`,
  // Without its index: a whole kind is not in the order of times there.
  targetKind: sql`+${entries.targetKind} = ${param('targetKind')}`,
  requestId: eq(entries.requestId, param('requestId')),
}

/** Where a page begins: below this entry. */
interface Place {
  readonly at: number
  readonly seq: number
}

const parsePlace = (cursor: string | undefined): Place => {
  if (cursor === undefined) return { at: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER }
  const [, at, seq] = /^(\d{1,16})\.([1-9]\d{0,15})$/.exec(cursor) ?? []
  if (at === undefined || seq === undefined) {
    throw new GatewayError('invalid_query', 'the cursor is none that an earlier page gave')
  }
  return { at: Number(at), seq: Number(seq) }
}

const cursorOf = ({ at, seq }: Place): string => `${at}.${seq}`

const inTime = and(gte(entries.at, param('after')), lt(entries.at, param('before')))

/** The two ways through the entries: those of a target, or all in the order of their times. */
const ways = {
  target: {
    start: and(
      eq(entries.targetKind, param('targetKind')),
      eq(entries.targetId, param('targetId')),
      lt(entries.seq, param('fromSeq')),
    ),
    end: gte(entries.seq, param('untilSeq')),
    matches: inTime,
    order: [desc(entries.seq)],
  },
  time: {
    start: and(
      inTime,
      lte(entries.at, param('fromAt')),
      sql`(${entries.at}, ${entries.seq}) < (${param('fromAt')}, ${param('fromSeq')})`,
    ),
    end: and(
      gte(entries.at, param('untilAt')),
      sql`(${entries.at}, ${entries.seq}) >= (${param('untilAt')}, ${param('untilSeq')})`,
    ),
    matches: undefined,
    order: [desc(entries.at), desc(entries.seq)],
  },
} as const

type Way = keyof typeof ways
type Values = Readonly<Record<string, unknown>>

const prepare = (db: Db, way: Way, given: readonly string[]) => {
  const { start, end, matches, order } = ways[way]
  const place = { at: entries.at, seq: entries.seq }
  const where = and(start, end, matches, ...given.map((name) => conditions[name]))
  return {
    /** The last entry of a window. */
    bound: directGet(
      db,
      place,
      db
        .select(place)
        .from(entries)
        .where(start)
        .orderBy(...order)
        .limit(upTo(1))
        .offset(upTo('last')),
    ) as (values: Values) => Place | undefined,
    rows: directAll(
      db,
      auditColumns,
      db
        .select(auditColumns)
        .from(entries)
        .where(where)
        .orderBy(...order)
        .limit(upTo('limit')),
    ) as (values: Values) => AuditRow[],
  }
}

const valuesOf = ({ actor, action, target, requestId, after, before }: AuditFilter) => {
  const start = action?.endsWith('*') === true ? action.slice(0, -1) : undefined
  return {
    actor,
    action: start === undefined ? action : undefined,
    actionStart: start,
    targetKind: target?.kind,
    targetId: target?.id,
    requestId,
    after: after ?? Number.MIN_SAFE_INTEGER,
    before: before ?? Number.MAX_SAFE_INTEGER,
  }
}

export const createAuditList = (db: Db, engine: Engine) => {
  const prepared = new Map<string, ReturnType<typeof prepare>>()
  const statements = (way: Way, given: readonly string[]): ReturnType<typeof prepare> => {
    const key = `${way} ${given.join()}`
    const known = prepared.get(key) ?? prepare(db, way, given)
    prepared.set(key, known)
    return known
  }

  return async (
    filter: AuditFilter,
    { limit, cursor }: { readonly limit: number; readonly cursor?: string },
  ): Promise<Page<AuditEntry>> => {
    const values: Values = valuesOf(filter)
    const way = filter.target?.id === undefined ? 'time' : 'target'
    const given = Object.keys(conditions).filter(
      (name) => values[name] !== undefined && !(way === 'target' && name === 'targetKind'),
    )
    const { bound, rows } = statements(way, given)
    const found: AuditRow[] = []
    let from = parsePlace(cursor)
    for (let windows = 0; windows < windowsMax; windows++) {
      if (windows > 0) await turn()
      const until = await engine.read(() => {
        const start = { ...values, fromAt: from.at, fromSeq: from.seq }
        const last = bound({ ...start, last: windowRows - 1 })
        const end = { untilAt: last?.at ?? Number.MIN_SAFE_INTEGER, untilSeq: last?.seq ?? 0 }
        found.push(...rows({ ...start, ...end, limit: limit + 1 - found.length }))
        return last
      })
      const last = found[limit - 1]
      if (found.length > limit && last !== undefined) {
        return { items: found.slice(0, limit).map(toEntry), nextCursor: cursorOf(last) }
      }
      if (until === undefined) return { items: found.map(toEntry), nextCursor: null }
      from = until
    }
    return { items: found.map(toEntry), nextCursor: cursorOf(from) }
  }
}
