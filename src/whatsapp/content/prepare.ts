import { randomBytes } from 'node:crypto'
import { type GroupMetadata, proto } from '@whiskeysockets/baileys'
import type { MessageBody } from '../../domain/body.ts'
import { parseJid, type Party, partyJid } from '../../domain/jid.ts'
import type { Groups } from '../groups.ts'
import type { Me } from '../inbound.ts'
import { messageOf, refusalOf } from '../send.ts'
import type { Prepared, ReferredMessage, Unprepared } from '../socket.ts'
import { encodeBody, type Referred } from './encode.ts'

export interface PrepareContext {
  readonly me: Me
  readonly groups: Pick<Groups, 'metadata'>
  readonly now: () => number
}

const secretBytes = 32
const nonceBytes = 12

/** Phones show the name of whom `@…` in the text stands for only by the address that they know the person by. */
const renamed = (text: string, people: readonly Party[], addressOf: (party: Party) => string): string =>
  people.reduce((named, { pn, lid }) => {
    const [from, to] = addressOf({ pn, lid }) === lid ? [pn, lid] : [lid, pn]
    const [before, after] = [parseJid(from ?? ''), parseJid(to ?? '')]
    return before === undefined || after === undefined
      ? named
      : named.replace(new RegExp(`@${before.user}(?!\\d)`, 'g'), `@${after.user}`)
  }, text)

const withNames = (body: MessageBody, rename: (text: string) => string): MessageBody => {
  if ('text' in body) return { ...body, text: rename(body.text) }
  return 'caption' in body && body.caption !== undefined ? { ...body, caption: rename(body.caption) } : body
}

const everybody = 'all'

/**
 * The bytes of what a body says. A group is addressed by phone numbers or by LIDs, and all that a message names in it is
 * too.
 */
const contentOf = (
  { me, now }: PrepareContext,
  { to, body, quoted, target, mentions, attachment, previewThumbnail }: Unprepared,
  group: GroupMetadata | undefined,
): Uint8Array => {
  const byLid = group === undefined ? to.endsWith('@lid') : String(group.addressingMode) === 'lid'
  const addressOf = (party: Party): string => (byLid ? party.lid : party.pn) ?? partyJid(party)
  const own = addressOf(me)
  const referred = (other: ReferredMessage): Referred => ({
    whatsappId: other.whatsappId,
    fromMe: other.fromMe,
    author: other.fromMe ? own : addressOf(other.sender),
    content: proto.Message.decode(other.content),
  })
  const named = mentions.map(addressOf)
  const all = body.mentions?.includes(everybody) === true ? (group?.participants ?? []) : []
  const others = all.map(({ id }) => id).filter((id) => id !== own && !named.includes(id))
  const encoded = encodeBody(
    withNames(body, (text) => renamed(text, mentions, addressOf)),
    {
      chat: to,
      own,
      attachment,
      previewThumbnail,
      quoted: quoted === null ? null : referred(quoted),
      target: target === null ? null : referred(target),
      mentions: [...named, ...others],
      now: now(),
      secret: randomBytes(secretBytes),
      nonce: randomBytes(nonceBytes),
    },
  )
  return proto.Message.encode(proto.Message.fromObject(encoded)).finish()
}

/** Never rejects: why it cannot be made is the outcome. */
export const prepareBody = async (context: PrepareContext, message: Unprepared): Promise<Prepared> => {
  let group: GroupMetadata | undefined
  try {
    if (parseJid(message.to)?.kind === 'group') group = await context.groups.metadata(message.to)
  } catch (error) {
    return refusalOf(error)
  }
  try {
    return { kind: 'ready', content: contentOf(context, message, group) }
  } catch (error) {
    return { kind: 'impossible', code: 'not_encodable', detail: messageOf(error) }
  }
}
