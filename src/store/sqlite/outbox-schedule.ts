/** Messages of the outbox that wait for a time, and those whose time has run out. */
import type { Origin } from '../../domain/audit.ts'
import { assert, GatewayError } from '../../domain/errors.ts'
import { isoOrNull } from '../../domain/iso.ts'
import { type Message, momentIn } from '../../domain/message.ts'
import { expiredError } from '../../domain/outbox.ts'
import { priorityOf, rankOf, type Plan } from '../../domain/plan.ts'
import type { PlanView, ScheduleStore } from '../store.ts'
import { audited, unchanged, type Receipt } from './accounted.ts'
import { and, asc, eq, getTableColumns, isNotNull, lte, min, sql } from './drizzle.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { messageColumns, messageEvent, type MessageQueries, toMessage } from './message-rows.ts'
import type { OutboxQueue, OutboxRow } from './outbox-queue.ts'
import { toPage } from './pages.ts'
import { messages as messagesTable, outbox } from './schema.ts'
import { assign, directGet, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

interface Parts {
  readonly tracer: Tracer
  readonly messages: MessageQueries
  readonly queue: OutboxQueue
}

/** Gives up a message that waits and whose time has run out. */
export type Expire = (row: OutboxRow, before: Message, origin: Origin, now: number) => Receipt

export const createExpire =
  ({ tracer, messages, queue }: Parts): Expire =>
  (row, before, origin, now) => {
    const error = expiredError(row.uncertain === 1)
    const message: Message = { ...before, status: 'failed', error, failedAt: momentIn(before, now) }
    messages.update(message)
    queue.settle(row, { state: 'failed', error }, now)
    tracer.event(messageEvent('message.failed', message, { error }), now)
    return tracer.audit(
      {
        origin,
        action: 'message.expire',
        target: { kind: 'message', id: message.id },
        before: { status: before.status, attempts: before.attempts },
        after: { status: message.status, error: error.code, expiresAt: row.expiresAt },
      },
      now,
    )
  }

const planOf = (row: OutboxRow): PlanView => ({
  priority: priorityOf(row.rank),
  sendAt: row.sendAt,
  expiresAt: row.expiresAt,
  typingMs: row.typingMs,
  parkedFor: row.parkedFor,
  heldFor: row.heldFor,
  bulkId: row.bulkId,
})

const soonest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b)

export const createSchedule = (
  db: Db,
  engine: Engine,
  { fence, tracer, messages, queue, expire }: Parts & { fence: Fence; expire: Expire },
): ScheduleStore => {
  const isScheduled = sql`parked_for = 'time'`
  const mayExpire = and(isNotNull(outbox.expiresAt), sql`${outbox.state} = 'queued'`)
  const earliest = { at: min(outbox.sendAt) }
  const selectNext = directGet(db, earliest, db.select(earliest).from(outbox).where(isScheduled))
  const end = { at: min(outbox.expiresAt) }
  const selectNextEnd = directGet(db, end, db.select(end).from(outbox).where(mayExpire))
  const selectDue = db
    .select()
    .from(outbox)
    .where(and(isScheduled, lte(outbox.sendAt, param('now'))))
    .orderBy(asc(outbox.sendAt), asc(outbox.seq))
    .limit(upTo('limit'))
    .prepare()
  const selectExpired = db
    .select()
    .from(outbox)
    .where(and(mayExpire, lte(outbox.expiresAt, param('now'))))
    .orderBy(asc(outbox.expiresAt))
    .limit(upTo('limit'))
    .prepare()
  const selectList = db
    .select({ message: messageColumns, row: getTableColumns(outbox) })
    .from(outbox)
    .innerJoin(messagesTable, eq(messagesTable.id, outbox.messageId))
    .where(
      and(
        eq(outbox.deviceId, param('deviceId')),
        isScheduled,
        sql`(${outbox.sendAt}, ${outbox.seq}) > (${param('afterAt')}, ${param('afterSeq')})`,
      ),
    )
    .orderBy(asc(outbox.sendAt), asc(outbox.seq))
    .limit(upTo('limit'))
    .prepare()
  const replan = db
    .update(outbox)
    .set(assign(outbox, 'rank', 'sendAt', 'expiresAt', 'typingMs', 'updatedAt'))
    .where(eq(outbox.seq, param('seq')))
    .prepare()

  const messageOf = (id: string): Message => {
    const message = messages.get(id)
    assert(message, `message ${id} of the outbox does not exist`)
    return message
  }

  const join = (row: OutboxRow, message: Message, now: number): void => {
    queue.join(row, message, now)
    tracer.event(messageEvent('message.queued', message), now)
  }

  const nextAt = (): number | null => soonest(selectNext({})?.at ?? null, selectNextEnd({})?.at ?? null)

  const write = (row: OutboxRow, { priority, sendAt, expiresAt, typingMs }: Plan, now: number): void =>
    void replan.run({ seq: row.seq, rank: rankOf(priority), sendAt, expiresAt, typingMs, updatedAt: now })

  return {
    plan: (messageId) =>
      engine.read(() => {
        const row = queue.get(messageId)
        return row === undefined ? undefined : planOf(row)
      }),

    list: async (deviceId, { limit, cursor }) => {
      const [, at = '', seq = ''] = /^(\d{1,16})\.(\d{1,15})$/.exec(cursor ?? '0.0') ?? []
      if (seq === '') throw new GatewayError('invalid_query', 'the cursor is none that an earlier page gave')
      const after = { afterAt: Number(at), afterSeq: Number(seq) }
      const rows = await engine.read(() => selectList.all({ deviceId, ...after, limit: limit + 1 }))
      const items = rows.map(({ message, row }) => ({
        seq: row.seq,
        message: toMessage(message),
        plan: planOf(row),
      }))
      const page = toPage(items, limit)
      const last = page.items.at(-1)
      return { ...page, nextCursor: page.nextCursor === null ? null : `${last?.plan.sendAt}.${last?.seq}` }
    },

    change: (messageId, change, origin, now) =>
      engine.write(() => {
        const row = queue.get(messageId)
        if (row === undefined) return unchanged(undefined)
        const before = messageOf(messageId)
        if (row.parkedFor !== 'time') {
          throw new GatewayError(
            'message_not_scheduled',
            'only a message that waits for its sendAt can be changed; a text that was sent can be edited',
          )
        }
        const { said, plan } = change(before, planOf(row))
        const { content = null, ...says } = said ?? {}
        const message: Message = { ...before, ...says }
        if (said !== undefined) messages.reveal(message, content, null)
        write(row, plan, now)
        if (plan.sendAt === null) join(row, message, now)
        else tracer.event(messageEvent('message.scheduled', message, { sendAt: isoOrNull(plan.sendAt) }), now)
        const receipt = tracer.audit(
          {
            origin,
            action: 'message.change',
            target: { kind: 'message', id: messageId },
            before: { type: before.type, sendAt: row.sendAt, expiresAt: row.expiresAt },
            after: { type: message.type, sendAt: plan.sendAt, expiresAt: plan.expiresAt },
          },
          now,
        )
        return audited(receipt, message)
      }),

    advance: async (lease, limit, origin, now) => {
      const next = await engine.read(nextAt)
      if (next === null || next > now) return next
      return engine.write(() => {
        fence(lease)
        const expired = selectExpired
          .all({ now, limit })
          .map((row) => expire(row, messageOf(row.messageId), origin, now))
        const released = selectDue.all({ now, limit }).map((row) => {
          join(row, messageOf(row.messageId), now)
          return tracer.audit(
            {
              origin,
              action: 'message.release',
              target: { kind: 'message', id: row.messageId },
              before: { sendAt: row.sendAt },
              after: { status: 'queued' },
            },
            now,
          )
        })
        return audited([...expired, ...released], nextAt())
      })
    },
  }
}
