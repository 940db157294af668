import { and, asc, eq, gte, lte, max, sql } from './drizzle.ts'
import type { ChatStore } from '../search-store.ts'
import type { Engine } from './engine.ts'
import { messageColumns, toMessage } from './message-rows.ts'
import { parseCursor, toPage } from './pages.ts'
import { messages } from './schema.ts'
import { directAll, directGet, param, type Db, upTo } from './statements.ts'

export const createChats = (db: Db, engine: Engine): ChatStore => {
  const newest = { seq: max(messages.seq) }
  const selectNewest = directAll(db, newest, db.select(newest).from(messages))
  const created = { createdAt: messages.createdAt }
  const selectCreated = directGet(
    db,
    created,
    db
      .select(created)
      .from(messages)
      .where(eq(messages.seq, param('seq'))),
  )
  const prepare = (address: typeof messages.chatPn | typeof messages.chatLid, index: string) => {
    const matches = and(
      eq(messages.deviceId, param('deviceId')),
      eq(address, param('chat')),
      gte(messages.createdAt, param('cursorAt')),
      sql`(${messages.createdAt}, ${messages.seq}) > (${param('cursorAt')}, ${param('cursorSeq')})`,
      lte(messages.seq, param('end')),
    )
    const oldest = sql`
      select ${messages.seq} from ${messages} indexed by ${sql.raw(index)}
      where ${matches} order by ${messages.createdAt}, ${messages.seq} limit ${upTo('limit')}`
    return directAll(
      db,
      messageColumns,
      db
        .select(messageColumns)
        .from(messages)
        .where(sql`${messages.seq} in (${oldest})`)
        .orderBy(asc(messages.createdAt), asc(messages.seq)),
    )
  }
  const byPn = prepare(messages.chatPn, 'messages_by_chat_pn')
  const byLid = prepare(messages.chatLid, 'messages_by_chat_lid')

  return {
    end: () => engine.read(() => selectNewest({})[0]?.seq ?? 0),
    read: ({ deviceId, chat, end }, { limit, cursor }) =>
      engine.read(() => {
        const seq = cursor === undefined ? 0 : parseCursor(cursor)
        const cursorAt = selectCreated({ seq })?.createdAt ?? Number.MIN_SAFE_INTEGER
        const read = chat.endsWith('@lid') ? byLid : byPn
        const page = toPage(read({ deviceId, chat, end, cursorAt, cursorSeq: seq, limit: limit + 1 }), limit)
        return { ...page, items: page.items.map(toMessage) }
      }),
  }
}
