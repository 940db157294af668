import type { Origin } from '../domain/audit.ts'
import type { Party } from '../domain/jid.ts'
import type { Lease } from '../domain/lease.ts'
import type { MemberCounts, MemberReceipt, MemberStep } from '../domain/receipts.ts'

/** Receipts of the members of groups. */
export interface ReceiptStore {
  /** How far a message has come with each member that anything is known of, in the order in which they were heard of first. */
  ofMembers(messageId: string): Promise<readonly MemberReceipt[]>
  counts(messageId: string): Promise<MemberCounts>
  /**
   * Writes how far messages of ours have come with members of their group, all in one transaction; a message advances as
   * a whole when all of the `others` have come so far (`stepOfAll`). Ids that are not ours, and what is known already, are
   * ignored. Resolves with how many receipts were new.
   */
  recordOfMembers(
    lease: Lease,
    receipt: {
      readonly deviceId: string
      /** The group's JID. */
      readonly group: string
      readonly whatsappIds: readonly string[]
      readonly step: MemberStep
      readonly members: readonly { readonly member: Party; readonly at: number }[]
      /** How many members the group has beside us; null when nobody knows. */
      readonly others: number | null
    },
    origin: Origin,
    now: number,
  ): Promise<number>
}
