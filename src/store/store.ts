/**
 * The seam between the gateway and its database. One verb is one transaction; nobody outside ever holds one.
 *
 * - A verb that changes something takes, or gets from the pure decision that it runs, a `Trace`: the events and the
 *   audit entry that are written in the same transaction.
 * - A verb that only a connector uses takes its `Lease` first and rejects with `StaleLeaseError` when the lease has
 *   changed hands or epochs since; nothing is written then.
 * - A promise resolves after COMMIT: what it reports is on disk. Any verb may reject with `StoreError`.
 * - Times are wall-clock ms and come in as `now`. Those of leases alone are monotonic ms of the machine.
 */
import type { Origin } from '../domain/audit.ts'
import type { Device, DeviceChange, StatusReason, DeviceStatus } from '../domain/device.ts'
import type { DeviceView } from '../domain/shown-status.ts'
import type { Event, EventType, Sighting } from '../domain/event.ts'
import type { Party } from '../domain/jid.ts'
import type { Lease } from '../domain/lease.ts'
import type { ActStore } from './act-store.ts'
import type { AuditStore } from './audit-store.ts'
import type { AuthStore, InboundStore } from './inbound-store.ts'
import type { ReceiptStore } from './receipt-store.ts'
export type { PacingStore, PlanView, ScheduledMessage, ScheduleStore } from './schedule-store.ts'
import type { MediaStore } from './media-store.ts'
import type { BulkStore } from './bulk-store.ts'
import type { ChatStore, SearchStore } from './search-store.ts'
import type {
  Direction,
  Message,
  MessageFailure,
  MessageMark,
  MessageType,
  ReceiptStatus,
  ShownStatus,
} from '../domain/message.ts'
import type { AfterAttempt } from '../domain/outbox.ts'
import type { OperationStore } from './operation-store.ts'

export type { OperationStore } from './operation-store.ts'
import type { WebhookStore } from './webhook-store.ts'
import type { NumberStore } from './numbers-store.ts'
import type { PacingStore, ScheduleStore } from './schedule-store.ts'
import type { Plan } from '../domain/plan.ts'

/** The database cannot do it now. `busy` passes by itself; the others need a person. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: 'busy' | 'full' | 'read_only' | 'io' | 'closed' | 'failed'
  constructor(kind: StoreError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** The database was written by a newer version of the gateway, or is none of ours: the process must not start. */
export class StoreVersionError extends Error {
  override readonly name = 'StoreVersionError'
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Give it back to go on; null at the end. */
  readonly nextCursor: string | null
}

// ---- devices

/** One row of a device's status history. */
export interface StatusChange {
  readonly seq: number
  readonly at: number
  readonly status: DeviceStatus
  readonly previous: DeviceStatus | null
  readonly reason: StatusReason | null
  readonly detail: string | null
}

export interface DeviceStore {
  /**
   * Runs a pure decision on the row as it is now and writes what it returns, with a history row for each
   * `device.status_changed` among its events. What the decision throws, the promise rejects with; nothing is written.
   */
  decide(id: string, decision: (before: Device | undefined) => DeviceChange): Promise<DeviceView>
  /** The same for a connector: the device must exist. */
  observe(lease: Lease, id: string, decision: (before: Device) => DeviceChange): Promise<Device>
  get(id: string): Promise<DeviceView | undefined>
  /** All that are not removed, by id. */
  list(): Promise<readonly DeviceView[]>
  /** Those with `generation > settledGeneration`, by id. */
  unsettled(): Promise<readonly Device[]>
  /** Newest first. Works for removed devices too. */
  history(id: string, page: { limit: number; cursor?: string }): Promise<Page<StatusChange>>
}

// ---- messages

type Said = Pick<Message, 'body' | 'targetId' | 'targetWhatsappId'>

/** A message on its way into the store. */
export type NewMessage = Omit<
  Message,
  'status' | 'error' | 'attempts' | 'pinnedUntil' | `${string}At` | keyof Said
> &
  Partial<Said> & {
    readonly whatsappAt: number | null
    /** The encoded WAProto `Message`: what `getMessage` hands to Baileys for a retry receipt. */
    readonly content: Uint8Array | null
  }

export interface MessageFilter {
  readonly deviceId: string
  /** Matches either address of the chat. */
  readonly chat?: string
  readonly direction?: Direction
  readonly status?: ShownStatus
  readonly type?: MessageType
  /** Acts on messages (reactions, edits…) too, which are left out when no type is given. */
  readonly acts?: boolean
  /** Created at or after, before (ms). */
  readonly after?: number
  readonly before?: number
}

export interface MessageStore {
  get(id: string): Promise<Message | undefined>
  /** Newest first. */
  list(filter: MessageFilter, page: { limit: number; cursor?: string }): Promise<Page<Message>>
  /** The encoded WAProto `Message` of a message; undefined when it is not kept. */
  contentOf(id: string): Promise<Uint8Array | undefined>
  /** The encoded WAProto `Message` of any message of the device with this WhatsApp id. */
  content(deviceId: string, whatsappId: string): Promise<Uint8Array | undefined>
  /**
   * Applies a receipt to an outbound message by `advance`, and settles its outbox row: a receipt proves what a lost
   * ack could not. Ids that are not ours, and receipts that change nothing, are ignored. Resolves with how many
   * messages changed.
   */
  recordReceipt(
    lease: Lease,
    receipt: {
      readonly deviceId: string
      readonly whatsappIds: readonly string[]
      readonly status: ReceiptStatus
      readonly at: number
      readonly from: string
    },
    origin: Origin,
    now: number,
  ): Promise<number>
  /**
   * Writes what the owner has done to a message on another device. `chat` is either of its addresses. Resolves with how many
   * messages changed.
   */
  mark(
    lease: Lease,
    message: {
      readonly deviceId: string
      readonly whatsappId: string
      readonly fromMe: boolean
      readonly chat: string
    },
    mark: MessageMark,
    origin: Origin,
    now: number,
  ): Promise<number>
}

// ---- outbox

/** A message that a connector has claimed and must now try to send. */
export interface ClaimedMessage {
  readonly message: Message
  /** Null until it is made from the body (`prepared`). */
  readonly content: Uint8Array | null
  /** Including this one, since `since`. */
  readonly attempts: number
  /** When it was accepted, came into line, or was queued anew by a person. */
  readonly since: number
  readonly expiresAt: number | null
  readonly typingMs: number | null
  /** Nobody can say whether an earlier attempt has arrived. */
  readonly uncertain: boolean
}

export type Enqueued =
  | { readonly kind: 'accepted'; readonly message: Message }
  /** The idempotency key was used before for the same request. */
  | { readonly kind: 'repeated'; readonly message: Message }
  /** The idempotency key was used before for another request. */
  | { readonly kind: 'conflict'; readonly message: Message }

/** Who writes a message, and under what name. */
export type Sender = Pick<NewMessage, 'sender' | 'senderName'>

export interface OutboxStore {
  /**
   * `admit` sees the device as it is in the transaction: it throws to refuse, or says as whom the message is sent. Rejects
   * with StoreError `full` while the last of the disk is kept for what is under way. An idempotent repeat is refused by
   * neither.
   */
  enqueue(
    input: {
      /** Content, or a body that it will be made from. */
      readonly message: Omit<NewMessage, keyof Sender>
      readonly idempotency?: { readonly key: string; readonly requestHash: string }
      /** A `sendAt` parks it: it is not in the line of its chat before. */
      readonly plan?: Plan
    },
    admit: (device: Device | undefined) => Sender,
    origin: Origin,
    now: number,
  ): Promise<Enqueued>
  /**
   * Claims the oldest due message of each chat that has none in flight, at most `limit`, and marks them `sending`:
   * messages to one chat leave in the order of acceptance, and of the chats the more urgent goes first. One whose time
   * lies more than `dueAheadMaxMs` ahead is due: the wall clock was put back since. One that has expired is given up.
   */
  claim(
    lease: Lease,
    input: { readonly deviceId: string; readonly limit: number },
    origin: Origin,
    now: number,
  ): Promise<readonly ClaimedMessage[]>
  /** Keeps what a claimed message's body has come to, before any of it leaves: a retry sends the same. */
  prepared(lease: Lease, messageId: string, content: Uint8Array): Promise<void>
  /**
   * Writes the outcome of an attempt. Ignored when the message is not `sending` any more (a receipt or an ack that
   * came by another way has settled it).
   */
  record(lease: Lease, messageId: string, after: AfterAttempt, origin: Origin, now: number): Promise<void>
  /** Messages that an earlier epoch left `sending`: their fate is unknown; they are queued again under the same id. */
  recover(lease: Lease, deviceId: string, origin: Origin, now: number): Promise<number>
  /**
   * Gives up all messages of a device that are not sent yet: each becomes `failed` with this error and its outbox row
   * `cancelled`. Resolves with how many there were.
   */
  cancelAll(
    lease: Lease,
    deviceId: string,
    error: MessageFailure,
    origin: Origin,
    now: number,
  ): Promise<number>
  /**
   * Has a message tried again under its own id by `onRetry`: one that was given up on gets a fresh allowance of attempts
   * and time, and its old place in the order of its chat. `admit` throws to refuse, seeing the device as it is in the
   * transaction. Undefined when the outbox has no such message.
   */
  retry(
    messageId: string,
    admit: (device: Device | undefined, message: Message) => void,
    origin: Origin,
    now: number,
  ): Promise<Message | undefined>
  /** Gives a message up by `onCancel`: no more attempts. Undefined when the outbox has no such message. */
  cancel(messageId: string, origin: Origin, now: number): Promise<Message | undefined>
  /** When the next queued message of the device is due, as it was written; null when there is none. */
  nextDue(deviceId: string): Promise<number | null>
}

// ---- credentials, signal keys, inbound journal

export type {
  AuthStore,
  FilePlace,
  InboundStore,
  JournaledStanza,
  JournalRow,
  KeyChanges,
  Promotion,
} from './inbound-store.ts'
export type { SearchFilter } from './search-store.ts'

// ---- acts on messages

export type { ActStore } from './act-store.ts'

// ---- files

export type { MediaStore } from './media-store.ts'

// ---- bulks

export type { BulkRecipient, BulkStore, NewRecipient } from './bulk-store.ts'

// ---- webhooks

export type {
  ClaimedDelivery,
  DeliveryFilter,
  WebhookStore,
  Work,
} from './webhook-store.ts'

// ---- people

export interface AddressStore {
  /** Records that a LID and a phone number are the same person, and completes the messages that knew only one. */
  learn(
    lease: Lease,
    deviceId: string,
    pairs: readonly { readonly pn: string; readonly lid: string }[],
    now: number,
  ): Promise<void>
  /** Fills in the other address where it is known. */
  complete(deviceId: string, party: Party): Promise<Party>
}

// ---- leases

/** `now` is monotonic ms, and `ttlMs` at most `leaseTtlMaxMs`. */
export interface LeaseStore {
  /**
   * Takes the lease when it is free, expired, ours already (then it is a new epoch), or held by `deadOwner`, whose
   * process is known to be gone; undefined when it is not to be had.
   */
  claim(
    name: string,
    owner: string,
    ttlMs: number,
    now: number,
    deadOwner?: string,
  ): Promise<Lease | undefined>
  /** Extends all leases of an owner that are named; resolves with those that are still its own. */
  renew(owner: string, leases: readonly Lease[], ttlMs: number, now: number): Promise<readonly Lease[]>
  /** Gives it up: it is free at once. A stale lease is ignored. */
  release(lease: Lease, now: number): Promise<void>
  get(name: string): Promise<Lease | undefined>
}

// ---- events and audit

export interface EventStore {
  /** Events with `seq > after`, in order; not beyond `until` when that is given. */
  after(
    after: number,
    filter: {
      readonly limit: number
      readonly until?: number
      readonly deviceIds?: readonly string[]
      readonly types?: readonly EventType[]
    },
  ): Promise<readonly Event[]>
  /** The newest `seq` that there ever was, 0 when there was none. */
  latest(): Promise<number>
  /** The newest `seq` that is not kept any more, 0 when all are: who stands before it has missed something. */
  floor(): Promise<number>
  /** Notes what a connector has seen on an account. */
  note(lease: Lease, deviceId: string, sightings: readonly Sighting[], now: number): Promise<void>
}

export type { AuditCheckpoint, AuditEntry, AuditFilter, AuditStore } from './audit-store.ts'

// ---- the whole

export interface Store {
  readonly devices: DeviceStore
  readonly messages: MessageStore
  readonly search: SearchStore
  readonly chats: ChatStore
  readonly outbox: OutboxStore
  readonly operations: OperationStore
  readonly schedule: ScheduleStore
  readonly pacing: PacingStore
  readonly bulks: BulkStore
  readonly numbers: NumberStore
  readonly auth: AuthStore
  readonly inbound: InboundStore
  readonly acts: ActStore
  readonly receipts: ReceiptStore
  readonly addresses: AddressStore
  readonly media: MediaStore
  readonly leases: LeaseStore
  readonly events: EventStore
  readonly audit: AuditStore
  readonly webhooks: WebhookStore
  /**
   * Calls `listener` after something may have changed, by this process or another. It is a hint: it may come late,
   * twice, or for nothing. Returns the way to stop it.
   */
  onChange(listener: () => void): () => void
  /** Which WhatsApp the data belongs to, `whatsapp` or `loopback`: keeps one's credentials from the other. */
  claimNetwork(network: 'whatsapp' | 'loopback'): Promise<'whatsapp' | 'loopback'>
  /** Rejects when the database cannot be written now, or takes no new messages. */
  probe(now: number): Promise<void>
  close(): Promise<void>
}
