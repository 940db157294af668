import type { Context } from '../context.ts'
import { receiptUsers } from '../protocol/group.ts'
import { attr, element, type Node, receiptIds } from '../protocol/node.ts'
import { routeReceipt } from '../session/router.ts'
import { type Account, type Device, jidOf } from '../state/account.ts'
import { type Chat, chatName, type Group, isGroup } from '../state/groups.ts'
import { isAct } from './body.ts'
import { advance, type ChatLog, type ChatMessage, receiptsMax } from './chat-log.ts'
import { chatJid } from './sending.ts'

const secondMs = 1000
/** Types of messages that are played. */
const playable = new Set(['voice', 'audio', 'video', 'round_video'])

/** Receipts that a phone sends and gets. */
export const createReceipts = (context: Context, account: Account, log: ChatLog) => {
  const self: Device = { account, device: 0 }
  /** By message in a group, the members that it was delivered to, read and played by. */
  const reached = new WeakMap<ChatMessage, Record<'delivered' | 'read' | 'played', Set<string>>>()

  const note = (message: ChatMessage, device: string, type: string, t: string | undefined): void => {
    if (message.receipts.length < receiptsMax) {
      message.receipts.push({ device, type, at: Number(t) * secondMs })
    }
  }

  /** One of the account's companions has read or played messages of a member. */
  const onReadElsewhere = (group: Group, receipt: Node, type: 'read-self' | 'played-self'): void => {
    const author = context.directory.find(attr(receipt, 'participant'))
    for (const id of receiptIds(receipt)) {
      const message = author === undefined ? undefined : log.find(group.jid, author.number, id)
      if (message !== undefined) advance(message, type === 'played-self' ? 'played' : 'read')
    }
  }

  /** A message of the phone's own is delivered, read or played when it is so for all other members. */
  const onGroupReceipt = (group: Group, receipt: Node): void => {
    const type = attr(receipt, 'type') ?? 'delivery'
    if (type === 'read-self' || type === 'played-self') return onReadElsewhere(group, receipt, type)
    const others = group.members.size - 1
    for (const id of receiptIds(receipt)) {
      const message = log.find(group.jid, account.number, id)
      if (message === undefined) continue
      const by = reached.get(message) ?? { delivered: new Set(), read: new Set(), played: new Set() }
      reached.set(message, by)
      for (const { jid, t } of receiptUsers(receipt)) {
        const member = context.directory.find(jid)
        if (member === undefined || member === account) continue
        note(message, jid, type, t)
        by.delivered.add(member.number)
        if (type === 'read' || type === 'played') by.read.add(member.number)
        if (type === 'played') by.played.add(member.number)
      }
      for (const step of ['delivered', 'read', 'played'] as const) {
        if (by[step].size >= others) advance(message, step)
      }
    }
  }

  const send = (
    type: 'read' | 'played',
    chat: Chat,
    sender: string,
    messages: readonly ChatMessage[],
  ): void => {
    const [first, ...rest] = messages
    const author = context.directory.accounts.get(sender)
    const attrs = {
      id: first?.id,
      to: chatJid(chat, 'lid'),
      participant: isGroup(chat) && author !== undefined ? jidOf(author, 0, chat.addressing) : undefined,
      type,
      t: String(context.nowSeconds()),
    }
    const list = rest.map(({ id }) => element('item', { id }))
    const content = list.length === 0 ? undefined : [element('list', {}, list)]
    routeReceipt(context, self, element('receipt', attrs, content))
  }

  const mark = (status: 'read' | 'played', chat: Chat, marked: readonly ChatMessage[]): number => {
    for (const message of marked) message.status = status
    for (const [sender, messages] of Map.groupBy(marked, (message) => message.sender)) {
      send(status, chat, sender, messages)
    }
    return marked.length
  }

  const theirs = (chat: Chat, ids: readonly string[] | undefined): ChatMessage[] =>
    log.messages.filter(
      (message) =>
        message.chat === chatName(chat) &&
        message.sender !== account.number &&
        (ids === undefined || ids.includes(message.id)),
    )

  return {
    onGroupReceipt,
    /** Of a person's device, or of the own account's for what was read there. */
    onPersonReceipt(receipt: Node, from: Device): void {
      const type = attr(receipt, 'type') ?? 'delivery'
      const isOwn = from.account === account
      const chat = isOwn ? context.directory.find(attr(receipt, 'recipient')) : from.account
      if (chat === undefined) return
      for (const id of receiptIds(receipt)) {
        const message = log.find(chat.number, isOwn ? chat.number : account.number, id)
        if (message === undefined) continue
        note(message, jidOf(from.account, from.device), type, attr(receipt, 't'))
        if (type === 'delivery') advance(message, 'delivered')
        else if (type === 'read' || type === 'read-self') advance(message, 'read')
        else if (type === 'played') advance(message, 'played')
      }
    },
    /** Sends read receipts for what came in a chat and was not read; @returns for how many. */
    markRead: (chat: Chat, ids: readonly string[] | undefined): number =>
      mark(
        'read',
        chat,
        theirs(chat, ids).filter(({ status, type }) => status === 'received' && !isAct(type)),
      ),
    /** Sends played receipts for what can be played and was not; @returns for how many. */
    markPlayed: (chat: Chat, ids: readonly string[] | undefined): number =>
      mark(
        'played',
        chat,
        theirs(chat, ids).filter(({ status, type }) => status !== 'played' && playable.has(type)),
      ),
  }
}
