/** What cannot be read of what comes in: whether it may still come, and what the phone sends of it afterwards. Pure. */
import { type BinaryNode, proto } from '@whiskeysockets/baileys'
import { parseJid } from '../domain/jid.ts'

/** Why a message could not be read, and whether it was asked for again: of its sender, or of our own phone. */
export interface Unread {
  readonly detail: string
  readonly awaited: boolean
}

type Attrs = Readonly<Record<string, string | undefined>>

const hourMs = 60 * 60 * 1000
/** Baileys, Defaults `PLACEHOLDER_MAX_AGE_SECONDS`: the phone is asked for nothing older. */
const phoneAskedMaxMs = 14 * 24 * hourMs
/** Baileys, Defaults `STATUS_EXPIRY_SECONDS`: nobody is asked for an older status. */
const statusAskedMaxMs = 24 * hourMs

/** WhatsApp gives these to phones alone; nobody is asked for them (messages-recv.ts `handleMessage`). */
const neverGiven: ReadonlySet<string | undefined> = new Set([
  'view_once',
  'view_once_unavailable_fanout',
  'bot_unavailable_fanout',
  'hosted_unavailable_fanout',
])

const ageMs = ({ t }: Attrs, now: number): number => now - Number(t) * 1000

/** A stanza in which there is nothing that could be decrypted; undefined when there is. */
export const unreadStanza = ({ attrs, content }: BinaryNode, now: number): Unread | undefined => {
  const children = Array.isArray(content) ? content : []
  const encrypted = children.find(({ tag }) => tag === 'enc' || tag === 'plaintext')
  if (encrypted?.attrs['type'] === 'msmsg') {
    return { detail: 'it is encrypted for a bot (msmsg), which this version cannot read', awaited: false }
  }
  if (encrypted !== undefined) return undefined
  const unavailable = children.find(({ tag }) => tag === 'unavailable')
  const kind = parseJid(attrs['from'] ?? '')?.kind
  if (unavailable === undefined && kind !== 'phone' && kind !== 'lid' && kind !== 'group') return undefined
  const type = unavailable?.attrs['type']
  return {
    detail: `WhatsApp sent no content (${type ?? 'unavailable'})`,
    awaited: !neverGiven.has(type) && ageMs(attrs, now) <= phoneAskedMaxMs,
  }
}

/** A part of a stanza that could not be decrypted, with what the Signal repository says of it. */
export const unreadPart = (attrs: Attrs, detail: string, now: number): Unread => ({
  detail,
  awaited: parseJid(attrs['from'] ?? '')?.kind !== 'status' || ageMs(attrs, now) <= statusAskedMaxMs,
})

const readInfo = (bytes: Uint8Array): proto.IWebMessageInfo => {
  try {
    return proto.WebMessageInfo.decode(bytes)
  } catch {
    return {}
  }
}

/**
 * A message that our own phone sends on because it was asked for it, with the attributes that its stanza would have had
 * (Baileys, process-message.ts `PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE`); undefined for other business of a peer.
 * Baileys asks for one at a time.
 */
export const resentIn = (
  { protocolMessage }: proto.IMessage,
  me: { readonly pn: string },
): { readonly attrs: Record<string, string>; readonly message: proto.IMessage } | undefined => {
  const results = protocolMessage?.peerDataOperationRequestResponseMessage?.peerDataOperationResult ?? []
  const bytes = results.find((result) => result.placeholderMessageResendResponse?.webMessageInfoBytes?.length)
    ?.placeholderMessageResendResponse?.webMessageInfoBytes
  if (!bytes) return undefined
  const { key, message, messageTimestamp, pushName } = readInfo(bytes)
  const chat = key?.remoteJid
  if (!key?.id || !chat || !message) return undefined
  const isGroup = parseJid(chat)?.kind === 'group'
  const author = key.fromMe === true ? me.pn : (key.participant ?? undefined)
  const way: Record<string, string> = isGroup
    ? { from: chat, ...(author === undefined ? {} : { participant: author }) }
    : key.fromMe === true
      ? { from: me.pn, recipient: chat }
      : { from: chat }
  return {
    attrs: {
      id: key.id,
      t: String(messageTimestamp ?? 0),
      ...way,
      ...(pushName ? { notify: pushName } : {}),
    },
    message,
  }
}
