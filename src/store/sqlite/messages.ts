import type { SQL } from 'drizzle-orm'
import { and, desc, eq, gte, lt, sql } from './drizzle.ts'
import type { Origin } from '../../domain/audit.ts'
import { advance, type Message, type ReceiptStatus } from '../../domain/message.ts'
import type { MessageFilter, MessageStore } from '../store.ts'
import type { ActQueries } from './acts.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import type { MessageMarks } from './message-marks.ts'
import { messageColumns, messageEvent, toMessage, type MessageQueries } from './message-rows.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import { parseCursor, toPage } from './pages.ts'
import { messages } from './schema.ts'
import { param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

/** A filter's columns in the order in which they narrow a list down; the first one given chooses the index. */
const filterColumns = ['chatPn', 'chatLid', 'status', 'direction'] as const
type FilterColumn = (typeof filterColumns)[number]

const indexOf: Readonly<Record<FilterColumn | 'none', string>> = {
  chatPn: 'messages_by_chat_pn',
  chatLid: 'messages_by_chat_lid',
  status: 'messages_by_status',
  direction: 'messages_by_direction',
  none: 'messages_by_device',
}

const createList = (db: Db) => {
  const prepare = (given: readonly FilterColumn[]) => {
    const matches = and(
      eq(messages.deviceId, param('deviceId')),
      ...given.map((name) => eq(messages[name], param(name))),
      gte(messages.createdAt, param('after')),
      lt(messages.createdAt, param('before')),
      sql`(${messages.createdAt}, ${messages.seq}) < (${param('cursorAt')}, ${param('cursorSeq')})`,
    )
    // The index is named: without statistics SQLite holds all of them for equally good, and would read every message
    // of a device to find those of a chat.
    const newest = sql`
      select ${messages.seq} from ${messages} indexed by ${sql.raw(indexOf[given[0] ?? 'none'])}
      where ${matches} order by ${messages.createdAt} desc, ${messages.seq} desc limit ${upTo('limit')}`
    return db
      .select(messageColumns)
      .from(messages)
      .where(sql`${messages.seq} in (${newest})`)
      .orderBy(desc(messages.createdAt), desc(messages.seq))
      .prepare()
  }
  const prepared = new Map<string, ReturnType<typeof prepare>>()
  const cursorAt = db
    .select({ createdAt: messages.createdAt })
    .from(messages)
    .where(eq(messages.seq, param('seq')))
    .prepare()

  return (
    { deviceId, chat, direction, status, after, before }: MessageFilter,
    limit: number,
    seq: number,
  ) => {
    const isLid = chat?.endsWith('@lid') === true
    const values = { chatPn: isLid ? undefined : chat, chatLid: isLid ? chat : undefined, status, direction }
    const given = filterColumns.filter((name) => values[name] !== undefined)
    const key = given.join()
    const query = prepared.get(key) ?? prepare(given)
    prepared.set(key, query)
    return query.all({
      ...values,
      deviceId,
      after: after ?? Number.MIN_SAFE_INTEGER,
      before: before ?? Number.MAX_SAFE_INTEGER,
      cursorAt: cursorAt.get({ seq })?.createdAt ?? Number.MAX_SAFE_INTEGER,
      cursorSeq: seq,
      limit,
    })
  }
}

export const createMessages = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    queries,
    queue,
    acts,
    marks,
  }: {
    fence: Fence
    tracer: Tracer
    queries: MessageQueries
    queue: OutboxQueue
    acts: ActQueries
    marks: MessageMarks
  },
): MessageStore => {
  const list = createList(db)
  const contentWhere = (...known: readonly SQL[]) =>
    db
      .select({ content: messages.content })
      .from(messages)
      .where(
        and(
          eq(messages.deviceId, param('deviceId')),
          eq(messages.whatsappId, param('whatsappId')),
          ...known,
          sql`${messages.content} is not null`,
        ),
      )
      .limit(upTo(1))
      .prepare()
  const selectById = db
    .select({ content: messages.content })
    .from(messages)
    .where(eq(messages.id, param('id')))
    .prepare()
  const selectAccepted = contentWhere(eq(messages.id, param('whatsappId')))
  const selectOther = contentWhere(sql`id <> whatsapp_id`)

  /** Applies a receipt to one message; false when it changes nothing. */
  const receive = (
    before: Message,
    { status, at, from }: { status: ReceiptStatus; at: number; from: string },
    origin: Origin,
    now: number,
  ): boolean => {
    const step = advance(before, status, at)
    if (step === null) return false
    const message: Message = { ...before, ...step, failedAt: null }
    queries.update(message)
    const row = queue.get(before.id)
    const isNews = row !== undefined && row.state !== 'sent'
    if (isNews) queue.settle(row, { state: 'sent', error: null }, now)
    tracer.event(messageEvent(`message.${status}`, message, { at, from }), now)
    tracer.audit(
      {
        origin,
        action: 'message.receipt',
        target: { kind: 'message', id: message.id },
        before: { status: before.status },
        after: { status: message.status, at, from },
      },
      now,
    )
    if (isNews) acts.sent(message, origin, now)
    return true
  }

  return {
    get: (id) => engine.read(() => queries.get(id)),
    list: async (filter, { limit, cursor }) => {
      const seq = parseCursor(cursor)
      const page = toPage(await engine.read(() => list(filter, limit + 1, seq)), limit)
      return { ...page, items: page.items.map(toMessage) }
    },
    contentOf: (id) => engine.read(() => selectById.get({ id })?.content ?? undefined),
    content: (deviceId, whatsappId) =>
      engine.read(() => {
        const of = { deviceId, whatsappId }
        return (selectAccepted.get(of) ?? selectOther.get(of))?.content ?? undefined
      }),
    recordReceipt: (lease, { deviceId, whatsappIds, ...receipt }, origin, now) =>
      engine.write(() => {
        fence(lease)
        return [...new Set(whatsappIds)]
          .flatMap((whatsappId) => queries.byWhatsappId(deviceId, whatsappId))
          .filter((message) => message.direction === 'outbound' && receive(message, receipt, origin, now))
          .length
      }),
    mark: (lease, { deviceId, whatsappId, fromMe, chat }, mark, origin, now) =>
      engine.write(() => {
        fence(lease)
        return queries
          .byWhatsappId(deviceId, whatsappId)
          .filter(
            (message) =>
              (message.direction === 'outbound') === fromMe &&
              (message.chat.pn === chat || message.chat.lid === chat) &&
              marks.mark(message, mark, origin, now),
          ).length
      }),
  }
}
