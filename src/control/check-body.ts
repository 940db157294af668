import { type BodyAct, type GivenBody, isAct } from '../domain/body.ts'
import { GatewayError } from '../domain/errors.ts'
import {
  formatJid,
  parseJid,
  parseRecipient,
  partyJid,
  sameParty,
  type Jid,
  type JidKind,
} from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import { checkText } from './check-text.ts'
import type { ControlContext } from './context.ts'
import { partyOf, recipientOf } from './submit.ts'

export interface CheckedBody {
  readonly to: Jid
  readonly body: GivenBody
  /** What it acts on. */
  readonly target: Message | null
}

const refused = (detail: string): GatewayError => new GatewayError('invalid_message', detail)

/** WhatsApp takes an edit for 15 minutes, and a deletion for everyone for two days and 12 hours. */
const editWindowMs = 15 * 60 * 1000
const deleteWindowMs = 60 * 60 * 60 * 1000

const editable: ReadonlySet<string> = new Set(['text', 'image', 'video', 'gif', 'document'])

const sentAt = ({ whatsappAt, sentAt: acked, createdAt }: Message): number => whatsappAt ?? acked ?? createdAt

const checkVote = (options: readonly string[], { id, body }: Message): void => {
  if (body?.type !== 'poll') throw refused(`message ${id} is no poll`)
  const unknown = options.find((option) => !body.options.includes(option))
  if (unknown !== undefined) {
    throw refused(`the poll has no option ${JSON.stringify(unknown)}; it has ${JSON.stringify(body.options)}`)
  }
  if (body.selectable > 0 && options.length > body.selectable) {
    throw refused(`one may choose ${body.selectable} of the poll's options, not ${options.length}`)
  }
}

/** Refuses what WhatsApp's own apps would not let anybody do. */
const checkAct = (act: BodyAct, target: Message, now: number): void => {
  const { id, direction, deletedAt, type } = target
  if (isAct(type) || type === 'undecryptable')
    throw refused(`message ${id} is a ${type}: nothing can be done to it`)
  if (deletedAt !== null) throw refused(`message ${id} was deleted`)
  switch (act.type) {
    case 'edit':
      if (direction !== 'outbound')
        throw refused(`message ${id} is not the device's own: only its author can edit it`)
      if (!editable.has(type)) throw refused(`a ${type} cannot be edited, only ${[...editable].join(', ')}`)
      if (now - sentAt(target) > editWindowMs)
        throw refused(`message ${id} is older than 15 minutes: WhatsApp takes no edit any more`)
      checkText('text', act.text)
      return
    case 'delete':
      if (now - sentAt(target) > deleteWindowMs) {
        throw refused(`message ${id} is older than 60 hours: WhatsApp deletes it for nobody else any more`)
      }
      if (direction !== 'outbound' && parseJid(partyJid(target.chat))?.kind !== 'group') {
        throw refused(
          `message ${id} is not the device's own: it can be deleted for everyone only by its author, and in a group by an admin`,
        )
      }
      return
    case 'vote':
      return checkVote(act.options, target)
    case 'reaction':
    case 'pin':
  }
}

const checkContent = (body: GivenBody): void => {
  switch (body.type) {
    case 'text':
      checkText('text', body.text)
      return
    case 'poll':
      if (new Set(body.options).size < body.options.length) throw refused('the options of a poll must differ')
      if (body.selectable > body.options.length) {
        throw refused(`one cannot choose ${body.selectable} of ${body.options.length} options`)
      }
      return
    case 'event':
      if (body.endsAt !== undefined && body.endsAt < body.startsAt)
        throw refused('endsAt lies before startsAt')
      return
    default:
  }
}

const mentionOf = (kind: JidKind, mention: string): string => {
  if (mention === 'all') {
    if (kind !== 'group') throw refused('only in a group can all be mentioned')
    return mention
  }
  const jid = parseRecipient(mention)
  if (jid === undefined || jid.kind === 'group') {
    throw refused(
      `mentions: ${JSON.stringify(mention)} is neither a phone number, nor the JID of a person, nor all`,
    )
  }
  return formatJid(jid)
}

const withMentions = (kind: JidKind, body: GivenBody): GivenBody =>
  body.mentions === undefined
    ? body
    : { ...body, mentions: [...new Set(body.mentions.map((mention) => mentionOf(kind, mention)))] }

/**
 * Resolves what a body refers to, and refuses one that WhatsApp would not take. `to` may be left out of an act: it goes
 * to the chat of the message that it acts on.
 */
export const checkBody = async (
  { store, clock }: ControlContext,
  deviceId: string,
  to: string | undefined,
  body: GivenBody,
): Promise<CheckedBody> => {
  const given = to === undefined ? undefined : recipientOf(to)

  const referred = async (name: string, id: string): Promise<Message> => {
    const message = await store.messages.get(id)
    if (message?.deviceId !== deviceId) {
      throw new GatewayError(
        'invalid_reference',
        `${name}: device ${deviceId} has no message ${JSON.stringify(id)}`,
      )
    }
    if (given !== undefined) {
      const chat = await store.addresses.complete(deviceId, partyOf(given))
      if (!sameParty(chat, message.chat)) {
        throw new GatewayError(
          'invalid_reference',
          `${name}: message ${id} is in the chat ${partyJid(message.chat)}, not in ${formatJid(given)}`,
        )
      }
    }
    return message
  }

  if ('messageId' in body) {
    const target = await referred('messageId', body.messageId)
    checkAct(body, target, clock.now())
    return { to: given ?? recipientOf(partyJid(target.chat)), body, target }
  }
  if (given === undefined)
    throw new GatewayError('invalid_recipient', 'to is missing: whom is the message for?')
  checkContent(body)
  if (body.replyTo !== undefined) await referred('replyTo', body.replyTo)
  return { to: given, body: withMentions(given.kind, body), target: null }
}

/** The same for a body that goes to many people: it acts on no message, and answers none. */
export const checkBodyForMany = (body: GivenBody): GivenBody => {
  if ('messageId' in body || body.replyTo !== undefined)
    throw refused('a message of one chat means nothing to the people of others')
  checkContent(body)
  return withMentions('phone', body)
}
