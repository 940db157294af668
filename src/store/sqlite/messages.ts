import type { SQL } from 'drizzle-orm'
import { audited } from './accounted.ts'
import { and, desc, eq, gte, lt, sql } from './drizzle.ts'
import { iso } from '../../domain/iso.ts'
import { advance, type Message } from '../../domain/message.ts'
import type { MessageFilter, MessageStore } from '../store.ts'
import type { ActQueries } from './acts.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import type { MessageMarks } from './message-marks.ts'
import { messageColumns, messageEvent, toMessage, type MessageQueries } from './message-rows.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import { parseCursor, toPage } from './pages.ts'
import type { Receive } from './receipts.ts'
import { messages } from './schema.ts'
import { param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

/** What narrows a list down, in the order in which it does; the first that has an index chooses it. */
const conditions = {
  chatPn: { index: 'messages_by_chat_pn', where: eq(messages.chatPn, param('chatPn')) },
  chatLid: { index: 'messages_by_chat_lid', where: eq(messages.chatLid, param('chatLid')) },
  isPending: { index: 'messages_pending', where: sql`type = 'undecryptable' and status <> 'failed'` },
  /** Texts are most of all messages: they have no place in the index of types. */
  type: { index: 'messages_by_type', where: and(eq(messages.type, param('type')), sql`type <> 'text'`) },
  status: {
    index: 'messages_by_status',
    where: and(eq(messages.status, param('status')), sql`(type <> 'undecryptable' or status = 'failed')`),
  },
  direction: { index: 'messages_by_direction', where: eq(messages.direction, param('direction')) },
  isText: { index: undefined, where: sql`type = 'text'` },
  isNoAct: { index: undefined, where: sql`type not in ('reaction', 'edit', 'delete', 'pin', 'vote')` },
} as const
type Condition = keyof typeof conditions
const conditionNames = Object.keys(conditions) as Condition[]

const createList = (db: Db) => {
  const prepare = (given: readonly Condition[]) => {
    const matches = and(
      eq(messages.deviceId, param('deviceId')),
      ...given.map((name) => conditions[name].where),
      gte(messages.createdAt, param('after')),
      lt(messages.createdAt, param('before')),
      sql`(${messages.createdAt}, ${messages.seq}) < (${param('cursorAt')}, ${param('cursorSeq')})`,
    )
    const index = given.map((name) => conditions[name].index).find((name) => name !== undefined)
    // The index is named: without statistics SQLite holds all of them for equally good, and would read every message
    // of a device to find those of a chat.
    const newest = sql`
      select ${messages.seq} from ${messages} indexed by ${sql.raw(index ?? 'messages_by_device')}
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
    { deviceId, chat, direction, status, type, acts = false, after, before }: MessageFilter,
    limit: number,
    seq: number,
  ) => {
    const isLid = chat?.endsWith('@lid') === true
    const isPending = status === 'pending'
    const values = {
      chatPn: isLid ? undefined : chat,
      chatLid: isLid ? chat : undefined,
      isPending: isPending || undefined,
      type: type === 'text' ? undefined : type,
      status: isPending ? undefined : status,
      direction,
      isText: type === 'text' || undefined,
      isNoAct: (type === undefined && !acts) || undefined,
    }
    const given = conditionNames.filter((name) => values[name] !== undefined)
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

/** Applies a receipt to one message. One that could not be decrypted is still to come, or never will. */
export const createReceive =
  ({
    tracer,
    queries,
    queue,
    acts,
  }: {
    tracer: Tracer
    queries: MessageQueries
    queue: OutboxQueue
    acts: ActQueries
  }): Receive =>
  (before, { status, at, from }, origin, now) => {
    if (before.type === 'undecryptable') return null
    const step = advance(before, status, at)
    if (step === null) return null
    const message: Message = { ...before, ...step, failedAt: null }
    queries.update(message)
    const row = queue.get(before.id)
    const isNews = row !== undefined && row.state !== 'sent'
    if (isNews) queue.settle(row, { state: 'sent', error: null }, now)
    tracer.event(messageEvent(`message.${status}`, message, { at: iso(at), from }), now)
    const receipt = tracer.audit(
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
    return receipt
  }

export const createMessages = (
  db: Db,
  engine: Engine,
  {
    fence,
    queries,
    receive,
    marks,
  }: { fence: Fence; queries: MessageQueries; receive: Receive; marks: MessageMarks },
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
        const receipts = [...new Set(whatsappIds)]
          .flatMap((whatsappId) => queries.byWhatsappId(deviceId, whatsappId))
          .flatMap((message) =>
            message.direction === 'outbound' ? (receive(message, receipt, origin, now) ?? []) : [],
          )
        return audited(receipts, receipts.length)
      }),
    mark: (lease, { deviceId, whatsappId, fromMe, chat }, mark, origin, now) =>
      engine.write(() => {
        fence(lease)
        const receipts = queries
          .byWhatsappId(deviceId, whatsappId)
          .filter(
            (message) =>
              (message.direction === 'outbound') === fromMe &&
              (message.chat.pn === chat || message.chat.lid === chat),
          )
          .flatMap((message) => marks.mark(message, mark, origin, now) ?? [])
        return audited(receipts, receipts.length)
      }),
  }
}
