import { type BinaryNode, proto, unpadRandomMax16 } from '@whiskeysockets/baileys'
import { bodyText, type MessageBody } from '../domain/body.ts'
import { normalizeJid, parseJid, type Party, sameParty } from '../domain/jid.ts'
import { momentOf } from '../domain/message.ts'
import type { NewMessage, Promotion } from '../store/store.ts'
import { decodeMessage, editedText } from './content/decode.ts'
import { type Doing, receivedAct } from './acts.ts'
import type { Receipt } from './socket.ts'

type Attrs = Readonly<Record<string, string | undefined>>

/** Our own two addresses, as creds have them. */
export interface Me {
  readonly pn: string
  readonly lid: string | null
}

/** What the journal keeps of a stanza, as JSON, so that the message can be rebuilt after a crash. */
export interface StanzaRecord {
  readonly attrs: Attrs
  readonly me: Me
}

/** Groups the parts of one stanza; the same after a redelivery. */
export const stanzaKeyOf = ({ from, participant, recipient, id }: Attrs): string =>
  JSON.stringify([from ?? '', participant ?? '', recipient ?? '', id ?? ''])

const partyOf = (...addresses: readonly (string | undefined)[]): Party => {
  let pn: string | null = null
  let lid: string | null = null
  for (const address of addresses) {
    const jid = address === undefined ? undefined : parseJid(address)
    const text = normalizeJid(address)
    if (jid === undefined || text === undefined) continue
    if (jid.kind === 'lid') lid ??= text
    else pn ??= text
  }
  return { pn, lid }
}

interface Addressing {
  readonly chat: Party
  readonly sender: Party
  readonly fromMe: boolean
}

/** Who wrote and where, by both addresses where the stanza names them (decode-wa-message.ts `extractAddressingContext`). */
const addressingOf = (attrs: Attrs, me: Me): Addressing => {
  const self: Party = { pn: me.pn, lid: me.lid }
  const from = parseJid(attrs['from'] ?? '')
  if (
    from?.kind === 'group' ||
    from?.kind === 'broadcast' ||
    from?.kind === 'status' ||
    from?.kind === 'newsletter'
  ) {
    const sender = partyOf(
      attrs['participant'],
      attrs['participant_pn'],
      attrs['participant_lid'],
      attrs['sender_pn'],
      attrs['sender_lid'],
    )
    return { chat: partyOf(attrs['from']), sender, fromMe: sameParty(sender, self) }
  }
  const sender = partyOf(attrs['from'], attrs['sender_pn'], attrs['sender_lid'])
  if (!sameParty(sender, self)) return { chat: sender, sender, fromMe: false }
  const chat = partyOf(
    attrs['recipient'],
    attrs['recipient_pn'],
    attrs['recipient_lid'],
    attrs['peer_recipient_pn'],
    attrs['peer_recipient_lid'],
  )
  return { chat: chat.pn === null && chat.lid === null ? self : chat, sender: self, fromMe: true }
}

/** All addresses by which a stanza names its sender. */
export const senderAddresses = (attrs: Attrs, me: Me): readonly string[] => {
  const { pn, lid } = addressingOf(attrs, me).sender
  return [pn, lid].filter((address) => address !== null)
}

const newMessage = (
  { attrs, me }: StanzaRecord,
  deviceId: string,
  id: string,
  said: Pick<NewMessage, 'type' | 'text' | 'content'> &
    Partial<Pick<NewMessage, 'body' | 'targetWhatsappId'>>,
): NewMessage => {
  const { chat, sender, fromMe } = addressingOf(attrs, me)
  const seconds = Number(attrs['t'])
  return {
    id,
    deviceId,
    whatsappId: attrs['id'] ?? '',
    direction: fromMe ? 'outbound' : 'inbound',
    chat,
    sender,
    senderName: attrs['notify'] ?? null,
    whatsappAt: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null,
    ...said,
  }
}

const nothing: Promotion = { kind: 'nothing' }

/** The message that stands for a stanza which could not be read. */
export const undecryptable = (
  record: StanzaRecord,
  deviceId: string,
  id: string,
  detail: string,
): Promotion =>
  record.attrs['category'] === 'peer'
    ? nothing
    : {
        kind: 'message',
        message: {
          ...newMessage(record, deviceId, id, { type: 'undecryptable', text: null, content: null }),
          error: { code: 'undecryptable', detail },
        },
      }

/** The parts of a stanza as one message: a sender key and the text that needed it come apart. */
const mergeParts = (plaintexts: readonly Uint8Array[]): proto.IMessage =>
  plaintexts.reduce<proto.IMessage>((merged, plaintext) => {
    const part = proto.Message.decode(unpadRandomMax16(plaintext))
    const { deviceSentMessage, messageContextInfo } = part
    if (!deviceSentMessage?.message) return Object.assign(merged, part)
    // The secret of a poll that the own phone made may stand outside of what it sends on.
    const { message: inner } = deviceSentMessage
    const info = messageContextInfo && {
      messageContextInfo: { ...messageContextInfo, ...inner.messageContextInfo },
    }
    return Object.assign(merged, inner, info)
  }, {})

const nobody = { file: null, quoted: null, act: null }

/** A plain text says all with its `text`. */
const isPlain = (body: object): boolean => Object.keys(body).length === 2

/** What somebody has written or done; undefined for the protocol's own business. */
const saidIn = (message: proto.IMessage, doing: Doing) => {
  const decoded = decodeMessage(message)
  switch (decoded.kind) {
    case 'silent':
      return undefined
    case 'unknown':
      return { ...nobody, type: 'unknown' as const, text: null }
    case 'act': {
      const act = receivedAct(decoded, doing)
      const { type } = decoded.act
      const text =
        type === 'reaction' ? decoded.act.emoji : type === 'edit' ? editedText(decoded.act.content) : null
      return { ...nobody, type, text, targetWhatsappId: decoded.target.id ?? null, act }
    }
    case 'content': {
      const { body, file, quoted } = decoded
      const text = bodyText(body as MessageBody)
      const whole = body.type === 'text' && isPlain(body) ? null : (body as MessageBody)
      return { type: body.type, text, body: whole, file, quoted, act: null }
    }
  }
}

/** What a decrypted stanza comes to. Pure: the same rows give the same answer after a crash. */
export const promotionOf = (
  record: StanzaRecord,
  plaintexts: readonly Uint8Array[],
  deviceId: string,
  id: string,
): Promotion => {
  if (record.attrs['category'] === 'peer') return nothing
  let message: proto.IMessage
  try {
    message = mergeParts(plaintexts)
  } catch (error) {
    return undecryptable(record, deviceId, id, `decrypted, but not a WhatsApp message: ${String(error)}`)
  }
  const { chat, sender, fromMe } = addressingOf(record.attrs, record.me)
  const said = saidIn(message, { chat, by: sender, self: record.me, fromMe })
  if (said === undefined) return nothing
  const { file, quoted, act, ...fields } = said
  const content = proto.Message.encode(proto.Message.fromObject(message)).finish()
  return {
    kind: 'message',
    message: { ...newMessage(record, deviceId, id, { ...fields, content }), error: null },
    file,
    quoted,
    act,
  }
}

/** Receipt types that say how far a message of ours has come (Baileys, generics.ts `getStatusFromReceiptType`). */
const receiptStatuses: Readonly<Record<string, Receipt['status']>> = {
  '': 'delivered',
  read: 'read',
  played: 'played',
}

/**
 * Reads a `<receipt>` for messages that we sent to a person; undefined for one that says nothing of them: a retry
 * request, one from our own other devices, one from a group member.
 */
export const receiptOf = (node: BinaryNode, me: Me, now: number): Receipt | undefined => {
  const { id, type = '', from = '', t } = node.attrs
  const status = receiptStatuses[type]
  const jid = parseJid(from)
  if (status === undefined || id === undefined || (jid?.kind !== 'phone' && jid?.kind !== 'lid'))
    return undefined
  const sender = partyOf(from)
  if (sameParty(sender, me)) return undefined
  const children = Array.isArray(node.content) ? node.content : []
  const more = children
    .filter((child) => child.tag === 'list')
    .flatMap((list) => (Array.isArray(list.content) ? list.content : []))
    .flatMap((item) => (item.attrs['id'] === undefined ? [] : [item.attrs['id']]))
  return {
    whatsappIds: [id, ...more],
    status,
    at: momentOf(Number(t), now),
    from: normalizeJid(from) ?? from,
  }
}
