/** A chat as people read it: what WhatsApp's own "Export chat" writes, in English and in UTC. */
import { isAct, type BodyAct, type BodyOptions, type MessageBody, type Place } from './body.ts'
import { parseJid } from './jid.ts'
import type { Message } from './message.ts'

/** ISO 8601 in UTC; null for a time that no calendar shows. */
type Iso = (ms: number) => string | null

/** `2026-11-22, 21:03:04` */
const timeOf = ({ whatsappAt, sentAt, createdAt }: Message, iso: Iso): string =>
  (iso(whatsappAt ?? sentAt ?? createdAt) ?? iso(createdAt) ?? '').slice(0, 19).replace('T', ', ')

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()

const addressOf = ({ pn, lid }: Message['sender']): string => {
  const jid = parseJid(pn ?? lid ?? '')
  return jid?.kind === 'phone' ? `+${jid.user}` : (pn ?? lid ?? 'unknown')
}

const nameOf = ({ senderName, sender }: Message): string => oneLine(senderName ?? '') || addressOf(sender)

const lines = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== '').join('\n')

const placeOf = ({ latitude, longitude, name, address }: Place): string =>
  lines(`Location: https://maps.google.com/?q=${latitude},${longitude}`, name, address)

export type Content = Exclude<MessageBody, BodyAct & BodyOptions>

/** What people read of a body, in words; of one with a file that it has one. */
export const contentOf = (body: Content): string => {
  switch (body.type) {
    case 'text':
      return body.text
    case 'location':
      return placeOf(body)
    case 'live_location':
      return lines(`Live l${placeOf(body).slice(1)}`, body.caption)
    case 'contacts':
      return body.contacts.map(({ name, phones }) => `Contact: ${[name, ...phones].join(' ')}`).join('\n')
    case 'poll':
      return lines('POLL:', body.question, ...body.options.map((option) => `OPTION: ${option}`))
    case 'event':
      return lines(
        `EVENT: ${body.name}${body.canceled === true ? ' (cancelled)' : ''}`,
        body.endsAt === undefined ? body.startsAt : `${body.startsAt} - ${body.endsAt}`,
        body.description,
        body.location === undefined ? undefined : placeOf(body.location),
        body.joinLink,
      )
    case 'group_invite':
      return lines(`Invitation to the group ${body.groupName ?? body.group}: ${body.code}`, body.caption)
    default: {
      const name = 'filename' in body && body.filename !== undefined ? body.filename : body.type
      const attached = `<attached: ${oneLine(name)} ${body.media.uploadId}>`
      return lines(attached, 'caption' in body ? body.caption : undefined)
    }
  }
}

const saidBy = ({ type, text, body, direction, deletedAt }: Message): string => {
  if (deletedAt !== null) {
    return direction === 'outbound' ? 'You deleted this message' : 'This message was deleted'
  }
  if (body !== null && !('messageId' in body)) return contentOf(body)
  if (type === 'undecryptable') return 'Waiting for this message'
  return text ?? '<not supported>'
}

const unsent = ({ direction, status }: Message): string => {
  if (direction === 'inbound') return ''
  if (status === 'failed') return ' <not sent>'
  return status === 'queued' || status === 'sending' ? ' <not sent yet>' : ''
}

/** One entry of the transcript, with its line end; nothing of what only acts on another message. */
export const transcriptOf = (message: Message, iso: Iso): string => {
  if (isAct(message.type)) return ''
  const edited = message.editedAt !== null && message.deletedAt === null ? ' <This message was edited>' : ''
  return `[${timeOf(message, iso)}] ${nameOf(message)}: ${saidBy(message)}${edited}${unsent(message)}\n`
}
