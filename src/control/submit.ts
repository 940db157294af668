import { GatewayError } from '../domain/errors.ts'
import { formatJid, parseRecipient, type Jid, type Party } from '../domain/jid.ts'
import type { Message, MessageStatus } from '../domain/message.ts'
import type { NewMessage } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import { checkIdempotencyKey, requestHash } from './idempotency.ts'
import { linkedAccount } from './linked-account.ts'
import type { Plan } from '../domain/plan.ts'

/** How a message is to be accepted. */
export interface Submission {
  readonly idempotencyKey?: string
  /** Do not wait for WhatsApp's server. */
  readonly respondAsync: boolean
  /** What the request is about beside this message: it makes two requests the same, too. */
  readonly together?: readonly string[]
  readonly plan?: Plan | undefined
}

/** What is known of the message when the wait ends. It is on disk in any case. */
export interface SendOutcome {
  readonly kind: 'queued' | 'sent' | 'failed'
  readonly message: Message
  /** The recipient's JID. */
  readonly to: string
  /** When it waits for its time. */
  readonly sendAt?: number | null
}

/** What a message is to say: its bytes, or a body that the connector makes them from. */
export type Said = Pick<NewMessage, 'type' | 'text' | 'content'> &
  Partial<Pick<NewMessage, 'body' | 'targetId'>>

/** Whom a message is for. Refuses what is nobody. */
export const recipientOf = (to: string): Jid => {
  const jid = parseRecipient(to)
  if (jid === undefined) {
    throw new GatewayError(
      'invalid_recipient',
      'to must be a JID such as 1234567890@s.whatsapp.net or 120363000000000000@g.us, or a full international phone number of 7 to 15 digits',
    )
  }
  return jid
}

export const partyOf = (jid: Jid): Party =>
  jid.kind === 'lid' ? { pn: null, lid: formatJid(jid) } : { pn: formatJid(jid), lid: null }

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

/** What is known of an accepted message once WhatsApp's server has it, or `sendWaitMs` are over. */
export const settled = async (
  { store, waits, watcher }: ControlContext,
  message: Message,
  to: string,
): Promise<SendOutcome> => {
  const look = async (): Promise<Message | undefined> => {
    const now = await store.messages.get(message.id)
    return now === undefined || kindOf(now.status) === 'queued' ? undefined : now
  }
  const known =
    kindOf(message.status) === 'queued'
      ? ((await watcher.until(`message/${message.id}`, look, waits.sendWaitMs)) ?? message)
      : message
  return { kind: kindOf(known.status), message: known, to }
}

/**
 * Accepts a message under an id chosen here, and waits `sendWaitMs` for WhatsApp's server to acknowledge it. An
 * idempotency key that was used before for the same request gives the message of then; for another one it is refused.
 * `request` is what makes two requests the same.
 */
export const submit = async (
  ctx: ControlContext,
  deviceId: string,
  jid: Jid,
  said: Said,
  request: readonly string[],
  { idempotencyKey, respondAsync, together = [], plan }: Submission,
): Promise<SendOutcome> => {
  const { store, clock, origin } = ctx
  const idempotency =
    idempotencyKey === undefined
      ? undefined
      : { key: checkIdempotencyKey(idempotencyKey), requestHash: requestHash([...request, ...together]) }
  const whatsappId = ctx.newWhatsappId()

  const enqueued = await store.outbox.enqueue(
    {
      message: {
        id: whatsappId,
        deviceId,
        whatsappId,
        direction: 'outbound',
        chat: partyOf(jid),
        ...said,
        whatsappAt: null,
      },
      ...(idempotency === undefined ? {} : { idempotency }),
      ...(plan === undefined ? {} : { plan }),
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
  const to = formatJid(jid)
  const sendAt = plan?.sendAt ?? null
  return respondAsync || sendAt !== null
    ? { kind: kindOf(message.status), message, to, sendAt }
    : settled(ctx, message, to)
}
