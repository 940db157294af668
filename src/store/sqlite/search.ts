/**
 * The full-text index of messages, kept by SQLite's FTS5. It holds no text of its own (`contentless_delete`). New messages go
 * in by batches, not in the transaction that stores them: a commit of its own would have to write half a dozen pages
 * more. Edits and deletions follow at once, by triggers (the migration that made the table).
 */
import type { SQL } from 'drizzle-orm'
import type { SearchQuery, SearchTerm } from '../../domain/search.ts'
import { unaudited } from './accounted.ts'
import { and, eq, gt, gte, inArray, lt, max, or, sql } from './drizzle.ts'
import type { SearchFilter, SearchStore } from '../search-store.ts'
import type { Engine } from './engine.ts'
import { createExcerpts } from './excerpts.ts'
import { messageColumns, toMessage } from './message-rows.ts'
import { parseCursor, toPage } from './pages.ts'
import { messages, meta } from './schema.ts'
import { directAll, directWrite, excluded, param, type Db, upTo } from './statements.ts'

/** The triggers of the index have the same key. */
const indexedKey = 'search_indexed_seq'

/** Beyond so many nobody reads on in a list by rank, for each page of which all matches must be ranked. */
const rankedMax = 1_000

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
const term = ({ text, prefix }: SearchTerm): string => (prefix ? `${quoted(text)} *` : quoted(text))

/** The query in the language of FTS5. */
const matchOf = ({ all, none }: SearchQuery): string => {
  const wanted = `(${all.map(term).join(' AND ')})`
  return none.length === 0 ? wanted : `(${wanted} NOT (${none.map(term).join(' OR ')}))`
}

/** A device's id is a word of the index, which passes over the messages of the others: it only narrows, by whole words. */
const inIndex = (query: SearchQuery, deviceId: string | undefined): string =>
  `{text} : ${matchOf(query)}${deviceId === undefined ? '' : ` AND {device} : ${quoted(deviceId)}`}`

const conditions: Readonly<Record<keyof SearchFilter, SQL | undefined>> = {
  deviceId: eq(messages.deviceId, param('deviceId')),
  chat: or(eq(messages.chatPn, param('chat')), eq(messages.chatLid, param('chat'))),
  sender: or(eq(messages.senderPn, param('sender')), eq(messages.senderLid, param('sender'))),
  type: eq(messages.type, param('type')),
  direction: eq(messages.direction, param('direction')),
  after: gte(messages.createdAt, param('after')),
  before: lt(messages.createdAt, param('before')),
}
const filterNames = Object.keys(conditions) as (keyof SearchFilter)[]

type Order = 'newest' | 'rank'

const createFinder = (db: Db) => {
  const seqColumn = { seq: sql<number>`message_search.rowid` }
  const prepare = (order: Order, given: readonly (keyof SearchFilter)[]) => {
    const found = db
      .select(seqColumn)
      .from(sql`message_search cross join ${messages} on ${messages.seq} = message_search.rowid`)
      .where(
        and(
          sql`message_search match ${sql.placeholder('match')}`,
          sql`message_search.rowid < ${param('seq')}`,
          ...given.map((name) => conditions[name]),
        ),
      )
    return directAll(
      db,
      seqColumn,
      order === 'newest'
        ? found.orderBy(sql`message_search.rowid desc`).limit(upTo('limit'))
        : found.orderBy(sql`bm25(message_search, 1.0, 0.0)`).limit(upTo('limit')).offset(upTo('offset')),
    )
  }
  const prepared = new Map<string, ReturnType<typeof prepare>>()
  return (
    order: Order,
    filter: SearchFilter,
    values: { match: string; seq: number; limit: number; offset: number },
  ): number[] => {
    const given = filterNames.filter((name) => filter[name] !== undefined)
    const key = `${order} ${given.join()}`
    const query = prepared.get(key) ?? prepare(order, given)
    prepared.set(key, query)
    return query({ ...filter, ...values }).map(({ seq }) => seq)
  }
}

/** What is in the index, and the way into it. */
const createFilling = (db: Db) => {
  const client = db.$client
  const selectIndexed = client
    .prepare<[string], number>(`select cast(value as integer) from meta where key = +?`)
    .pluck()
  const newest = { seq: max(messages.seq) }
  const selectNewest = directAll(db, newest, db.select(newest).from(messages))
  const bound = { seq: messages.seq }
  const selectBound = directAll(
    db,
    bound,
    db
      .select(bound)
      .from(messages)
      .where(gt(messages.seq, param('after')))
      .orderBy(messages.seq)
      .limit(upTo(1))
      .offset(upTo('last')),
  )
  const fill = client.prepare<[number, number]>(
    `insert into message_search (rowid, text, device) select seq, text, device_id from searched_messages where seq > +? and seq <= +?`,
  )
  const note = directWrite(
    db,
    db
      .insert(meta)
      .values({ key: sql`${sql.placeholder('key')}`, value: sql`${sql.placeholder('value')}` })
      .onConflictDoUpdate({ target: meta.key, set: excluded(meta, 'value') }),
  )
  const range = (): { readonly indexed: number; readonly last: number } => ({
    indexed: selectIndexed.get(indexedKey) ?? 0,
    last: selectNewest({})[0]?.seq ?? 0,
  })
  return {
    range,
    fill: (limit: number): boolean => {
      const { indexed, last } = range()
      if (indexed >= last) return false
      const until = selectBound({ after: indexed, last: limit - 1 })[0]?.seq ?? last
      fill.run(indexed, until)
      note({ key: indexedKey, value: String(until) })
      return until < last
    },
  }
}

export const createSearch = (db: Db, engine: Engine): SearchStore => {
  const find = createFinder(db)
  const filling = createFilling(db)
  const excerpts = createExcerpts()
  const among = sql`(select value from json_each(${sql.placeholder('seqs')}))`
  const selectMessages = directAll(
    db,
    messageColumns,
    db.select(messageColumns).from(messages).where(inArray(messages.seq, among)),
  )
  const selectTexts = db.$client
    .prepare<[string], [number, string]>(
      `select seq, text from searched_messages where seq in (select value from json_each(?))`,
    )
    .raw()

  return {
    index: async (limit) => {
      const { indexed, last } = await engine.read(filling.range)
      return indexed < last && (await engine.writeQuietly(() => unaudited('index', filling.fill(limit))))
    },
    find: (query, filter, { order, limit, cursor }) =>
      engine.read(() => {
        const ranked = order === 'rank'
        const at = parseCursor(cursor)
        const offset = ranked && cursor !== undefined ? at : 0
        const seqs = find(order, filter, {
          match: inIndex(query, filter.deviceId),
          seq: ranked ? Number.MAX_SAFE_INTEGER : at,
          limit: limit + 1,
          offset,
        })
        const page = toPage(
          seqs.map((seq) => ({ seq })),
          limit,
        )
        const json = JSON.stringify(page.items.map(({ seq }) => seq))
        const rows = new Map(selectMessages({ seqs: json }).map((row) => [row.seq, toMessage(row)]))
        const texts = new Map(selectTexts.all(json))
        const shown = excerpts(matchOf(query), texts)
        const next = offset + limit
        return {
          items: page.items.flatMap(({ seq }) => {
            const message = rows.get(seq)
            return message === undefined ? [] : [{ message, excerpt: shown.get(seq) ?? [] }]
          }),
          nextCursor:
            ranked && page.nextCursor !== null ? (next < rankedMax ? String(next) : null) : page.nextCursor,
        }
      }),
  }
}
