/** A message as the API answers with it and events carry it: plain JSON, times as ISO 8601. */
import type { MessageBody } from './body.ts'
import { iso, isoOrNull } from './iso.ts'
import { partyJid, phoneDigits } from './jid.ts'
import { shownStatusOf, type Message, type MessageFailure, type ShownStatus } from './message.ts'

export interface ShownMessage {
  readonly id: string
  readonly device: string
  readonly whatsappId: string
  readonly direction: Message['direction']
  /** The JID to show: by phone number where it is known. */
  readonly chat: string
  /** Digits. */
  readonly chatPhone: string | null
  readonly chatLid: string | null
  readonly sender: {
    readonly phone: string | null
    readonly lid: string | null
    readonly name: string | null
  }
  readonly type: string
  readonly text: string | null
  readonly body: MessageBody | null
  readonly target: string | null
  readonly editedAt: string | null
  readonly deletedAt: string | null
  readonly starred: boolean
  readonly deletedForMeAt: string | null
  readonly pinnedUntil: string | null
  readonly status: ShownStatus
  readonly attempts: number
  readonly error: MessageFailure | null
  /** WhatsApp's time of the message. */
  readonly timestamp: string | null
  readonly times: Readonly<
    Record<'queued' | 'sending' | 'sent' | 'delivered' | 'read' | 'played' | 'failed', string | null>
  >
}

/** All that a message says, a plain text too. */
export const shownBody = ({
  type,
  text,
  body,
}: Pick<Message, 'text' | 'body'> & { readonly type: string }): MessageBody | null =>
  body ?? (type === 'text' && text !== null ? { type, text } : null)

export const shownMessage = (message: Message): ShownMessage => ({
  id: message.id,
  device: message.deviceId,
  whatsappId: message.whatsappId,
  direction: message.direction,
  chat: partyJid(message.chat),
  chatPhone: phoneDigits(message.chat.pn),
  chatLid: message.chat.lid,
  sender: { phone: phoneDigits(message.sender.pn), lid: message.sender.lid, name: message.senderName },
  type: message.type,
  text: message.text,
  body: shownBody(message),
  target: message.targetId,
  editedAt: isoOrNull(message.editedAt),
  deletedAt: isoOrNull(message.deletedAt),
  starred: message.starredAt !== null,
  deletedForMeAt: isoOrNull(message.deletedForMeAt),
  pinnedUntil: isoOrNull(message.pinnedUntil),
  status: shownStatusOf(message),
  attempts: message.attempts,
  error: message.error === null ? null : { code: message.error.code, detail: message.error.detail },
  timestamp: isoOrNull(message.whatsappAt),
  times: {
    // A message that was typed on the phone was never queued here; ours bear the WhatsApp id as their own.
    queued: message.id === message.whatsappId ? iso(message.createdAt) : null,
    sending: isoOrNull(message.sendingAt),
    sent: isoOrNull(message.sentAt),
    delivered: isoOrNull(message.deliveredAt),
    read: isoOrNull(message.readAt),
    played: isoOrNull(message.playedAt),
    failed: isoOrNull(message.failedAt),
  },
})
