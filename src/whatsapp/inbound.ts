import { type BinaryNode, proto, unpadRandomMax16 } from '@whiskeysockets/baileys'
import { bodyText, type MessageBody } from '../domain/body.ts'
import { normalizeJid, parseJid, type Party, partyOf, sameParty } from '../domain/jid.ts'
import { awaitingRetry, momentOf } from '../domain/message.ts'
import type { MemberStep } from '../domain/receipts.ts'
import type { NewMessage, Promotion } from '../store/store.ts'
import { decodeMessage, editedText } from './content/decode.ts'
import { type Doing, receivedAct } from './acts.ts'
import type { MemberReceipts, Receipt } from './socket.ts'
import { resentIn, type Unread } from './unread.ts'

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
  { detail, awaited }: Unread,
): Promotion =>
  record.attrs['category'] === 'peer'
    ? nothing
    : {
        kind: 'message',
        message: {
          ...newMessage(record, deviceId, id, { type: 'undecryptable', text: null, content: null }),
          error: { code: awaited ? awaitingRetry : 'undecryptable', detail },
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

const promotionOfMessage = (
  record: StanzaRecord,
  message: proto.IMessage,
  deviceId: string,
  id: string,
): Promotion => {
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

/** Our own devices tell each other of their own business, and the phone sends what it was asked for again. */
const promotionOfPeer = (
  { attrs, me }: StanzaRecord,
  message: proto.IMessage,
  deviceId: string,
  id: string,
): Promotion => {
  const resent = addressingOf(attrs, me).fromMe ? resentIn(message, me) : undefined
  return resent === undefined
    ? nothing
    : promotionOfMessage({ attrs: resent.attrs, me }, resent.message, deviceId, id)
}

/** What a decrypted stanza comes to. Pure: the same rows give the same answer after a crash. */
export const promotionOf = (
  record: StanzaRecord,
  plaintexts: readonly Uint8Array[],
  deviceId: string,
  id: string,
): Promotion => {
  let message: proto.IMessage
  try {
    message = mergeParts(plaintexts)
  } catch (error) {
    const detail = `decrypted, but not a WhatsApp message: ${String(error)}`
    return undecryptable(record, deviceId, id, { detail, awaited: true })
  }
  const promote = record.attrs['category'] === 'peer' ? promotionOfPeer : promotionOfMessage
  return promote(record, message, deviceId, id)
}

/** Receipt types that say how far a message of ours has come (Baileys, generics.ts `getStatusFromReceiptType`). */
const receiptStatuses: Readonly<Record<string, MemberStep>> = {
  '': 'delivered',
  read: 'read',
  played: 'played',
}

const childrenOf = ({ content }: BinaryNode, tag: string): readonly BinaryNode[] =>
  Array.isArray(content) ? content.filter((child) => child.tag === tag) : []

/** A receipt is for the message that it names, and for those that it lists. */
const receiptIds = (node: BinaryNode, id: string): readonly string[] => [
  id,
  ...childrenOf(node, 'list')
    .flatMap((list) => childrenOf(list, 'item'))
    .flatMap(({ attrs }) => (attrs['id'] === undefined ? [] : [attrs['id']])),
]

/**
 * Reads a `<receipt>` of members of a group for messages that we sent to it; undefined for another one. The server gives
 * several members' in one stanza, with a list (whatsmeow, receipt.go `handleGroupedReceipt`).
 */
export const memberReceiptsOf = (node: BinaryNode, me: Me, now: number): MemberReceipts | undefined => {
  const { id, type = '', from = '', participant, participant_pn: pn, participant_lid: lid, t } = node.attrs
  const step = receiptStatuses[type]
  const group = parseJid(from)?.kind === 'group' ? normalizeJid(from) : undefined
  if (step === undefined || id === undefined || group === undefined) return undefined
  const listed = childrenOf(node, 'participants').flatMap((list) => childrenOf(list, 'user'))
  const members = [
    { member: partyOf(participant, pn, lid), at: momentOf(Number(t), now) },
    ...listed.map(({ attrs }) => ({
      member: partyOf(attrs['jid']),
      at: momentOf(Number(attrs['t'] ?? t), now),
    })),
  ].filter(({ member }) => (member.pn !== null || member.lid !== null) && !sameParty(member, me))
  return members.length === 0 ? undefined : { group, whatsappIds: receiptIds(node, id), step, members }
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
  return {
    whatsappIds: receiptIds(node, id),
    status,
    at: momentOf(Number(t), now),
    from: normalizeJid(from) ?? from,
  }
}
