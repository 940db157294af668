/** Acts on other messages as they come in: what they do, and which message they name. Pure. */
import { normalizeMessageContent, proto } from '@whiskeysockets/baileys'
import type { Deed, ReceivedAct } from '../domain/acts.ts'
import { normalizeJid, parseJid, partyJid, type Party } from '../domain/jid.ts'
import { type Decoded, type DecodedAct, editedOptions, editedText } from './content/decode.ts'
import { decryptVote } from './content/poll-vote.ts'

/** Who does it, and where. */
export interface Doing {
  readonly chat: Party
  readonly by: Party
  readonly self: Party
  readonly fromMe: boolean
}

/**
 * Who wrote the message that a key names, from the point of view of who wrote the key (Baileys, process-message.ts
 * `cleanMessage`); null where it does not say.
 */
const authorOf = (key: proto.IMessageKey, { chat, by, self, fromMe }: Doing): string | null => {
  if (key.fromMe === true) return partyJid(by)
  const kind = parseJid(partyJid(chat))?.kind
  if (kind === 'phone' || kind === 'lid') return partyJid(fromMe ? chat : self)
  return normalizeJid(key.participant) ?? null
}

const deedOf = (act: DecodedAct): Deed | null => {
  switch (act.type) {
    case 'edit': {
      const text = editedText(act.content)
      return text === null ? null : { type: 'edit', text, ...editedOptions(act.content) }
    }
    case 'vote':
      return null
    default:
      return act
  }
}

export const receivedAct = (
  { act, target, clockAt }: Extract<Decoded, { kind: 'act' }>,
  doing: Doing,
): ReceivedAct => ({ author: authorOf(target, doing), clockAt, deed: deedOf(act) })

/** A vote that came, and the poll that it is for; contents are encoded WAProto `Message`s. */
export interface SealedVote {
  readonly voter: Party
  readonly content: Uint8Array
  readonly poll: { readonly whatsappId: string; readonly creator: Party; readonly content: Uint8Array }
}

const addressesOf = ({ pn, lid }: Party): readonly string[] => [lid, pn].filter((jid) => jid !== null)

const contentOf = (bytes: Uint8Array): proto.IMessage => {
  const message = proto.Message.decode(bytes)
  const content = normalizeMessageContent(message) ?? message
  const { messageContextInfo } = message
  return messageContextInfo ? { ...content, messageContextInfo } : content
}

/**
 * The options that a vote chooses; null when it cannot be read. The two are named in its key by phone number or by LID,
 * as the chat of the voter has it: each pair is tried.
 */
export const readVote = ({ voter, content, poll }: SealedVote): readonly string[] | null => {
  let vote: proto.Message.IPollEncValue | null | undefined
  let creation: proto.IMessage
  try {
    vote = contentOf(content).pollUpdateMessage?.vote
    creation = contentOf(poll.content)
  } catch {
    return null
  }
  const asked =
    creation.pollCreationMessage ?? creation.pollCreationMessageV2 ?? creation.pollCreationMessageV3
  const secret = creation.messageContextInfo?.messageSecret
  if (!vote || !asked || !secret) return null
  const options = (asked.options ?? []).map(({ optionName }) => optionName ?? '')
  for (const creator of addressesOf(poll.creator)) {
    for (const by of addressesOf(voter)) {
      const chosen = decryptVote(vote, { pollId: poll.whatsappId, creator, voter: by, secret }, options)
      if (chosen !== undefined) return chosen
    }
  }
  return null
}
