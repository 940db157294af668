import { bodyTypes, type BodyType, type MessageBody } from './body.ts'
import type { Party } from './jid.ts'

export type Direction = 'inbound' | 'outbound'

/**
 * How far a message has come. Outbound ones go through all of it; an inbound one is `delivered` once it is stored,
 * or `failed` while it cannot be decrypted.
 */
export type MessageStatus = 'queued' | 'sending' | 'sent' | 'delivered' | 'read' | 'played' | 'failed'

export const messageStatuses: readonly MessageStatus[] = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
]

/** A status as it is shown: what cannot be decrypted and was asked for again is `pending`. */
export type ShownStatus = MessageStatus | 'pending'
export const shownStatuses: readonly ShownStatus[] = [...messageStatuses, 'pending']

/** The code of a message that cannot be decrypted, while it may still come. */
export const awaitingRetry = 'awaiting_retry'
/** A message that was asked for again and has not come by then counts as lost; if it comes after all, it is taken. */
export const retryWaitMaxMs = 24 * 60 * 60 * 1000

/** What a message is. `unknown` is a kind that this version cannot name; its content is kept all the same. */
export type MessageType = BodyType | 'undecryptable' | 'unknown'

export const messageTypes: readonly MessageType[] = [...bodyTypes, 'undecryptable', 'unknown']

/** What can be done to what a message says. */
export type MessageChangeKind = 'edit' | 'delete'
export const messageChangeKinds: readonly MessageChangeKind[] = ['edit', 'delete']

/** What only the owner of the account sees of a message. */
export type MessageMark = 'starred' | 'unstarred' | 'deleted_for_me'

/** WhatsApp allows 65,536 characters in a text. */
export const textLengthMax = 65_536

export interface MessageFailure {
  /** A word for programs, such as `nack_463` or `undecryptable`. */
  readonly code: string
  readonly detail: string
}

/** One message in either direction. All times are wall-clock ms. */
export interface Message {
  /**
   * The id that the API uses. Of a message that we send it is WhatsApp's id too; another one has an id of our own,
   * since a WhatsApp id is unique only together with device, chat and sender.
   */
  readonly id: string
  readonly deviceId: string
  readonly whatsappId: string
  readonly direction: Direction
  readonly chat: Party
  readonly sender: Party
  readonly senderName: string | null
  readonly type: MessageType
  readonly text: string | null
  /** All that it says; null for a plain text, which `text` says all of, and for what cannot be named. */
  readonly body: MessageBody | null
  /** Of an act on another message: that message's id, null while it is not here. */
  readonly targetId: string | null
  /** Of an act that came from outside: the WhatsApp id of what it acts on. */
  readonly targetWhatsappId: string | null
  readonly status: MessageStatus
  readonly error: MessageFailure | null
  readonly attempts: number
  /** WhatsApp's time of the message, to the second. */
  readonly whatsappAt: number | null
  readonly createdAt: number
  readonly sendingAt: number | null
  readonly sentAt: number | null
  readonly deliveredAt: number | null
  readonly readAt: number | null
  readonly playedAt: number | null
  readonly failedAt: number | null
  readonly editedAt: number | null
  readonly deletedAt: number | null
  readonly starredAt: number | null
  /** When the owner took it out of the chat, for the own devices alone. It stays here. */
  readonly deletedForMeAt: number | null
  readonly pinnedUntil: number | null
}

/** Can it not be read yet? Until then it is kept as far as its own status has come. */
export const isPending = ({ type, status }: Pick<Message, 'type' | 'status'>): boolean =>
  type === 'undecryptable' && status !== 'failed'

export const shownStatusOf = (message: Pick<Message, 'type' | 'status'>): ShownStatus =>
  isPending(message) ? 'pending' : message.status

/** The error of a message that was asked for again in vain. */
export const neverCame = (before: MessageFailure | null): MessageFailure => ({
  code: 'undecryptable',
  detail: `it was asked for again and has not come within 24 hours${before === null ? '' : `: ${before.detail}`}`,
})

/** What a message refers to by WhatsApp's id. */
export interface Reference {
  readonly whatsappId: string
  /** The author's JID; null where the chat says it. */
  readonly author: string | null
}

/** A message with a mark on it, or null when it has that already. */
export const marked = (message: Message, mark: MessageMark, at: number): Message | null => {
  switch (mark) {
    case 'starred':
      return message.starredAt === null ? { ...message, starredAt: at } : null
    case 'unstarred':
      return message.starredAt === null ? null : { ...message, starredAt: null }
    case 'deleted_for_me':
      return message.deletedForMeAt === null ? { ...message, deletedForMeAt: at } : null
  }
}

/** Where a receipt takes a message. */
export type ReceiptStatus = Extract<MessageStatus, 'sent' | 'delivered' | 'read' | 'played'>

const rank: Readonly<Record<MessageStatus, number>> = {
  queued: 0,
  sending: 1,
  failed: 1,
  sent: 2,
  delivered: 3,
  read: 4,
  played: 5,
}

const secondMs = 1_000

/**
 * The ms of something that WhatsApp dates to the second. What is of this very moment counts as now: else a message
 * would be delivered before it was queued.
 */
export const momentOf = (seconds: number, now: number): number => {
  const at = seconds * secondMs
  return Number.isFinite(at) && at > 0 && at < now - 2 * secondMs ? at : now
}

type Times = Pick<Message, 'createdAt' | 'sendingAt' | 'sentAt' | 'deliveredAt' | 'readAt'>

/**
 * A moment in the life of a message, in ms: never before what has happened to it already, though the wall clock may
 * have been set back since, and the server's clock may be another.
 */
export const momentIn = ({ createdAt, sendingAt, sentAt, deliveredAt, readAt }: Times, at: number): number =>
  Math.max(at, createdAt, sendingAt ?? 0, sentAt ?? 0, deliveredAt ?? 0, readAt ?? 0)

type StepTimes = Pick<Message, 'status' | 'sentAt' | 'deliveredAt' | 'readAt' | 'playedAt' | 'error'>

/**
 * Applies a receipt, or the server's ack (`sent`): a status only goes forward, and steps that were skipped get the
 * time of the first sign of them. Null when nothing changes. A message that was given up on as failed comes back to
 * life: the receipt proves that it arrived.
 */
export const advance = (message: StepTimes & Times, to: ReceiptStatus, seenAt: number): StepTimes | null => {
  const reached = rank[to]
  if (reached <= rank[message.status] && message.status !== 'failed') return null
  const at = momentIn(message, seenAt)
  const step = (status: ReceiptStatus, known: number | null): number | null =>
    known ?? (rank[status] <= reached ? at : null)
  return {
    status: to,
    error: null,
    sentAt: step('sent', message.sentAt),
    deliveredAt: step('delivered', message.deliveredAt),
    readAt: to === 'read' || to === 'played' ? step('read', message.readAt) : message.readAt,
    playedAt: to === 'played' ? step('played', message.playedAt) : message.playedAt,
  }
}

/** A received message that was read or played here; null when it is no more than it was, or cannot be read at all. */
export const seen = (message: Message, to: 'read' | 'played', at: number): Message | null => {
  if (message.direction !== 'inbound' || message.status === 'failed') return null
  const step = advance(message, to, at)
  return step === null ? null : { ...message, ...step, sentAt: message.sentAt }
}
