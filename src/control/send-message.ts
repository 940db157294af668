import { GatewayError } from '../domain/errors.ts'
import { formatJid, parseRecipient, type Jid } from '../domain/jid.ts'
import { textLengthMax, type Message, type MessageStatus } from '../domain/message.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { checkIdempotencyKey, requestHash } from './idempotency.ts'
import { linkedAccount } from './linked-account.ts'

export interface SendMessageInput {
  readonly deviceId: string
  /** A JID, or a phone number as people write it. */
  readonly to: string
  readonly text: string
  readonly idempotencyKey?: string
  /** Do not wait for WhatsApp's server. */
  readonly respondAsync: boolean
}

/** What is known of the message when the wait ends. It is on disk in any case. */
export interface SendOutcome {
  readonly kind: 'queued' | 'sent' | 'failed'
  readonly message: Message
  /** The recipient's JID. */
  readonly to: string
}

const recipient = (to: string): Jid => {
  const jid = parseRecipient(to)
  if (jid === undefined) {
    throw new GatewayError(
      'invalid_recipient',
      'to must be a JID such as 1234567890@s.whatsapp.net or 120363000000000000@g.us, or a full international phone number of 7 to 15 digits',
    )
  }
  return jid
}

/** Length is counted in UTF-16 units, as JavaScript and WhatsApp Web count it. */
const checkText = (text: string): string => {
  const problem =
    text.trim() === ''
      ? 'must not be empty or blank'
      : text.length > textLengthMax
        ? `must not be longer than ${textLengthMax} characters; this one has ${text.length}`
        : text.includes('\0')
          ? 'must not contain the character NUL'
          : text.isWellFormed()
            ? undefined
            : 'must be well-formed Unicode; it contains half a surrogate pair'
  if (problem !== undefined) throw new GatewayError('invalid_text', `message ${problem}`)
  return text
}

const kindOf = (status: MessageStatus): SendOutcome['kind'] => {
  switch (status) {
    case 'queued':
    case 'sending':
      return 'queued'
    case 'sent':
    case 'delivered':
    case 'read':
    case 'played':
      return 'sent'
    case 'failed':
      return 'failed'
  }
}

/**
 * Accepts a text for sending under an id chosen here, and waits `sendWaitMs` for WhatsApp's server to acknowledge it.
 * An idempotency key that was used before for the same request gives the message of then; for another one it is
 * refused.
 */
export const sendMessage = async (ctx: ControlContext, input: SendMessageInput): Promise<SendOutcome> => {
  const { store, clock, origin, waits, watcher } = ctx
  const deviceId = checkDeviceId(input.deviceId)
  const jid = recipient(input.to)
  const to = formatJid(jid)
  const text = checkText(input.text)
  const idempotency =
    input.idempotencyKey === undefined
      ? undefined
      : {
          key: checkIdempotencyKey(input.idempotencyKey),
          requestHash: requestHash(['text', deviceId, to, text]),
        }
  const whatsappId = ctx.newWhatsappId()

  const enqueued = await store.outbox.enqueue(
    {
      message: {
        id: whatsappId,
        deviceId,
        whatsappId,
        direction: 'outbound',
        chat: jid.kind === 'lid' ? { pn: null, lid: to } : { pn: to, lid: null },
        type: 'text',
        text,
        whatsappAt: null,
        content: ctx.encodeText(text),
      },
      ...(idempotency === undefined ? {} : { idempotency }),
    },
    (device) => {
      const { pn, lid, pushName } = linkedAccount(device, deviceId)
      return { sender: { pn, lid }, senderName: pushName }
    },
    origin,
    clock.now(),
  )
  if (enqueued.kind === 'conflict') {
    throw new GatewayError(
      'idempotency_conflict',
      'this Idempotency-Key was used before for another request; a new request needs a new key',
    )
  }
  const { message } = enqueued
  const settled = async (): Promise<Message | undefined> => {
    const now = await store.messages.get(message.id)
    return now === undefined || kindOf(now.status) === 'queued' ? undefined : now
  }
  const known =
    input.respondAsync || kindOf(message.status) !== 'queued'
      ? message
      : ((await watcher.until(`message/${message.id}`, settled, waits.sendWaitMs)) ?? message)
  return { kind: kindOf(known.status), message: known, to }
}
