import { createHash } from 'node:crypto'
import { type Device, jidOf } from '../state/account.ts'
import type { Addressing } from './jid.ts'
import { attr, children, element, type Node } from './node.ts'

/** Attributes of the sender's stanza that the recipient sees as they are. */
const passedAttributes = ['type', 'category', 'edit', 'verified_name', 'push_priority']
/** Parts of the sender's stanza that go to every recipient; tokens and reports are for the server alone. */
const passedParts = new Set(['device-identity', 'meta', 'biz', 'bot'])

export interface Delivery {
  readonly id: string
  readonly t: number
  /** The sending device, in the addressing of the stanza. */
  readonly from: string
  /** The sender's push name. */
  readonly notify: string
  readonly addressing: Addressing
  /** The sender's bare JID in the other addressing. */
  readonly senderAlt: string
  /** Set when the stanza goes to another device of the sender: the chat that the message belongs to. */
  readonly ownChat: { readonly jid: string; readonly alt: string } | undefined
}

/**
 * A message as one recipient device gets it. Clients read the person's other name from `sender_pn` / `sender_lid`, and
 * for what their own account sent, from `peer_recipient_pn` / `peer_recipient_lid` (then `recipient` is the chat).
 */
export const deliveredMessage = (sent: Node, enc: Node, delivery: Delivery): Node => {
  const other = delivery.addressing === 'lid' ? 'pn' : 'lid'
  const passed = passedAttributes.map((name) => [name, attr(sent, name)] as const)
  const isPeer = attr(sent, 'category') === 'peer'
  const chat = isPeer ? undefined : delivery.ownChat
  return element(
    'message',
    {
      from: delivery.from,
      id: delivery.id,
      t: String(delivery.t),
      notify: delivery.notify,
      ...Object.fromEntries(passed),
      ...(delivery.ownChat === undefined ? { [`sender_${other}`]: delivery.senderAlt } : {}),
      ...(chat === undefined ? {} : { recipient: chat.jid, [`peer_recipient_${other}`]: chat.alt }),
    },
    [enc, ...children(sent).filter((part) => passedParts.has(part.tag))],
  )
}

/** A message in a group, as one device of a member gets it. */
export const groupMessage = (
  sent: Node,
  parts: readonly Node[],
  delivery: {
    readonly id: string
    readonly t: number
    readonly group: string
    readonly addressing: Addressing
    readonly from: Device
  },
): Node => {
  const { id, t, group, addressing, from } = delivery
  const other = addressing === 'lid' ? 'pn' : 'lid'
  return element(
    'message',
    {
      from: group,
      id,
      t: String(t),
      notify: from.account.name,
      ...Object.fromEntries(passedAttributes.map((name) => [name, attr(sent, name)])),
      participant: jidOf(from.account, from.device, addressing),
      [`participant_${other}`]: jidOf(from.account, 0, other),
      addressing_mode: addressing,
    },
    [...parts, ...children(sent).filter((part) => passedParts.has(part.tag))],
  )
}

/** The parts of a message that are for one device each: from `<participants>`, or the lone `<enc>` for `to`. */
export const recipientsOf = (sent: Node): { jid: string; enc: Node }[] => {
  const fanout = children(children(sent, 'participants')[0], 'to').flatMap((to) => {
    const jid = attr(to, 'jid')
    const [enc] = children(to, 'enc')
    return jid === undefined || enc === undefined ? [] : [{ jid, enc }]
  })
  const to = attr(sent, 'to')
  const lone = to === undefined ? [] : children(sent, 'enc').map((enc) => ({ jid: to, enc }))
  return [...fanout, ...lone]
}

/** Hash of a message's recipient devices: in an ack it tells the sender that its device list is out of date. */
export const participantHash = (deviceJids: readonly string[]): string =>
  `2:${createHash('sha256').update(deviceJids.toSorted().join('')).digest('base64').slice(0, 6)}`
