import { encodeWAMessage, type proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import type { Addressing } from '../protocol/jid.ts'
import { readRetryBundle } from '../protocol/key-bundle.ts'
import { attr, children, element, type Node } from '../protocol/node.ts'
import { takeBundle } from '../session/bundles.ts'
import { routeMessage } from '../session/router.ts'
import type { Verdict } from '../session/verdict.ts'
import { type Account, type Device, devicesOf, isSameDevice, jidOf } from '../state/account.ts'
import { type Chat, isGroup } from '../state/groups.ts'
import { createGroupSending } from './group-sending.ts'
import type { SenderKeys } from './sender-keys.ts'
import type { SignalEngine } from './signal.ts'
import { encAttributesOf, metaNodesOf, stanzaAttributesOf } from './stanza-attributes.ts'

/** Times that a phone sends one message again. */
const resendsMax = 5
/** Sent messages that a phone can encrypt again. */
const resendableMax = 10_000

interface Sent {
  readonly content: proto.IMessage
  readonly chat: Chat
  readonly isPeer: boolean
  resends: number
}

/** What a phone sends, and sends again when it is asked to. */
export interface Sending {
  /** To all devices of a person or of a group's members, and to the phone's own companions. */
  send(chat: Chat, id: string, content: proto.IMessage, addressing: Addressing): Promise<Verdict>
  /** A message to one of its own companions that is no chat message: keys, history. */
  sendPeer(device: Device, content: proto.IMessage): Promise<void>
  /** Answers a retry receipt. */
  resend(receipt: Node, from: Device, addressing: Addressing): Promise<void>
  /** Who is in a group has changed. */
  onGroupChange(notification: Node): void
}

interface Parts {
  readonly context: Context
  readonly account: Account
  readonly signal: SignalEngine
  readonly senderKeys: SenderKeys
  readonly newMessageId: () => string
}

export const addressOf = ({ account, device }: Device): string => `${account.number}:${device}`

export const chatJid = (chat: Chat, addressing: Addressing): string =>
  isGroup(chat) ? chat.jid : jidOf(chat, 0, addressing)

/** What the own devices get: which chat it is in, and the message, with its secrets outside too. */
const forOwnDevice = (content: proto.IMessage, chat: Chat, addressing: Addressing): proto.IMessage => ({
  deviceSentMessage: { destinationJid: chatJid(chat, addressing), message: content },
  ...(content.messageContextInfo ? { messageContextInfo: content.messageContextInfo } : {}),
})

export const createSending = ({ context, account, signal, senderKeys, newMessageId }: Parts): Sending => {
  const { counters } = context
  const self: Device = { account, device: 0 }
  const sent = new Map<string, Sent>()

  const encryptFor = async (
    device: Device,
    content: proto.IMessage,
    attrs: Record<string, string> = {},
  ): Promise<Node | undefined> => {
    const address = addressOf(device)
    if (!signal.hasSession(address)) {
      const bundle = takeBundle(context, device)
      if (bundle === undefined) return undefined
      await signal.startSession(address, bundle)
    }
    const { type, ciphertext } = await signal.encrypt(address, encodeWAMessage(content))
    return element('enc', { v: '2', type, ...attrs }, ciphertext)
  }

  const remember = (id: string, content: proto.IMessage, chat: Chat, isPeer = false): void => {
    sent.set(id, { content, chat, isPeer, resends: 0 })
    const [oldest] = sent.keys()
    if (sent.size > resendableMax && oldest !== undefined) sent.delete(oldest)
  }

  const groups = createGroupSending({
    context,
    account,
    senderKeys,
    encryptFor: (device, content) => encryptFor(device, content),
  })

  const sendToPerson = async (
    to: Account,
    id: string,
    content: proto.IMessage,
    addressing: Addressing,
  ): Promise<Verdict> => {
    const about = stanzaAttributesOf(content, false)
    const recipients: Node[] = []
    for (const device of new Set([...devicesOf(to), ...devicesOf(account)])) {
      if (isSameDevice(device, self)) continue
      const isOwn = device.account === account
      const own = isOwn ? forOwnDevice(content, to, addressing) : content
      const enc = await encryptFor(device, own, encAttributesOf(about))
      const jid = jidOf(device.account, device.device, addressing)
      if (enc !== undefined) recipients.push(element('to', { jid }, [enc]))
    }
    counters.messagesFromPhones++
    const attrs = { id, to: jidOf(to, 0, addressing), type: about.type, edit: about.edit }
    const parts = [element('participants', {}, recipients), ...metaNodesOf(about)]
    return routeMessage(context, self, element('message', attrs, parts))
  }

  return {
    send(chat, id, content, addressing) {
      remember(id, content, chat)
      return isGroup(chat) ? groups.send(chat, id, content) : sendToPerson(chat, id, content, addressing)
    },
    async sendPeer(device, content) {
      const enc = await encryptFor(device, content)
      if (enc === undefined) return
      const id = newMessageId()
      remember(id, content, account, true)
      const attrs = { id, to: jidOf(account, device.device, 'pn'), type: 'text', category: 'peer' }
      routeMessage(context, self, element('message', attrs, [enc]))
    },
    async resend(receipt, from, addressing) {
      const id = attr(receipt, 'id') ?? ''
      const message = sent.get(id)
      if (message === undefined || message.resends >= resendsMax || context.lost.has(id)) return
      message.resends++
      const bundle = readRetryBundle(receipt) ?? takeBundle(context, from)
      if (bundle === undefined) return
      await signal.startSession(addressOf(from), bundle)
      const isOwn = from.account === account
      const { chat, isPeer } = message
      const group = isGroup(chat) ? chat : undefined
      const about = stanzaAttributesOf(message.content, group !== undefined)
      const again = group === undefined ? message.content : groups.withKey(group, message.content)
      const content = isOwn && !isPeer ? forOwnDevice(again, chat, addressing) : again
      const [retry] = children(receipt, 'retry')
      const count = (retry === undefined ? undefined : attr(retry, 'count')) ?? '1'
      const enc = await encryptFor(from, content, { count })
      if (enc === undefined) return
      counters.resentByPhones++
      const device = jidOf(from.account, from.device, addressing)
      const { type, edit } = about
      const attrs =
        group === undefined
          ? {
              id,
              to: device,
              type,
              edit,
              device_fanout: 'false',
              recipient: isOwn && !isPeer ? chatJid(chat, addressing) : undefined,
              category: isPeer ? 'peer' : undefined,
            }
          : { id, to: group.jid, participant: device, type, edit, addressing_mode: group.addressing }
      routeMessage(context, self, element('message', attrs, [enc, ...metaNodesOf(about)]))
    },
    onGroupChange: (notification) => groups.onChange(notification),
  }
}
