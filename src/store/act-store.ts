import type { MessageChange, Reaction, Vote } from '../domain/acts.ts'
import type { Origin } from '../domain/audit.ts'
import type { Party } from '../domain/jid.ts'
import type { Lease } from '../domain/lease.ts'

/** A vote that came and was not decrypted yet, and the poll that it is for. Contents are encoded WAProto `Message`s. */
export interface UnreadVote {
  /** Of the message that is the vote. */
  readonly id: string
  readonly voter: Party
  readonly content: Uint8Array
  readonly poll: {
    readonly id: string
    readonly whatsappId: string
    readonly creator: Party
    readonly content: Uint8Array
  }
}

/**
 * What was done to messages. An act is applied to its target in the transaction in which it is stored, in which its
 * target is, or, one of our own, in which it counts as sent (`inbound.promote`, `outbox.record`,
 * `messages.recordReceipt`). Votes alone are applied later, once somebody has decrypted them.
 */
export interface ActStore {
  /** The reaction of each person that has one, oldest first. */
  reactions(messageId: string): Promise<readonly Reaction[]>
  /** The vote of each person that has chosen something, oldest first. */
  votes(messageId: string): Promise<readonly Vote[]>
  /** What the message said before each edit and deletion, oldest first. */
  changes(messageId: string): Promise<readonly MessageChange[]>
  /** Votes of a device whose poll is there, oldest first. */
  unreadVotes(deviceId: string, limit: number): Promise<readonly UnreadVote[]>
  /**
   * Writes what a vote chooses and counts it; null when it cannot be read: then it is kept as `failed`. Ignored when that
   * was done before.
   */
  settleVote(
    lease: Lease,
    vote: { readonly id: string; readonly pollId: string; readonly options: readonly string[] | null },
    origin: Origin,
    now: number,
  ): Promise<void>
}
