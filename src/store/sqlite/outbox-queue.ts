/**
 * The order of the outbox: which message may be claimed next. Of each chat only the oldest open message can be due,
 * and none while one of the chat is in flight; `due_at` says so on the row, so that a claim reads only what it takes. What
 * is parked is not in the order yet; what is held has its turn, without a time.
 */
import { and, asc, eq, getTableColumns, gt, isNotNull, lte, min, ne, or, sql } from './drizzle.ts'
import { partyJid } from '../../domain/jid.ts'
import type { Lease } from '../../domain/lease.ts'
import type { Message, MessageFailure } from '../../domain/message.ts'
import { dueAheadMaxMs, type HeldFor, type OutboxState } from '../../domain/outbox.ts'
import { plainPlan, priorities, rankOf, type Plan } from '../../domain/plan.ts'
import { messageColumns, toMessage } from './message-rows.ts'
import { messages, outbox } from './schema.ts'
import { assign, directAll, directGet, directWrite, everyColumn, param, type Db, upTo } from './statements.ts'

export type OutboxRow = typeof outbox.$inferSelect

export const createOutboxQueue = (db: Db) => {
  const ofDevice = eq(outbox.deviceId, param('deviceId'))
  const ofChat = and(ofDevice, eq(outbox.chat, param('chat')))
  const ofMessage = eq(outbox.messageId, param('messageId'))
  const isOpen = sql`${outbox.state} in ('queued', 'sending') and parked_for is null`
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
      .orderBy(asc(outbox.rank), asc(outbox.dueAt), asc(outbox.seq))
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
      .where(and(ofDevice, eq(outbox.rank, param('rank')), isNotNull(outbox.dueAt))),
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
          'parkedFor',
          'heldFor',
          'uncertain',
        ),
      )
      .where(ofMessage),
  )
  const setDue = directWrite(
    db,
    db
      .update(outbox)
      .set({ ...assign(outbox, 'dueAt'), heldFor: null })
      .where(eq(outbox.seq, param('seq'))),
  )
  const setHeld = directWrite(
    db,
    db
      .update(outbox)
      .set({ ...assign(outbox, 'heldFor'), dueAt: null })
      .where(eq(outbox.seq, param('seq'))),
  )
  const selectHeld = db
    .select()
    .from(outbox)
    .where(and(ofDevice, isNotNull(outbox.heldFor)))
    .orderBy(asc(outbox.rank), asc(outbox.seq))
    .limit(upTo('limit'))
    .prepare()
  const selectParked = db
    .select()
    .from(outbox)
    .where(and(ofDevice, isNotNull(outbox.parkedFor)))
    .orderBy(asc(outbox.seq))
    .limit(upTo('limit'))
    .prepare()
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
    { attempts, retriedAt, uncertain }: Pick<OutboxRow, 'attempts' | 'retriedAt' | 'uncertain'> = row,
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
      parkedFor: null,
      heldFor: null,
      uncertain,
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

    add: (
      message: Message,
      {
        idempotency,
        plan: { priority, sendAt, expiresAt, typingMs } = plainPlan,
        bulkId = null,
      }: {
        idempotency?: { key: string; requestHash: string } | undefined
        plan?: Plan | undefined
        bulkId?: string | null
      },
      now: number,
    ) => {
      const chat = partyJid(message.chat)
      const isFirst = sendAt === null && selectOpen({ deviceId: message.deviceId, chat }) === undefined
      insert({
        messageId: message.id,
        deviceId: message.deviceId,
        chat,
        state: 'queued',
        dueAt: isFirst ? now : null,
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
        rank: rankOf(priority),
        sendAt,
        expiresAt,
        typingMs,
        parkedFor: sendAt === null ? null : 'time',
        heldFor: null,
        uncertain: 0,
        bulkId,
      })
    },

    /** The messages that may be claimed: the most urgent first, of those the longest due. */
    due: (deviceId: string, now: number, limit: number) => {
      const due = selectDue({ deviceId, from: Number.MIN_SAFE_INTEGER, until: now, limit })
      if (due.length < limit) {
        const range = { from: now + dueAheadMaxMs, until: Number.MAX_SAFE_INTEGER }
        due.push(...selectDue({ deviceId, ...range, limit: limit - due.length }))
      }
      return due.map(({ message, content, row }) => ({ message: toMessage(message), content, row }))
    },

    take: (
      row: OutboxRow,
      attempts: number,
      { owner, epoch }: Lease,
      now: number,
      retriedAt: number | null = row.retriedAt,
    ): void => {
      update({
        messageId: row.messageId,
        chat: row.chat,
        state: 'sending',
        dueAt: null,
        owner,
        epoch,
        attempts,
        retriedAt,
        errorCode: row.errorCode,
        errorDetail: row.errorDetail,
        updatedAt: now,
        parkedFor: null,
        heldFor: null,
        uncertain: row.uncertain,
      })
    },

    /** Messages that are `sending` under another lease than this. */
    lost: (deviceId: string, { owner, epoch }: Lease): readonly OutboxRow[] =>
      selectLost.all({ deviceId, owner, epoch }),

    nextDue: (deviceId: string): number | null => {
      let next: number | null = null
      for (let rank = 0; rank < priorities.length; rank++) {
        const due = selectNextDue({ deviceId, rank })?.dueAt ?? null
        if (due !== null && (next === null || due < next)) next = due
      }
      return next
    },

    /** Messages that are not settled, chat by chat in the order of acceptance; then those that are parked. */
    open: (deviceId: string, limit: number): readonly OutboxRow[] => {
      const open = selectOpenRows.all({ deviceId, limit })
      return open.length === limit
        ? open
        : [...open, ...selectParked.all({ deviceId, limit: limit - open.length })]
    },

    /** A message that nobody has tried yet leaves the line of its chat until its bulk goes on. */
    park: (row: OutboxRow, now: number): void => {
      update({ ...row, dueAt: null, updatedAt: now, parkedFor: 'bulk', heldFor: null })
      giveTurn(row.deviceId, row.chat, now)
    },

    /** A message whose turn it is may not use it now. */
    hold: ({ seq }: OutboxRow, heldFor: HeldFor): void => setHeld({ seq, heldFor }),

    /** The messages that are held, the most urgent first. */
    held: (deviceId: string, limit: number): readonly OutboxRow[] => selectHeld.all({ deviceId, limit }),

    /** No more attempts for this message; the next of its chat has its turn. */
    settle: (
      row: OutboxRow,
      next: { state: Extract<OutboxState, 'sent' | 'failed' | 'cancelled'>; error: MessageFailure | null },
      now: number,
    ): void => {
      leave(row, row.chat, next, now)
      giveTurn(row.deviceId, row.chat, now)
    },

    /** Another attempt at `dueAt`, before all later messages of its chat. `uncertain`: this one may have arrived. */
    requeue: (
      row: OutboxRow,
      message: Message,
      next: { dueAt: number; error: MessageFailure | null; uncertain: boolean },
      now: number,
    ): void => {
      const chat = partyJid(message.chat)
      const { attempts, retriedAt } = row
      const uncertain = next.uncertain ? 1 : row.uncertain
      leave(row, chat, { state: 'queued', error: next.error }, now, { attempts, retriedAt, uncertain })
      lineUp(row, chat, next.dueAt, now)
    },

    /**
     * A message that was parked or held comes to its place in the order of its chat. Those that wait there for a retry go
     * on doing so, unless it comes before them.
     */
    join: (row: OutboxRow, message: Message, now: number): void => {
      const chat = partyJid(message.chat)
      const { attempts, uncertain } = row
      const error = message.error
      leave(row, chat, { state: 'queued', error }, now, { attempts, retriedAt: now, uncertain })
      if (selectOldest({ deviceId: row.deviceId, chat })?.messageId === row.messageId)
        lineUp(row, chat, now, now)
    },

    /** A message that was settled comes back to its place in the order, as if nobody had tried to send it yet. */
    again: (row: OutboxRow, message: Message, now: number): void => {
      const chat = partyJid(message.chat)
      leave(row, chat, { state: 'queued', error: null }, now, {
        attempts: 0,
        retriedAt: now,
        uncertain: row.uncertain,
      })
      lineUp(row, chat, now, now)
    },

    /** Whose turn it is in a chat need not wait any longer. */
    hasten: ({ deviceId, chat, parkedFor }: OutboxRow, now: number): void => {
      if (parkedFor !== null) return
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
