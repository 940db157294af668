import { audited, type Receipt } from './accounted.ts'
import { and, asc, eq, sql } from './drizzle.ts'
import type { Origin } from '../../domain/audit.ts'
import { iso } from '../../domain/iso.ts'
import { partyJid, sameParty, type Party } from '../../domain/jid.ts'
import { momentIn, type Message, type ReceiptStatus } from '../../domain/message.ts'
import {
  advanceMember,
  joinReceipts,
  type MemberCounts,
  type MemberReceipt,
  type MemberStep,
  stepOfAll,
} from '../../domain/receipts.ts'
import type { ReceiptStore } from '../receipt-store.ts'
import type { AddressQueries } from './addresses.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { messageEvent, type MessageQueries } from './message-rows.ts'
import { receipts } from './schema.ts'
import { assign, directAll, directGet, directWrite, everyColumn, param, type Db } from './statements.ts'
import type { Tracer } from './trace.ts'

/** Applies a receipt to a message as a whole; null when it changes nothing. */
export type Receive = (
  before: Message,
  receipt: { readonly status: ReceiptStatus; readonly at: number; readonly from: string },
  origin: Origin,
  now: number,
) => Receipt | null

const columns = {
  seq: receipts.seq,
  byPn: receipts.byPn,
  byLid: receipts.byLid,
  deliveredAt: receipts.deliveredAt,
  readAt: receipts.readAt,
  playedAt: receipts.playedAt,
}

interface Row {
  readonly seq: number
  readonly byPn: string | null
  readonly byLid: string | null
  readonly deliveredAt: number | null
  readonly readAt: number | null
  readonly playedAt: number | null
}

const toReceipt = ({ byPn, byLid, deliveredAt, readAt, playedAt }: Row): MemberReceipt => ({
  member: { pn: byPn, lid: byLid },
  deliveredAt,
  readAt,
  playedAt,
})

const nothingYet = (member: Party): MemberReceipt => ({
  member,
  deliveredAt: null,
  readAt: null,
  playedAt: null,
})

const createRows = (db: Db) => {
  const ofMessage = eq(receipts.messageId, param('messageId'))
  const where = (name: 'byPn' | 'byLid') =>
    directGet(
      db,
      columns,
      db
        .select(columns)
        .from(receipts)
        .where(
          and(
            ofMessage,
            eq(receipts[name], param('jid')),
            name === 'byPn' ? sql`by_pn is not null` : sql`by_lid is not null`,
          ),
        ),
    )
  const selectByPn = where('byPn')
  const selectByLid = where('byLid')
  const selectAll = directAll(
    db,
    columns,
    db.select(columns).from(receipts).where(ofMessage).orderBy(asc(receipts.seq)),
  )
  const counted = {
    delivered: sql<number>`count(delivered_at)`,
    read: sql<number>`count(read_at)`,
    played: sql<number>`count(played_at)`,
  }
  const count = directGet(db, counted, db.select(counted).from(receipts).where(ofMessage))
  const insert = directWrite(db, db.insert(receipts).values(everyColumn(receipts)))
  const update = directWrite(
    db,
    db
      .update(receipts)
      .set(assign(receipts, 'byPn', 'byLid', 'deliveredAt', 'readAt', 'playedAt'))
      .where(eq(receipts.seq, param('seq'))),
  )
  const remove = directWrite(db, db.delete(receipts).where(eq(receipts.seq, param('seq'))))

  return {
    all: (messageId: string): readonly MemberReceipt[] => selectAll({ messageId }).map(toReceipt),
    counts: (messageId: string): MemberCounts => count({ messageId }) ?? { delivered: 0, read: 0, played: 0 },
    /** What is known of a member; two rows become one when both of his addresses were heard of apart. */
    take: (messageId: string, { pn, lid }: Party): { seq: number | null; known: MemberReceipt } => {
      const byPn = pn === null ? undefined : selectByPn({ messageId, jid: pn })
      const byLid = lid === null ? undefined : selectByLid({ messageId, jid: lid })
      const first = byPn ?? byLid
      if (first === undefined) return { seq: null, known: nothingYet({ pn, lid }) }
      const known = joinReceipts(toReceipt(first), nothingYet({ pn, lid }))
      if (byPn === undefined || byLid === undefined || byPn.seq === byLid.seq)
        return { seq: first.seq, known }
      remove({ seq: byLid.seq })
      return { seq: first.seq, known: joinReceipts(known, toReceipt(byLid)) }
    },
    put: (
      { id, deviceId }: Message,
      seq: number | null,
      { member, deliveredAt, readAt, playedAt }: MemberReceipt,
    ): void => {
      const row = { byPn: member.pn, byLid: member.lid, deliveredAt, readAt, playedAt }
      if (seq === null) insert({ messageId: id, deviceId, ...row })
      else update({ seq, ...row })
    },
  }
}

export const createReceipts = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    messages,
    addresses,
    receive,
  }: {
    fence: Fence
    tracer: Tracer
    messages: MessageQueries
    addresses: AddressQueries
    receive: Receive
  },
): ReceiptStore => {
  const rows = createRows(db)

  /** Writes what one member's receipt says of a message; null when it is known. */
  const note = (
    message: Message,
    step: MemberStep,
    given: { readonly member: Party; readonly at: number },
    origin: Origin,
    now: number,
  ): Receipt | null => {
    const member = addresses.complete(message.deviceId, given.member)
    const { seq, known } = rows.take(message.id, member)
    const at = momentIn({ ...message, deliveredAt: null, readAt: null }, given.at)
    const after = advanceMember(known, step, at)
    if (after === null) {
      if (seq !== null) rows.put(message, seq, known)
      return null
    }
    rows.put(message, seq, after)
    const who = partyJid(member)
    tracer.event(
      messageEvent('message.acknowledged', message, { member: who, status: step, at: iso(at) }),
      now,
    )
    return tracer.audit(
      {
        origin,
        action: 'message.receipt',
        target: { kind: 'message', id: message.id },
        before: null,
        after: { member: who, status: step, at },
      },
      now,
    )
  }

  return {
    ofMembers: (messageId) => engine.read(() => rows.all(messageId)),
    counts: (messageId) => engine.read(() => rows.counts(messageId)),
    recordOfMembers: (lease, { deviceId, group, whatsappIds, step, members, others }, origin, now) =>
      engine.write(() => {
        fence(lease)
        const chat: Party = { pn: group, lid: null }
        const ours = [...new Set(whatsappIds)]
          .flatMap((whatsappId) => messages.byWhatsappId(deviceId, whatsappId))
          .filter((message) => message.direction === 'outbound' && sameParty(message.chat, chat))
        const receipts: Receipt[] = []
        for (const message of ours) {
          let last: (typeof members)[number] | undefined
          for (const given of members) {
            const receipt = note(message, step, given, origin, now)
            if (receipt === null) continue
            receipts.push(receipt)
            last = given
          }
          if (last === undefined) continue
          const reached = stepOfAll(rows.counts(message.id), others)
          // One member who has it proves at least that the server had it.
          receive(
            message,
            { status: reached ?? 'sent', at: last.at, from: partyJid(last.member) },
            origin,
            now,
          )
        }
        return audited(receipts, receipts.length)
      }),
  }
}
