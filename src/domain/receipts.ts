/** How far a message has come with each member of its group. Pure. */
import type { Party } from './jid.ts'
import type { ReceiptStatus } from './message.ts'

/** How far a message has come with one member, in ms. */
export interface MemberReceipt {
  readonly member: Party
  readonly deliveredAt: number | null
  readonly readAt: number | null
  readonly playedAt: number | null
}

export type MemberStep = Exclude<ReceiptStatus, 'sent'>

/** Null when the receipt says nothing new. What was read was delivered, and what was played was read. */
export const advanceMember = (before: MemberReceipt, step: MemberStep, at: number): MemberReceipt | null => {
  const after: MemberReceipt = {
    member: before.member,
    deliveredAt: before.deliveredAt ?? at,
    readAt: before.readAt ?? (step === 'delivered' ? null : at),
    playedAt: before.playedAt ?? (step === 'played' ? at : null),
  }
  const isSame =
    after.deliveredAt === before.deliveredAt &&
    after.readAt === before.readAt &&
    after.playedAt === before.playedAt
  return isSame ? null : after
}

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b)

/** Two addresses have turned out to be one member. */
export const joinReceipts = (a: MemberReceipt, b: MemberReceipt): MemberReceipt => ({
  member: { pn: a.member.pn ?? b.member.pn, lid: a.member.lid ?? b.member.lid },
  deliveredAt: earlier(a.deliveredAt, b.deliveredAt),
  readAt: earlier(a.readAt, b.readAt),
  playedAt: earlier(a.playedAt, b.playedAt),
})

/** How many members a message was delivered to, read and played by. */
export type MemberCounts = Readonly<Record<MemberStep, number>>

/**
 * How far a message has come as a whole, as phones show it: so far as with all other members. Null while it is not
 * known how many there are, or the slowest of them has nothing yet.
 */
export const stepOfAll = (counts: MemberCounts, others: number | null): MemberStep | null => {
  if (others === null || others < 1) return null
  return (['played', 'read', 'delivered'] as const).find((step) => counts[step] >= others) ?? null
}
