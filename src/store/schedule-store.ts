/** What of the outbox waits: for a time, or for its turn. See store.ts for what holds for all verbs. */
import type { Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import type { Lease } from '../domain/lease.ts'
import type { Message } from '../domain/message.ts'
import type { HeldFor, ParkedFor } from '../domain/outbox.ts'
import type { PacingRules, SendHistory, Wait } from '../domain/pacing.ts'
import type { Plan } from '../domain/plan.ts'
import type { ClaimedMessage, NewMessage, Page } from './store.ts'

/** How the outbox means to go on with a message. */
export interface PlanView extends Plan {
  readonly parkedFor: ParkedFor | null
  readonly heldFor: HeldFor | null
  readonly bulkId: string | null
}

export interface ScheduledMessage {
  readonly message: Message
  readonly plan: PlanView
}

/** What a message that waits for its time is to say instead, and when. */
export interface ScheduledChange {
  readonly said?: Pick<NewMessage, 'type' | 'text' | 'content'> & Pick<Message, 'body' | 'targetId'>
  readonly plan: Plan
}

export interface ScheduleStore {
  /** Undefined for a message that is not in the outbox. */
  plan(messageId: string): Promise<PlanView | undefined>
  /** Those of a device that wait for their time, soonest first. */
  list(deviceId: string, page: { limit: number; cursor?: string }): Promise<Page<ScheduledMessage>>
  /**
   * Changes a message that waits for its time; without a `sendAt` it goes into line at once. What `change` throws, the
   * promise rejects with. Undefined when the outbox has no such message.
   */
  change(
    messageId: string,
    change: (message: Message, plan: PlanView) => ScheduledChange,
    origin: Origin,
    now: number,
  ): Promise<Message | undefined>
  /**
   * Puts messages whose time has come into line, and gives up those that have expired; of any device, so the lease is
   * the connector's seat. At most `limit` of each. Resolves with when the next are due; null when none is.
   */
  advance(lease: Lease, limit: number, origin: Origin, now: number): Promise<number | null>
}

export interface PacingStore {
  /** Is any message of the device held? */
  holds(deviceId: string): Promise<boolean>
  /** What a device has sent lately, as far as the rules look at it. */
  history(deviceId: string, rules: PacingRules | null, now: number): Promise<SendHistory>
  /**
   * `outbox.claim` for a device that may not send as fast as it can: claims what may go now, and notes it as sent. What
   * would open a chat while none may be opened is held, and let go when it may. Resolves with what was claimed; with why and
   * until when nothing more can be, null when it can; and with whether any is held.
   */
  claim(
    lease: Lease,
    input: {
      readonly deviceId: string
      readonly limit: number
      readonly rules: PacingRules | null
      /** Until then WhatsApp lets the account open no new chats. */
      readonly restrictedUntil: number | null
      readonly random: Random
    },
    origin: Origin,
    now: number,
  ): Promise<{
    readonly claimed: readonly ClaimedMessage[]
    readonly wait: Wait | null
    readonly holds: boolean
  }>
}
