import { encodeWAMessage, type proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import { receiptUsers } from '../protocol/group.ts'
import { attr, child, element, type Node, receiptIds } from '../protocol/node.ts'
import { routeMessage } from '../session/router.ts'
import { type Account, type Device, devicesOf, isSameDevice, jidOf } from '../state/account.ts'
import type { Chat, Group } from '../state/groups.ts'
import { advance, type ChatLog, type ChatMessage, receiptsMax, writtenText } from './chat-log.ts'
import type { SenderKeys } from './sender-keys.ts'

/** What a phone does in groups. */
export interface GroupChat {
  /** Sends a text under the phone's sender key, and the key first to every device that lacks it. */
  sendText(group: Group, text: string): Promise<ChatMessage>
  /** A message with the sender key in it, for a device that could not read it. */
  withKey(group: Group, content: proto.IMessage): proto.IMessage
  /** A message of the phone's own is delivered, or read, when it is for all other members. */
  onReceipt(group: Group, receipt: Node): void
  /** Who leaves takes the keys along: they are made anew. */
  onChange(notification: Node): void
}

/** What it needs of its phone. */
export interface GroupChatParts {
  readonly context: Context
  readonly account: Account
  readonly log: ChatLog
  readonly senderKeys: SenderKeys
  readonly newMessageId: () => string
  readonly remember: (id: string, content: proto.IMessage, chat: Chat) => void
  readonly encryptFor: (device: Device, content: proto.IMessage) => Promise<Node | undefined>
}

const secondMs = 1000

const deviceName = ({ account, device }: Device): string => `${account.number}:${device}`

export const createGroupChat = (parts: GroupChatParts): GroupChat => {
  const { context, account, log, senderKeys, newMessageId, remember, encryptFor } = parts
  const self: Device = { account, device: 0 }
  /** By group, the devices that have the phone's sender key. */
  const keyed = new Map<string, Set<string>>()
  /** By message, the members that it was delivered to and read by. */
  const reached = new WeakMap<ChatMessage, { delivered: Set<string>; read: Set<string> }>()

  const keyMessage = (group: Group): proto.IMessage => ({
    senderKeyDistributionMessage: {
      groupId: group.jid,
      axolotlSenderKeyDistributionMessage: senderKeys.distribution(group.jid),
    },
  })

  /** Gives the sender key to all devices that lack it; for companions, as parts of a message. */
  const distribute = async (group: Group): Promise<Node[]> => {
    const distribution = senderKeys.distribution(group.jid)
    const have = keyed.get(group.jid) ?? new Set()
    keyed.set(group.jid, have)
    const recipients: Node[] = []
    for (const device of [...group.members].flatMap(devicesOf)) {
      if (isSameDevice(device, self) || have.has(deviceName(device))) continue
      if (device.device === 0) {
        context.phone(device.account).learnSenderKey(group.jid, self, distribution)
      } else {
        const enc = await encryptFor(device, keyMessage(group))
        if (enc === undefined) continue
        recipients.push(element('to', { jid: jidOf(device.account, device.device, group.addressing) }, [enc]))
      }
      have.add(deviceName(device))
    }
    return recipients
  }

  return {
    async sendText(group, text) {
      const id = newMessageId()
      const content: proto.IMessage = { conversation: text }
      remember(id, content, group)
      const recipients = await distribute(group)
      const ciphertext = senderKeys.encrypt(group.jid, encodeWAMessage(content))
      context.counters.messagesFromPhones++
      const attrs = { id, to: group.jid, type: 'text', addressing_mode: group.addressing }
      const verdict = routeMessage(
        context,
        self,
        element('message', attrs, [
          ...(recipients.length === 0 ? [] : [element('participants', {}, recipients)]),
          element('enc', { v: '2', type: 'skmsg' }, ciphertext),
        ]),
      )
      if (verdict.error !== undefined) {
        throw new SandboxError(422, `the server refused it: ${verdict.error}`)
      }
      const message = writtenText({
        id,
        sender: account.number,
        chat: group.jid,
        text,
        timestamp: verdict.t * secondMs,
      })
      log.add(message)
      return message
    },
    withKey: (group, content) => ({ ...content, ...keyMessage(group) }),
    onReceipt(group, receipt) {
      const type = attr(receipt, 'type') ?? 'delivery'
      const others = group.members.size - 1
      for (const id of receiptIds(receipt)) {
        const message = log.find(group.jid, account.number, id)
        if (message === undefined) continue
        const by = reached.get(message) ?? { delivered: new Set(), read: new Set() }
        reached.set(message, by)
        for (const { jid, t } of receiptUsers(receipt)) {
          const member = context.directory.find(jid)
          if (member === undefined || member === account) continue
          if (message.receipts.length < receiptsMax) {
            message.receipts.push({ device: jid, type, at: Number(t) * secondMs })
          }
          by.delivered.add(member.number)
          if (type === 'read' || type === 'played') by.read.add(member.number)
        }
        if (by.delivered.size >= others) advance(message, 'delivered')
        if (by.read.size >= others) advance(message, 'read')
      }
    },
    onChange(notification) {
      const group = attr(notification, 'from')
      if (group === undefined || child(notification, 'remove') === undefined) return
      senderKeys.forget(group)
      keyed.delete(group)
    },
  }
}
