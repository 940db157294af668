import { frequentlyForwardedScore, isAct, type BodyContent, type BodyOptions } from './body.ts'
import { GatewayError } from './errors.ts'
import type { Message } from './message.ts'

/** Chats that a message is forwarded to at once: as many as WhatsApp's own apps allow. */
export const forwardChatsMax = 5
/** From so many times on it counts as frequently forwarded, and goes to one chat at a time. */
export const frequentlyForwardedFrom = 5

const refused = (detail: string): GatewayError => new GatewayError('invalid_message', detail)

const contentOf = ({ id, type, text, body, deletedAt }: Message): BodyContent & BodyOptions => {
  if (deletedAt !== null) throw refused(`message ${id} was deleted`)
  if (isAct(type)) throw refused(`message ${id} is a ${type}, which only acts on another message`)
  const said = body ?? (type === 'text' && text !== null ? { type, text } : null)
  if (said === null || 'messageId' in said) {
    throw refused(
      type === 'undecryptable'
        ? `message ${id} could not be decrypted`
        : `message ${id} is of a kind that has no name here`,
    )
  }
  if (said.viewOnce === true) throw refused(`message ${id} can be viewed once: it cannot be forwarded`)
  return said
}

/**
 * A message as it goes on to `chats` others. How often it was forwarded is counted as WhatsApp Web does
 * (`getMsgForwardingScoreWhenForwarded`). Throws GatewayError `invalid_message` for what cannot be forwarded, or not to
 * so many.
 */
export const forwardOf = (message: Message, chats: number): BodyContent & BodyOptions => {
  // Nobody else is told whom it answered or named, nor how its chat is set.
  const { replyTo: _, mentions: _m, expiresIn: _e, ...body } = contentOf(message)
  const times = body.forwardingScore ?? (body.forwarded === true ? 1 : 0)
  if (chats > forwardChatsMax) {
    throw refused(`a message is forwarded to ${forwardChatsMax} chats at once, not to ${chats}`)
  }
  if (times >= frequentlyForwardedFrom && chats > 1) {
    throw refused(
      `message ${message.id} was forwarded many times: WhatsApp lets it go on to one chat at a time`,
    )
  }
  const score = times + 1 >= frequentlyForwardedFrom ? frequentlyForwardedScore : times + 1
  return { ...body, forwarded: true, ...(score === 1 ? {} : { forwardingScore: score }) }
}
