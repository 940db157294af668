/** Claims for devices that may not send as fast as they can. */
import type { NewAuditEntry, Origin } from '../../domain/audit.ts'
import { parseJid } from '../../domain/jid.ts'
import { type Message, momentIn } from '../../domain/message.ts'
import type { HeldFor } from '../../domain/outbox.ts'
import {
  drawGap,
  noHistory,
  pace,
  pacingWindowMs,
  type PacingRules,
  type SendHistory,
} from '../../domain/pacing.ts'
import type { ClaimedMessage } from '../store.ts'
import type { PacingStore } from '../schedule-store.ts'
import { audited, type Receipt } from './accounted.ts'
import { and, desc, eq, gt, isNotNull, lt, lte, ne, or, sql } from './drizzle.ts'
import { pacedSends } from './bulk-schema.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import type { MessageQueries } from './message-rows.ts'
import type { OutboxQueue, OutboxRow } from './outbox-queue.ts'
import type { Expire } from './outbox-schedule.ts'
import { claimedOf } from './outbox.ts'
import { authKeys, messages as messagesTable, outbox } from './schema.ts'
import { directGet, directWrite, everyColumn, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

const minuteMs = 60_000
/** Held messages that one claim looks at, to let go those whose chat is not new any more. */
const lookedAtMax = 50
/** Due messages of new chats that one claim holds, before it gives the database to others. */
const heldRoundsMax = 5

/** Whether anything has been heard from a chat, or has arrived there. */
const createIsNew = (db: Db) => {
  const one = { one: sql`1` }
  const happened = or(
    eq(messagesTable.direction, sql`'inbound'`),
    sql`${messagesTable.status} in ('sent', 'delivered', 'read', 'played')`,
  )
  const select = (column: 'chatPn' | 'chatLid') =>
    directGet(
      db,
      one,
      db
        .select(one)
        .from(messagesTable)
        .where(
          and(
            eq(messagesTable.deviceId, param('deviceId')),
            eq(messagesTable[column], param('address')),
            ne(messagesTable.id, param('id')),
            happened,
          ),
        )
        .limit(upTo(1)),
    )
  const known = { chatPn: select('chatPn'), chatLid: select('chatLid') }
  // WhatsApp takes what bears the token that the contact has given us, whatever was said before (Baileys,
  // tc-token-utils.js). What we have given to a contact is in the same row, without a token.
  const selectToken = directGet(
    db,
    one,
    db
      .select(one)
      .from(authKeys)
      .where(
        and(
          eq(authKeys.deviceId, param('deviceId')),
          eq(authKeys.type, sql`'tctoken'`),
          or(eq(authKeys.keyId, param('pn')), eq(authKeys.keyId, param('lid'))),
          sql`(${authKeys.bytes} is not null or ${authKeys.json} like '%"token":{%')`,
        ),
      )
      .limit(upTo(1)),
  )
  return ({ id, deviceId, chat: { pn, lid } }: Message): boolean => {
    if (pn !== null && parseJid(pn)?.kind === 'group') return false
    if (pn !== null && known.chatPn({ deviceId, address: pn, id }) !== undefined) return false
    if (lid !== null && known.chatLid({ deviceId, address: lid, id }) !== undefined) return false
    return selectToken({ deviceId, pn, lid }) === undefined
  }
}

const opensOneByOne = (rules: PacingRules | null): boolean =>
  rules !== null && (rules.newChatsPerDay !== null || rules.newChatGap !== null)

const createHistory = (db: Db) => {
  const ofDevice = and(eq(pacedSends.deviceId, param('deviceId')), lte(pacedSends.at, param('until')))
  const isNewChat = eq(pacedSends.newChat, sql`1`)
  const columns = { at: pacedSends.at, gapMs: pacedSends.gapMs, newChatGapMs: pacedSends.newChatGapMs }
  const nth = (where: ReturnType<typeof and>) =>
    directGet(
      db,
      columns,
      db
        .select(columns)
        .from(pacedSends)
        .where(where)
        .orderBy(desc(pacedSends.at), desc(pacedSends.seq))
        .limit(upTo(1))
        .offset(upTo('skip')),
    )
  const nthSend = nth(ofDevice)
  const nthNewChat = nth(and(ofDevice, isNewChat))
  return (deviceId: string, rules: PacingRules | null, now: number): SendHistory => {
    const until = now + pacingWindowMs
    const at = (find: typeof nthSend, limit: number | null, windowMs: number): number | null =>
      limit === null ? null : (find({ deviceId, until: now + windowMs, skip: limit - 1 })?.at ?? null)
    const last = nthSend({ deviceId, until, skip: 0 })
    const lastNewChat = nthNewChat({ deviceId, until, skip: 0 })
    return {
      last: last === undefined ? null : { at: last.at, gapMs: last.gapMs },
      lastNewChat: lastNewChat === undefined ? null : { at: lastNewChat.at, gapMs: lastNewChat.newChatGapMs },
      minuteLimitAt: at(nthSend, rules?.messagesPerMinute ?? null, minuteMs),
      dayLimitAt: at(nthSend, rules?.messagesPerDay ?? null, pacingWindowMs),
      newChatLimitAt: at(nthNewChat, rules?.newChatsPerDay ?? null, pacingWindowMs),
    }
  }
}

export const createPacing = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    messages,
    queue,
    expire,
  }: { fence: Fence; tracer: Tracer; messages: MessageQueries; queue: OutboxQueue; expire: Expire },
): PacingStore => {
  const isNew = createIsNew(db)
  const historyOf = createHistory(db)
  const note = directWrite(db, db.insert(pacedSends).values(everyColumn(pacedSends)))
  const ofDevice = eq(pacedSends.deviceId, param('deviceId'))
  const forget = directWrite(
    db,
    db
      .delete(pacedSends)
      .where(and(ofDevice, or(lt(pacedSends.at, param('from')), gt(pacedSends.at, param('until'))))),
  )
  const selectHasHeld = directGet(
    db,
    { seq: outbox.seq },
    db
      .select({ seq: outbox.seq })
      .from(outbox)
      .where(and(eq(outbox.deviceId, param('deviceId')), isNotNull(outbox.heldFor)))
      .limit(upTo(1)),
  )

  const entry = (
    action: NewAuditEntry['action'],
    { messageId, heldFor }: OutboxRow,
    origin: Origin,
    after: NewAuditEntry['after'],
  ): NewAuditEntry => ({
    origin,
    action,
    target: { kind: 'message', id: messageId },
    before: { heldFor },
    after,
  })

  const letGo = (row: OutboxRow, message: Message, origin: Origin, now: number): Receipt => {
    queue.join(row, message, now)
    return tracer.audit(entry('message.release', row, origin, { heldFor: null }), now)
  }

  /** Lets go what is held: what goes to a chat that has become known, and so many others. */
  const lookAtHeld = (deviceId: string, mayOpen: number, origin: Origin, now: number): Receipt[] => {
    const receipts: Receipt[] = []
    if (selectHasHeld({ deviceId }) === undefined) return receipts
    let left = mayOpen
    for (const row of queue.held(deviceId, lookedAtMax)) {
      const message = messages.get(row.messageId)
      if (message === undefined) continue
      const fresh = isNew(message)
      if (fresh && left === 0) continue
      if (fresh) left -= 1
      receipts.push(letGo(row, message, origin, now))
    }
    return receipts
  }

  const holds = (deviceId: string): boolean => selectHasHeld({ deviceId }) !== undefined

  return {
    holds: (deviceId) => engine.read(() => holds(deviceId)),

    history: (deviceId, rules, now) => engine.read(() => historyOf(deviceId, rules, now)),

    claim: (lease, { deviceId, limit, rules, restrictedUntil, random }, origin, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const paceNow = () =>
          pace(rules, restrictedUntil, rules === null ? noHistory : historyOf(deviceId, rules, now), now)
        let current = paceNow()
        // Pacing lets new chats through one by one: the others would only be held again.
        const mayOpen = current.newChats !== null ? 0 : opensOneByOne(rules) ? 1 : lookedAtMax
        const receipts = lookAtHeld(deviceId, mayOpen, origin, now)
        const claimed: ClaimedMessage[] = []

        const take = (
          row: OutboxRow,
          before: Message,
          content: Uint8Array | null,
          fresh: boolean,
        ): Receipt => {
          const message: Message = {
            ...before,
            status: 'sending',
            attempts: before.attempts + 1,
            sendingAt: momentIn(before, now),
          }
          messages.update(message)
          // It may have waited for days: what it was allowed to be tried begins now.
          const since = row.attempts === 0 ? now : (row.retriedAt ?? before.createdAt)
          queue.take(row, row.attempts + 1, lease, now, since)
          if (rules !== null) {
            forget({ deviceId, from: now - pacingWindowMs, until: now + pacingWindowMs })
            note({
              deviceId,
              at: now,
              newChat: fresh ? 1 : 0,
              gapMs: drawGap(rules.gap, random),
              newChatGapMs: fresh ? drawGap(rules.newChatGap, random) : 0,
            })
          }
          claimed.push(claimedOf(row, message, content, since))
          return tracer.audit(
            {
              origin,
              action: 'message.attempt',
              target: { kind: 'message', id: message.id },
              before: { status: before.status, attempts: before.attempts },
              after: {
                status: message.status,
                attempts: message.attempts,
                error: message.error?.code ?? null,
              },
            },
            now,
          )
        }

        for (let round = 0; round < heldRoundsMax && claimed.length < limit; round++) {
          const due = queue.due(deviceId, now, limit - claimed.length)
          if (due.length === 0 || current.any !== null) break
          for (const { message, content, row } of due) {
            if (row.expiresAt !== null && row.expiresAt <= now) {
              receipts.push(expire(row, message, origin, now))
              continue
            }
            if (current.any !== null) break
            const fresh = isNew(message)
            const waits = fresh ? current.newChats : null
            if (waits !== null && (waits.reason === 'restricted' || row.attempts === 0)) {
              const heldFor: HeldFor = waits.reason === 'restricted' ? 'restricted' : 'new_chats'
              queue.hold(row, heldFor)
              const held = entry('message.hold', row, origin, { heldFor, until: waits.until })
              receipts.push(tracer.audit(held, now))
              continue
            }
            receipts.push(take(row, message, content, fresh && row.attempts === 0))
            current = paceNow()
          }
        }
        const holding = holds(deviceId)
        const wait = current.any ?? (holding ? current.newChats : null)
        return audited(receipts, { claimed, wait, holds: holding })
      }),
  }
}
