import { encodeWAMessage, proto, unpadRandomMax16 } from '@whiskeysockets/baileys'
import { createLock } from '../../runtime/lock.ts'
import type { Context, PhonePort } from '../context.ts'
import { SandboxError } from '../errors.ts'
import { type Addressing, addressingOf, parseJid } from '../protocol/jid.ts'
import { isDeviceIdentityValid } from '../protocol/adv.ts'
import { bundleKeys, readRetryBundle } from '../protocol/key-bundle.ts'
import { attr, childBytes, children, bytesOf, element, type Node, receiptIds } from '../protocol/node.ts'
import { retryReceipt } from '../protocol/stanzas.ts'
import { takeBundle } from '../session/bundles.ts'
import { routeMessage, routeReceipt } from '../session/router.ts'
import { type Account, type Device, devicesOf, isSameDevice, jidOf } from '../state/account.ts'
import { type Chat, chatName, type Group, isGroup } from '../state/groups.ts'
import {
  advance,
  type ChatLog,
  type ChatMessage,
  createChatLog,
  receiptsMax,
  writtenText,
} from './chat-log.ts'
import { describeContent } from './content.ts'
import { createGroupChat } from './group-chat.ts'
import { initialSyncMessages } from './initial-sync.ts'
import { createSenderKeys } from './sender-keys.ts'
import { createSignalEngine } from './signal.ts'

/** A simulated phone: device 0 of its account, with Signal sessions of its own. */
export interface Phone extends PhonePort {
  readonly account: Account
  readonly log: ChatLog
  /** Sends a text to all devices of the recipient and to its own companions; resolves when the server took it. */
  sendText(to: Account, text: string, addressing: Addressing): Promise<ChatMessage>
  /** Sends a text to a group that the phone is in; resolves when the server took it. */
  sendGroupText(group: Group, text: string): Promise<ChatMessage>
  /** Sends read receipts for what was received in a chat and not read; resolves with how many. */
  markRead(chat: Chat): Promise<number>
  readonly isOn: boolean
  /** Switched off it takes nothing in and does nothing: what it gets waits, and comes when it is on again. */
  switch(on: boolean): void
  /** Resolves when everything that was delivered so far is worked off. */
  idle(): Promise<void>
}

/** Retry receipts that a phone sends for one message, and times it sends one again. */
const retriesMax = 5
/** Messages whose retries are counted; then the oldest are forgotten. */
const retriesRememberedMax = 10_000
/** Stanzas that wait for a phone which is off; later ones are lost. */
const waitingMax = 100_000
/** Sent messages that a phone can encrypt again. */
const resendableMax = 10_000
const registrationIdMax = 16_380
const messageIdBytes = 16
const secondMs = 1000

interface Sent {
  readonly content: proto.IMessage
  readonly chat: Chat
  readonly isPeer: boolean
  resends: number
}

type GroupKey = proto.Message.ISenderKeyDistributionMessage

const addressOf = ({ account, device }: Device): string => `${account.number}:${device}`

export const createPhone = (context: Context, account: Account, scope: string): Phone => {
  const { counters, entropy } = context
  const self: Device = { account, device: 0 }
  const inOrder = createLock()
  const log = createChatLog()
  const sent = new Map<string, Sent>()
  const retries = new Map<string, number>()
  const verified = new Set<string>()
  let isOn = true
  let waiting: Node[] = []
  const signal = createSignalEngine({
    identity: account.identity,
    signedPreKey: entropy.keyPair(`phone ${account.number} signed pre-key`),
    registrationId:
      (entropy.bytes(`phone ${account.number} registration`, 2).readUInt16BE() % registrationIdMax) + 1,
    scope: `${scope} ${account.number}`,
  })
  const senderKeys = createSenderKeys(entropy, account.number)

  const newMessageId = (): string =>
    entropy.next(`phone ${account.number} message`, messageIdBytes).toString('hex').toUpperCase()

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

  const chatJid = (chat: Chat, addressing: Addressing): string =>
    isGroup(chat) ? chat.jid : jidOf(chat, 0, addressing)

  const forOwnDevice = (content: proto.IMessage, chat: Chat, addressing: Addressing): proto.IMessage => ({
    deviceSentMessage: { destinationJid: chatJid(chat, addressing), message: content },
  })

  const groupChat = createGroupChat({
    context,
    account,
    log,
    senderKeys,
    newMessageId,
    remember,
    encryptFor: (device, content) => encryptFor(device, content),
  })

  const sendTextNow = async (to: Account, text: string, addressing: Addressing): Promise<ChatMessage> => {
    const id = newMessageId()
    const content: proto.IMessage = { conversation: text }
    remember(id, content, to)
    const recipients: Node[] = []
    for (const device of new Set([...devicesOf(to), ...devicesOf(account)])) {
      if (isSameDevice(device, self)) continue
      const isOwn = device.account === account
      const enc = await encryptFor(device, isOwn ? forOwnDevice(content, to, addressing) : content)
      const jid = jidOf(device.account, device.device, addressing)
      if (enc !== undefined) recipients.push(element('to', { jid }, [enc]))
    }
    counters.messagesFromPhones++
    const stanza = element('message', { id, to: jidOf(to, 0, addressing), type: 'text' }, [
      element('participants', {}, recipients),
    ])
    const verdict = routeMessage(context, self, stanza)
    if (verdict.error !== undefined) throw new SandboxError(422, `the server refused it: ${verdict.error}`)
    const message = writtenText({
      id,
      sender: account.number,
      chat: to.number,
      text,
      timestamp: verdict.t * secondMs,
    })
    log.add(message)
    return message
  }

  /** A message of the phone to one of its own companions that is no chat message: keys, history. */
  const sendPeer = async (device: Device, content: proto.IMessage): Promise<void> => {
    const enc = await encryptFor(device, content)
    if (enc === undefined) return
    const id = newMessageId()
    remember(id, content, account, true)
    const attrs = { id, to: jidOf(account, device.device, 'pn'), type: 'text', category: 'peer' }
    routeMessage(context, self, element('message', attrs, [enc]))
  }

  const isSenderProven = (stanza: Node, from: Device): boolean => {
    if (from.device === 0) return true
    const companion = context.directory.companion(from)
    const identity = childBytes(stanza, 'device-identity')
    if (companion === undefined || identity === undefined) return false
    const key = `${addressOf(from)} ${identity.toString('base64')}`
    if (verified.has(key)) return true
    const isValid = isDeviceIdentityValid(identity, from.account.identity.public, companion.keys.identityKey)
    if (isValid) verified.add(key)
    return isValid
  }

  const learnKey = (from: Device, { groupId, axolotlSenderKeyDistributionMessage }: GroupKey): void => {
    if (typeof groupId !== 'string' || !axolotlSenderKeyDistributionMessage) return
    senderKeys.learn(groupId, addressOf(from), axolotlSenderKeyDistributionMessage)
  }

  const decrypt = async (stanza: Node, from: Device): Promise<proto.IMessage> => {
    const content: proto.IMessage = {}
    const parts = children(stanza, 'enc')
    if (parts.length === 0) throw new Error('nothing encrypted in it')
    for (const enc of parts) {
      const type = attr(enc, 'type') ?? ''
      const ciphertext = bytesOf(enc) ?? Buffer.alloc(0)
      if (type === 'pkmsg' && !isSenderProven(stanza, from)) throw new Error('device identity not proven')
      const padded =
        type === 'skmsg'
          ? senderKeys.decrypt(attr(stanza, 'from') ?? '', addressOf(from), ciphertext)
          : await signal.decrypt(addressOf(from), type, ciphertext)
      const part = proto.Message.decode(unpadRandomMax16(padded))
      const key = (part.deviceSentMessage?.message ?? part).senderKeyDistributionMessage
      if (key) learnKey(from, key)
      Object.assign(content, part)
    }
    return content
  }

  const askForRetry = (stanza: Node, name: string): void => {
    const count = (retries.get(name) ?? 0) + 1
    if (count > retriesMax) return
    retries.set(name, count)
    const [oldest] = retries.keys()
    if (retries.size > retriesRememberedMax && oldest !== undefined) retries.delete(oldest)
    counters.retryReceiptsFromPhones++
    const bundle = signal.takeBundle()
    const { id = '', t = '', from = '' } = stanza.attrs
    const message = {
      id,
      t,
      to: from,
      recipient: attr(stanza, 'recipient'),
      participant: attr(stanza, 'participant'),
      count,
    }
    routeReceipt(context, self, retryReceipt(message, bundle.registrationId, bundleKeys(bundle)))
  }

  const show = (stanza: Node, content: proto.IMessage, from: Account, chat: Chat): void => {
    const isOwn = from === account
    const shown: ChatMessage = {
      id: stanza.attrs['id'] ?? '',
      sender: from.number,
      recipient: isOwn || isGroup(chat) ? chatName(chat) : account.number,
      chat: chatName(chat),
      ...describeContent(content),
      timestamp: Number(stanza.attrs['t']) * secondMs,
      status: isOwn ? 'sent' : 'received',
      receipts: [],
    }
    if (!log.add(shown)) counters.duplicates++
  }

  const onMessage = async (stanza: Node): Promise<void> => {
    const group = context.groups.find(attr(stanza, 'from'))
    const participant = attr(stanza, 'participant')
    const from = context.directory.findDevice(participant ?? attr(stanza, 'from'))
    const id = attr(stanza, 'id')
    if (from === undefined || id === undefined) return
    const name = `${addressOf(from)} ${id}`
    let content: proto.IMessage
    try {
      content = await decrypt(stanza, from)
    } catch (error) {
      counters.undecryptable++
      const reason = error instanceof Error ? error.message : 'unknown'
      context.log('warn', { phone: account.number, from: attr(stanza, 'from'), id, reason }, 'undecryptable')
      return askForRetry(stanza, name)
    }
    retries.delete(name)
    const isOwn = from.account === account
    const to = attr(stanza, 'from')
    const recipient = attr(stanza, 'recipient')
    if (attr(stanza, 'category') === 'peer') {
      return routeReceipt(context, self, element('receipt', { id, to, type: 'peer_msg' }))
    }
    const inside = content.deviceSentMessage
    const person = isOwn ? context.directory.find(inside?.destinationJid ?? recipient) : from.account
    const chat = group ?? person
    if (chat !== undefined) show(stanza, isOwn ? (inside?.message ?? content) : content, from.account, chat)
    const type = isOwn ? 'sender' : undefined
    routeReceipt(context, self, element('receipt', { id, to, participant, recipient, type }))
  }

  const resend = async (receipt: Node, from: Device, addressing: Addressing): Promise<void> => {
    const id = attr(receipt, 'id') ?? ''
    const message = sent.get(id)
    if (message === undefined || message.resends >= retriesMax) return
    message.resends++
    const bundle = readRetryBundle(receipt) ?? takeBundle(context, from)
    if (bundle === undefined) return
    await signal.startSession(addressOf(from), bundle)
    const isOwn = from.account === account
    const { chat, isPeer } = message
    const group = isGroup(chat) ? chat : undefined
    const again = group === undefined ? message.content : groupChat.withKey(group, message.content)
    const content = isOwn && !isPeer ? forOwnDevice(again, chat, addressing) : again
    const [retry] = children(receipt, 'retry')
    const count = (retry === undefined ? undefined : attr(retry, 'count')) ?? '1'
    const enc = await encryptFor(from, content, { count })
    if (enc === undefined) return
    counters.resentByPhones++
    const device = jidOf(from.account, from.device, addressing)
    const attrs =
      group === undefined
        ? {
            id,
            to: device,
            type: 'text',
            device_fanout: 'false',
            recipient: isOwn && !isPeer ? chatJid(chat, addressing) : undefined,
            category: isPeer ? 'peer' : undefined,
          }
        : { id, to: group.jid, participant: device, type: 'text', addressing_mode: group.addressing }
    routeMessage(context, self, element('message', attrs, [enc]))
  }

  const sendReadReceipt = (chat: Chat, sender: string, messages: readonly ChatMessage[]): void => {
    const [first, ...rest] = messages
    const author = context.directory.accounts.get(sender)
    const attrs = {
      id: first?.id,
      to: chatJid(chat, 'lid'),
      participant: isGroup(chat) && author !== undefined ? jidOf(author, 0, chat.addressing) : undefined,
      type: 'read',
      t: String(context.nowSeconds()),
    }
    const list = rest.map(({ id }) => element('item', { id }))
    const content = list.length === 0 ? undefined : [element('list', {}, list)]
    routeReceipt(context, self, element('receipt', attrs, content))
  }

  const onReceipt = async (receipt: Node): Promise<void> => {
    const type = attr(receipt, 'type') ?? 'delivery'
    const group = context.groups.find(attr(receipt, 'from'))
    if (group !== undefined && type !== 'retry') return groupChat.onReceipt(group, receipt)
    const fromJid = parseJid(attr(receipt, 'participant') ?? attr(receipt, 'from'))
    const from = context.directory.findDevice(fromJid)
    if (fromJid === undefined || from === undefined) return
    if (type === 'retry') return resend(receipt, from, addressingOf(fromJid))
    const isOwn = from.account === account
    const chat = isOwn ? context.directory.find(attr(receipt, 'recipient')) : from.account
    if (chat === undefined) return
    for (const id of receiptIds(receipt)) {
      const message = log.find(chat.number, isOwn ? chat.number : account.number, id)
      if (message === undefined) continue
      if (message.receipts.length < receiptsMax) {
        const at = Number(receipt.attrs['t']) * secondMs
        message.receipts.push({ device: jidOf(from.account, from.device), type, at })
      }
      if (type === 'delivery') advance(message, 'delivered')
      else if (type === 'read' || type === 'read-self' || type === 'played') advance(message, 'read')
    }
  }

  const onStanza = async (stanza: Node): Promise<void> => {
    try {
      if (stanza.tag === 'message') await onMessage(stanza)
      else if (stanza.tag === 'receipt') await onReceipt(stanza)
      else if (stanza.tag === 'notification') groupChat.onChange(stanza)
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      context.log(
        'error',
        { phone: account.number, tag: stanza.tag, reason },
        'phone could not handle a stanza',
      )
    }
  }

  const deliver = (stanza: Node): void => {
    if (isOn) void inOrder(() => onStanza(stanza))
    else if (waiting.length < waitingMax) waiting.push(stanza)
  }

  return {
    account,
    log,
    get isOn() {
      return isOn
    },
    switch(on) {
      isOn = on
      if (!on) return
      const late = waiting
      waiting = []
      for (const stanza of late) deliver(stanza)
    },
    takeBundle: () => signal.takeBundle(),
    learnSenderKey: (group, sender, distribution) => senderKeys.learn(group, addressOf(sender), distribution),
    deliver,
    startInitialSync(companion) {
      void inOrder(async () => {
        for (const content of initialSyncMessages(context, account, log)) await sendPeer(companion, content)
      })
    },
    sendText: (to, text, addressing) => inOrder(() => sendTextNow(to, text, addressing)),
    sendGroupText: (group, text) => inOrder(() => groupChat.sendText(group, text)),
    markRead: (chat) =>
      inOrder(() => {
        const unread = log.messages.filter(
          (message) => message.chat === chatName(chat) && message.status === 'received',
        )
        for (const message of unread) message.status = 'read'
        for (const [sender, messages] of Map.groupBy(unread, (message) => message.sender)) {
          sendReadReceipt(chat, sender, messages)
        }
        return unread.length
      }),
    idle: () => inOrder(() => undefined),
  }
}
