import type { Context } from '../context.ts'
import { addressingOf, type Jid, parseJid } from '../protocol/jid.ts'
import { deliveredMessage, participantHash, recipientsOf } from '../protocol/message.ts'
import { attr, children, element, type Node, receiptIds } from '../protocol/node.ts'
import { type Account, type Device, devicesOf, isSameDevice, jidOf } from '../state/account.ts'
import { deliver } from './deliver.ts'
import { routeGroupMessage, routeGroupReceipt } from './group-router.ts'
import type { Verdict } from './verdict.ts'

const badRequest = 400
const notFound = 404

const isPartOf = (device: Device, ...accounts: Account[]): boolean => accounts.includes(device.account)

/** Devices that a fan-out should have reached and did not name. */
const missedDevices = (from: Device, to: Account, reached: readonly Device[]): Device[] =>
  [...devicesOf(to), ...(to === from.account ? [] : devicesOf(from.account))].filter(
    (device) => !isSameDevice(device, from) && !reached.some((other) => isSameDevice(other, device)),
  )

/** Routes a message to each device that it was encrypted for. Unlinked devices are passed over, as the real server does. */
export const routeMessage = (context: Context, from: Device, sent: Node): Verdict => {
  const t = context.nowSeconds()
  const id = attr(sent, 'id')
  const to = parseJid(attr(sent, 'to'))
  if (id === undefined || to === undefined) return { t, error: badRequest }
  const group = context.groups.find(attr(sent, 'to'))
  if (group !== undefined) return routeGroupMessage(context, from, sent, group)
  const account = context.directory.find(to)
  if (account === undefined) return { t, error: notFound }

  const addressing = addressingOf(to)
  const alt = addressing === 'lid' ? 'pn' : 'lid'
  const chat = context.directory.find(attr(sent, 'recipient')) ?? account
  const reached: Device[] = []
  for (const { jid, enc } of recipientsOf(sent)) {
    const device = context.directory.findDevice(jid)
    if (device === undefined || isSameDevice(device, from)) continue
    if (!isPartOf(device, account, from.account)) continue
    reached.push(device)
    const isOwn = device.account === from.account
    const stanza = deliveredMessage(sent, enc, {
      id,
      t,
      from: jidOf(from.account, from.device, addressing),
      notify: from.account.name,
      addressing,
      senderAlt: jidOf(from.account, 0, alt),
      ownChat: isOwn ? { jid: jidOf(chat, 0, addressing), alt: jidOf(chat, 0, alt) } : undefined,
    })
    deliver(context, device, stanza)
  }
  if (account !== from.account) {
    account.peers.add(from.account.number)
    from.account.peers.add(account.number)
  }
  const isFanout = children(sent, 'participants').length > 0
  const missed = isFanout ? missedDevices(from, account, reached) : []
  if (missed.length === 0) return { t }
  const jids = [...reached, ...missed].map((device) => jidOf(device.account, device.device, addressing))
  return { t, phash: participantHash(jids) }
}

/** Receipts that are between a device and the server, and interest nobody else. */
const privateReceipts = new Set(['sender', 'peer_msg', 'hist_sync'])

const routedReceipt = (
  context: Context,
  from: Device,
  receipt: Node,
  to: Jid,
  extra: Record<string, string>,
): Node =>
  element(
    'receipt',
    {
      from: jidOf(from.account, from.device, addressingOf(to)),
      id: attr(receipt, 'id'),
      type: attr(receipt, 'type'),
      t: attr(receipt, 't') ?? String(context.nowSeconds()),
      ...extra,
    },
    Array.isArray(receipt.content) ? receipt.content : undefined,
  )

/** A companion asks its own phone for a file that the media host has no more. */
const askPhone = (context: Context, from: Device, receipt: Node, to: Jid): void => {
  if (context.directory.find(to) !== from.account) return
  context.phone(from.account).deliver(routedReceipt(context, from, receipt, to, {}))
}

/**
 * Routes a receipt: a retry receipt to the very device that is asked, others to all devices of the account that sent the
 * message, since each of them shows its ticks; what was read or played, to the reader's other devices too.
 */
export const routeReceipt = (context: Context, from: Device, receipt: Node): void => {
  const type = attr(receipt, 'type')
  const to = parseJid(attr(receipt, 'to'))
  if (to === undefined || receiptIds(receipt).length === 0) return
  if (type === 'server-error') return askPhone(context, from, receipt, to)
  if (type !== undefined && privateReceipts.has(type)) return
  const group = context.groups.find(attr(receipt, 'to'))
  if (group !== undefined) return routeGroupReceipt(context, from, receipt, group)
  if (type === 'retry') {
    const device = context.directory.findDevice(to)
    const recipient = attr(receipt, 'recipient')
    const extra = recipient === undefined ? {} : { recipient }
    if (device !== undefined) deliver(context, device, routedReceipt(context, from, receipt, to, extra))
    return
  }
  const account = context.directory.find(to)
  if (account === undefined) return
  if (account !== from.account && type !== 'read-self') {
    const stanza = routedReceipt(context, from, receipt, to, {})
    for (const device of devicesOf(account)) deliver(context, device, stanza)
  }
  if (type !== 'read' && type !== 'read-self' && type !== 'played') return
  const own = routedReceipt(context, from, receipt, to, {
    recipient: jidOf(account, 0, addressingOf(to)),
  })
  for (const device of devicesOf(from.account)) {
    if (!isSameDevice(device, from)) deliver(context, device, own)
  }
}

/** Typing and presence: to whoever is there now, never kept. */
export const routeChatstate = (context: Context, from: Device, chatstate: Node): void => {
  const to = parseJid(attr(chatstate, 'to'))
  const group = context.groups.find(attr(chatstate, 'to'))
  const tell = (account: Account, attrs: Record<string, string>): void => {
    const stanza = element('chatstate', attrs, children(chatstate))
    for (const companion of account.companions.values()) companion.session?.send(stanza)
    context.phone(account).deliver(stanza)
  }
  if (group?.members.has(from.account) === true) {
    const attrs = { from: group.jid, participant: jidOf(from.account, 0, group.addressing) }
    for (const member of group.members) if (member !== from.account) tell(member, attrs)
    return
  }
  const account = context.directory.find(to)
  if (to === undefined || account === undefined) return
  tell(account, { from: jidOf(from.account, 0, addressingOf(to)) })
}

/** Everyone who talks to an account or is in a group with it, and itself. */
export const listenersOf = (context: Context, account: Account): Set<Account> => {
  const peers = [...account.peers].flatMap((number) => context.directory.accounts.get(number) ?? [])
  return new Set([account, ...peers, ...context.groups.of(account).flatMap(({ members }) => [...members])])
}

/** Tells them that a device came or went, so that they do not use an old list. */
export const announceDevice = (context: Context, device: Device, change: 'add' | 'remove'): void => {
  const { account } = device
  for (const listener of listenersOf(context, account)) {
    for (const companion of listener.companions.values()) {
      if (isSameDevice(companion, device)) continue
      for (const addressing of ['pn', 'lid'] as const) {
        companion.mailbox.put(
          element(
            'notification',
            {
              id: context.nextId(),
              type: 'devices',
              from: jidOf(account, 0, addressing),
              t: String(context.nowSeconds()),
            },
            [element(change, {}, [element('device', { jid: jidOf(account, device.device, addressing) })])],
          ),
        )
      }
    }
  }
}
