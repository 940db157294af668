import type { Context } from '../context.ts'
import { type GroupChange, groupNotification, groupReceipt } from '../protocol/group.ts'
import { parseJid } from '../protocol/jid.ts'
import { groupMessage, recipientsOf } from '../protocol/message.ts'
import { attr, children, element, type Node, receiptIds } from '../protocol/node.ts'
import { type Account, type Device, devicesOf, isSameDevice, jidOf } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import { deliver } from './deliver.ts'
import type { Verdict } from './verdict.ts'

const badRequest = 400
const forbidden = 403

const deviceName = ({ account, device }: Device): string => `${account.number}:${device}`

/**
 * Routes a message in a group: the part under the sender key goes to every device of every member, and each device that
 * the sender wrote to apart gets that part before it. With a `participant` it is for one device alone: a message that
 * is sent again to whom could not read it.
 */
export const routeGroupMessage = (context: Context, from: Device, sent: Node, group: Group): Verdict => {
  const t = context.nowSeconds()
  const id = attr(sent, 'id')
  if (id === undefined) return { t, error: badRequest }
  if (!group.members.has(from.account)) return { t, error: forbidden }
  const delivery = { id, t, group: group.jid, addressing: group.addressing, from }
  const send = (to: Device, parts: readonly Node[]): void =>
    deliver(context, to, groupMessage(sent, parts, delivery))

  const only = attr(sent, 'participant')
  if (only !== undefined) {
    const device = context.directory.findDevice(only)
    const parts = children(sent, 'enc')
    if (parts.length === 0) return { t, error: badRequest }
    if (device !== undefined && group.members.has(device.account)) send(device, parts)
    return { t }
  }
  const shared = children(sent, 'enc').filter((enc) => attr(enc, 'type') === 'skmsg')
  if (shared.length === 0) return { t, error: badRequest }
  const apart = new Map<string, Node>()
  for (const { jid, enc } of recipientsOf(element('message', {}, children(sent, 'participants')))) {
    const device = context.directory.findDevice(jid)
    if (device !== undefined) apart.set(deviceName(device), enc)
  }
  for (const device of [...group.members].flatMap(devicesOf)) {
    if (isSameDevice(device, from)) continue
    const own = apart.get(deviceName(device))
    send(device, own === undefined ? shared : [own, ...shared])
  }
  return { t }
}

/** How long receipts for a message wait for others, to go as one. */
const receiptsHoldMs = 50

interface Held {
  readonly users: { readonly jid: string; readonly t: string }[]
}

/** The receipts that wait, for each sandbox. */
const heldOf = new WeakMap<Context, Map<string, Held>>()

const holdReceipt = (context: Context, group: Group, author: Account, from: Device, receipt: Node): void => {
  const held = heldOf.get(context) ?? new Map<string, Held>()
  heldOf.set(context, held)
  const type = attr(receipt, 'type')
  const user = {
    jid: jidOf(from.account, from.device, group.addressing),
    t: attr(receipt, 't') ?? String(context.nowSeconds()),
  }
  for (const id of receiptIds(receipt)) {
    const name = JSON.stringify([group.jid, author.number, type ?? '', id])
    const waiting = held.get(name)
    if (waiting !== undefined) {
      waiting.users.push(user)
      continue
    }
    const users = [user]
    held.set(name, { users })
    setTimeout(() => {
      held.delete(name)
      const stanza = groupReceipt({ group, id, type, users })
      for (const device of devicesOf(author)) deliver(context, device, stanza)
    }, receiptsHoldMs)
  }
}

/** What a companion has read or played is so on its phone too. */
const tellOwnPhone = (context: Context, from: Device, receipt: Node, group: Group, author: Account): void => {
  const type = attr(receipt, 'type') ?? ''
  if (from.device === 0 || !['read', 'read-self', 'played'].includes(type)) return
  const attrs = {
    ...receipt.attrs,
    from: group.jid,
    type: type === 'played' ? 'played-self' : 'read-self',
    participant: jidOf(author, 0, group.addressing),
  }
  context.phone(from.account).deliver(element('receipt', attrs, children(receipt)))
}

/**
 * Routes a receipt in a group to the author of the message, its `participant`: a request to send it again to the very
 * device, others to all of the author's devices, those that come together as one.
 */
export const routeGroupReceipt = (context: Context, from: Device, receipt: Node, group: Group): void => {
  const participant = parseJid(attr(receipt, 'participant'))
  const author = context.directory.findDevice(participant)
  if (author === undefined || !group.members.has(from.account)) return
  if (attr(receipt, 'type') !== 'retry') {
    if (author.account !== from.account) {
      if (attr(receipt, 'type') !== 'read-self') holdReceipt(context, group, author.account, from, receipt)
      tellOwnPhone(context, from, receipt, group, author.account)
    }
    return
  }
  const attrs = {
    from: group.jid,
    id: attr(receipt, 'id'),
    type: 'retry',
    participant: jidOf(from.account, from.device, group.addressing),
    t: String(context.nowSeconds()),
  }
  deliver(context, author, element('receipt', attrs, children(receipt)))
}

/** Tells all devices of the members, and of those who were members, what changed. */
export const announceGroup = (context: Context, group: Group, change: GroupChange, by: Account): void => {
  const former = change.kind === 'remove' ? change.accounts : []
  for (const device of new Set([...group.members, ...former].flatMap(devicesOf))) {
    const stanza = { id: context.nextId(), t: context.nowSeconds() }
    deliver(context, device, groupNotification(group, change, by, stanza))
  }
}
