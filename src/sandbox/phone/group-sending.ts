import { encodeWAMessage, type proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { attr, child, element, type Node } from '../protocol/node.ts'
import { routeMessage } from '../session/router.ts'
import type { Verdict } from '../session/verdict.ts'
import { type Account, type Device, devicesOf, isSameDevice, jidOf } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import type { SenderKeys } from './sender-keys.ts'
import { encAttributesOf, metaNodesOf, stanzaAttributesOf } from './stanza-attributes.ts'

/** What a phone sends to groups. */
export interface GroupSending {
  /** Sends a message under the phone's sender key, and the key first to every device that lacks it. */
  send(group: Group, id: string, content: proto.IMessage): Promise<Verdict>
  /** A message with the sender key in it, for a device that could not read it. */
  withKey(group: Group, content: proto.IMessage): proto.IMessage
  /** Who leaves takes the keys along: they are made anew. */
  onChange(notification: Node): void
}

interface Parts {
  readonly context: Context
  readonly account: Account
  readonly senderKeys: SenderKeys
  readonly encryptFor: (device: Device, content: proto.IMessage) => Promise<Node | undefined>
}

const deviceName = ({ account, device }: Device): string => `${account.number}:${device}`

export const createGroupSending = ({ context, account, senderKeys, encryptFor }: Parts): GroupSending => {
  const self: Device = { account, device: 0 }
  /** By group, the devices that have the phone's sender key. */
  const keyed = new Map<string, Set<string>>()

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
    async send(group, id, content) {
      const recipients = await distribute(group)
      const ciphertext = senderKeys.encrypt(group.jid, encodeWAMessage(content))
      context.counters.messagesFromPhones++
      const about = stanzaAttributesOf(content, true)
      const attrs = {
        id,
        to: group.jid,
        type: about.type,
        edit: about.edit,
        addressing_mode: group.addressing,
      }
      return routeMessage(
        context,
        self,
        element('message', attrs, [
          ...(recipients.length === 0 ? [] : [element('participants', {}, recipients)]),
          element('enc', { v: '2', type: 'skmsg', ...encAttributesOf(about) }, ciphertext),
          ...metaNodesOf(about),
        ]),
      )
    },
    withKey: (group, content) => ({ ...content, ...keyMessage(group) }),
    onChange(notification) {
      const group = attr(notification, 'from')
      if (group === undefined || child(notification, 'remove') === undefined) return
      senderKeys.forget(group)
      keyed.delete(group)
    },
  }
}
