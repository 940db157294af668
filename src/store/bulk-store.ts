/** Messages for many people at once. See store.ts for what holds for all verbs. */
import type { Origin } from '../domain/audit.ts'
import type { Bulk, BulkVerb, RecipientState, RecipientStatus, Variables } from '../domain/bulk.ts'
import type { Device } from '../domain/device.ts'
import type { Lease } from '../domain/lease.ts'
import type { MessageFailure } from '../domain/message.ts'
import type { Page, Sender } from './store.ts'

/** One of the people whom a bulk is for, in the order in which they were given. */
export interface NewRecipient {
  /** As it was given. */
  readonly recipient: string
  /** The JID; null for what is none. */
  readonly chat: string | null
  readonly variables: Variables | null
  readonly state: Extract<RecipientState, 'waiting' | 'invalid' | 'duplicate'>
  readonly error: MessageFailure | null
  /** The id that its message will have. */
  readonly messageId: string
}

export interface BulkRecipient {
  /** From 0. */
  readonly index: number
  readonly recipient: string
  readonly chat: string | null
  readonly status: RecipientStatus
  readonly error: MessageFailure | null
  /** Null while there is no message. */
  readonly messageId: string | null
}

export type CreatedBulk = {
  /** See `Enqueued`. */
  readonly kind: 'accepted' | 'repeated' | 'conflict'
  readonly bulk: Bulk
}

export interface BulkStore {
  /** Writes a bulk with all its recipients, or nothing. `admit` and StoreError `full` as with `outbox.enqueue`. */
  create(
    input: {
      readonly bulk: Pick<Bulk, 'id' | 'deviceId' | 'name' | 'body' | 'plan'>
      readonly recipients: readonly NewRecipient[]
      readonly idempotency?: { readonly key: string; readonly requestHash: string }
    },
    admit: (device: Device | undefined) => Sender,
    origin: Origin,
    now: number,
  ): Promise<CreatedBulk>
  get(id: string): Promise<Bulk | undefined>
  /** Those of a device, newest first. */
  list(deviceId: string, page: { limit: number; cursor?: string }): Promise<Page<Bulk>>
  /** How many of its recipients it has come how far with. */
  counts(id: string): Promise<Readonly<Record<RecipientStatus, number>>>
  /** In the order in which they were given. */
  recipients(
    id: string,
    page: { limit: number; cursor?: string; status?: RecipientStatus },
  ): Promise<Page<BulkRecipient>>
  /**
   * Changes the state by `onBulkVerb`, and with it what of the bulk is in the outbox: a pause parks what nobody has tried
   * yet, a cancellation gives up what is not in flight. Undefined when there is no such bulk.
   */
  change(id: string, verb: BulkVerb, origin: Origin, now: number): Promise<Bulk | undefined>
  /** Cancels all bulks of a device; resolves with how many there were. */
  cancelAll(
    lease: Lease,
    deviceId: string,
    error: MessageFailure,
    origin: Origin,
    now: number,
  ): Promise<number>
  /**
   * Brings the bulks of all devices forward, so the lease is the connector's seat: each running one has `bulkQueuedMax`
   * messages in the outbox while any wait, and ends with the last; what waits at its `expiresAt` is given up. A message, its outbox row and the recipient's state are
   * one transaction. Resolves with how many messages were put into the outbox.
   */
  feed(lease: Lease, origin: Origin, now: number): Promise<number>
}
