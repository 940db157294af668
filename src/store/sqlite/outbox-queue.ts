/**
 * The order of the outbox: which message may be claimed next. Of each chat only the oldest open message can be due,
 * and none while one of the chat is in flight; `due_at` says so on the row, so that a claim reads only what it takes.
 */
import { and, asc, eq, getTableColumns, gt, isNotNull, lte, min, ne, or, sql } from './drizzle.ts'
import { partyJid } from '../../domain/jid.ts'
import type { Lease } from '../../domain/lease.ts'
import type { Message, MessageFailure } from '../../domain/message.ts'
import { dueAheadMaxMs, type OutboxState } from '../../domain/outbox.ts'
import { messageColumns, toMessage } from './message-rows.ts'
import { messages, outbox } from './schema.ts'
import { assign, directAll, directGet, directWrite, everyColumn, param, type Db, upTo } from './statements.ts'

export type OutboxRow = typeof outbox.$inferSelect

export const createOutboxQueue = (db: Db) => {
  const ofDevice = eq(outbox.deviceId, param('deviceId'))
  const ofChat = and(ofDevice, eq(outbox.chat, param('chat')))
  const ofMessage = eq(outbox.messageId, param('messageId'))
  const isOpen = sql`${outbox.state} in ('queued', 'sending')`
  const isSending = sql`${outbox.state} = 'sending'`

  const insert = directWrite(db, db.insert(outbox).values(everyColumn(outbox)))
  const columns = getTableColumns(outbox)
  const select = directGet(db, columns, db.select(columns).from(outbox).where(ofMessage))
  const selectByKey = db
    .select({ messageId: outbox.messageId, requestHash: outbox.requestHash })
    .from(outbox)
    .where(and(ofDevice, eq(outbox.idempotencyKey, param('idempotencyKey'))))
    .prepare()
  const dueColumns = { message: messageColumns, content: messages.content, row: columns }
  const selectDue = directAll(
    db,
    dueColumns,
    db
      .select(dueColumns)
      .from(outbox)
      .innerJoin(messages, eq(messages.id, outbox.messageId))
      .where(and(ofDevice, gt(outbox.dueAt, param('from')), lte(outbox.dueAt, param('until'))))
      .orderBy(asc(outbox.dueAt), asc(outbox.seq))
      .limit(upTo('limit')),
  )
  const one = { one: sql`1` }
  const selectInFlight = directGet(db, one, db.select(one).from(outbox).where(and(ofChat, isSending)))
  const selectOpen = directGet(db, one, db.select(one).from(outbox).where(and(ofChat, isOpen)).limit(upTo(1)))
  const place = { seq: outbox.seq, messageId: outbox.messageId, dueAt: outbox.dueAt }
  const selectOldest = directGet(
    db,
    place,
    db.select(place).from(outbox).where(and(ofChat, isOpen)).orderBy(asc(outbox.seq)).limit(upTo(1)),
  )
  const selectLost = db
    .select()
    .from(outbox)
    .where(and(ofDevice, isSending, or(ne(outbox.owner, param('owner')), ne(outbox.epoch, param('epoch')))))
    .orderBy(asc(outbox.seq))
    .prepare()
  const selectOpenRows = db
    .select()
    .from(outbox)
    .where(and(ofDevice, isOpen))
    .orderBy(asc(outbox.chat), asc(outbox.seq))
    .limit(upTo('limit'))
    .prepare()
  const earliest = { dueAt: min(outbox.dueAt) }
  const selectNextDue = directGet(
    db,
    earliest,
    db
      .select(earliest)
      .from(outbox)
      .where(and(ofDevice, isNotNull(outbox.dueAt))),
  )
  const update = directWrite(
    db,
    db
      .update(outbox)
      .set(
        assign(
          outbox,
          'chat',
          'state',
          'dueAt',
          'owner',
          'epoch',
          'attempts',
          'retriedAt',
          'errorCode',
          'errorDetail',
          'updatedAt',
        ),
      )
      .where(ofMessage),
  )
  const setDue = directWrite(
    db,
    db
      .update(outbox)
      .set(assign(outbox, 'dueAt'))
      .where(eq(outbox.seq, param('seq'))),
  )
  const clearDue = db.update(outbox).set({ dueAt: null }).where(and(ofChat, isOpen)).prepare()
  const moveQueued = db
    .update(outbox)
    .set({ chat: sql`${param('to')}`, dueAt: null })
    .where(and(ofChat, isOpen, sql`${outbox.state} = 'queued'`))
    .prepare()
  const moveInFlight = db
    .update(outbox)
    .set({ chat: sql`${param('to')}` })
    .where(and(ofChat, isSending))
    .prepare()

  const isInFlight = (deviceId: string, chat: string): boolean =>
    selectInFlight({ deviceId, chat }) !== undefined

  /** Gives the turn to the oldest open message of a chat, unless one is in flight or has the turn already. */
  const giveTurn = (deviceId: string, chat: string, dueAt: number): void => {
    if (isInFlight(deviceId, chat)) return
    const oldest = selectOldest({ deviceId, chat })
    if (oldest !== undefined && oldest.dueAt === null) setDue({ seq: oldest.seq, dueAt })
  }

  /** A message leaves the state `sending`, or is settled from elsewhere. */
  const leave = (
    row: OutboxRow,
    chat: string,
    next: { state: OutboxState; error: MessageFailure | null },
    now: number,
    { attempts, retriedAt }: Pick<OutboxRow, 'attempts' | 'retriedAt'> = row,
  ): void => {
    update({
      messageId: row.messageId,
      chat,
      state: next.state,
      dueAt: null,
      owner: null,
      epoch: null,
      attempts,
      retriedAt,
      errorCode: next.error?.code ?? null,
      errorDetail: next.error?.detail ?? null,
      updatedAt: now,
    })
  }

  /** A message has come back to the queue: the oldest of its chat has the turn, this one at `dueAt`. */
  const lineUp = ({ deviceId, messageId }: OutboxRow, chat: string, dueAt: number, now: number): void => {
    if (isInFlight(deviceId, chat)) return
    clearDue.run({ deviceId, chat })
    const oldest = selectOldest({ deviceId, chat })
    giveTurn(deviceId, chat, oldest?.messageId === messageId ? dueAt : now)
  }

  return {
    get: (messageId: string): OutboxRow | undefined => select({ messageId }),

    byKey: (deviceId: string, idempotencyKey: string) => selectByKey.get({ deviceId, idempotencyKey }),

    add: (message: Message, idempotency: { key: string; requestHash: string } | undefined, now: number) => {
      const chat = partyJid(message.chat)
      insert({
        messageId: message.id,
        deviceId: message.deviceId,
        chat,
        state: 'queued',
        dueAt: selectOpen({ deviceId: message.deviceId, chat }) === undefined ? now : null,
        owner: null,
        epoch: null,
        attempts: 0,
        errorCode: null,
        errorDetail: null,
        idempotencyKey: idempotency?.key ?? null,
        requestHash: idempotency?.requestHash ?? null,
        retriedAt: null,
        createdAt: now,
        updatedAt: now,
      })
    },

    /** The messages that may be claimed, longest due first. */
    due: (deviceId: string, now: number, limit: number) => {
      const due = selectDue({ deviceId, from: Number.MIN_SAFE_INTEGER, until: now, limit })
      if (due.length < limit) {
        const range = { from: now + dueAheadMaxMs, until: Number.MAX_SAFE_INTEGER }
        due.push(...selectDue({ deviceId, ...range, limit: limit - due.length }))
      }
      return due.map(({ message, content, row }) => ({ message: toMessage(message), content, row }))
    },

    take: (row: OutboxRow, attempts: number, { owner, epoch }: Lease, now: number): void => {
      update({
        messageId: row.messageId,
        chat: row.chat,
        state: 'sending',
        dueAt: null,
        owner,
        epoch,
        attempts,
        retriedAt: row.retriedAt,
        errorCode: row.errorCode,
        errorDetail: row.errorDetail,
        updatedAt: now,
      })
    },

    /** Messages that are `sending` under another lease than this. */
    lost: (deviceId: string, { owner, epoch }: Lease): readonly OutboxRow[] =>
      selectLost.all({ deviceId, owner, epoch }),

    nextDue: (deviceId: string): number | null => selectNextDue({ deviceId })?.dueAt ?? null,

    /** Messages that are not settled, chat by chat in the order of acceptance. */
    open: (deviceId: string, limit: number): readonly OutboxRow[] => selectOpenRows.all({ deviceId, limit }),

    /** No more attempts for this message; the next of its chat has its turn. */
    settle: (
      row: OutboxRow,
      next: { state: Extract<OutboxState, 'sent' | 'failed' | 'cancelled'>; error: MessageFailure | null },
      now: number,
    ): void => {
      leave(row, row.chat, next, now)
      giveTurn(row.deviceId, row.chat, now)
    },

    /** Another attempt at `dueAt`, before all later messages of its chat. */
    requeue: (
      row: OutboxRow,
      message: Message,
      next: { dueAt: number; error: MessageFailure | null },
      now: number,
    ): void => {
      const chat = partyJid(message.chat)
      leave(row, chat, { state: 'queued', error: next.error }, now)
      lineUp(row, chat, next.dueAt, now)
    },

    /** A message that was settled comes back to its place in the order, as if nobody had tried to send it yet. */
    again: (row: OutboxRow, message: Message, now: number): void => {
      const chat = partyJid(message.chat)
      leave(row, chat, { state: 'queued', error: null }, now, { attempts: 0, retriedAt: now })
      lineUp(row, chat, now, now)
    },

    /** Whose turn it is in a chat need not wait any longer. */
    hasten: ({ deviceId, chat }: OutboxRow, now: number): void => {
      const oldest = selectOldest({ deviceId, chat })
      if (typeof oldest?.dueAt === 'number' && oldest.dueAt > now) setDue({ seq: oldest.seq, dueAt: now })
    },

    /** Two addresses have turned out to be one chat: their messages become one line, in the order of acceptance. */
    merge: (deviceId: string, { from, to }: { from: string; to: string }, now: number): void => {
      if (selectOpen({ deviceId, chat: from }) === undefined) return
      if (!isInFlight(deviceId, to)) moveInFlight.run({ deviceId, chat: from, to })
      moveQueued.run({ deviceId, chat: from, to })
      clearDue.run({ deviceId, chat: to })
      giveTurn(deviceId, to, now)
    },
  }
}

export type OutboxQueue = ReturnType<typeof createOutboxQueue>
