import type { proto } from '@whiskeysockets/baileys'
import type { ShownBody } from './body.ts'
import type { NamedFile } from './kinds-decode.ts'

/** How far a message got. Own messages only move forward: sent, delivered, read, played. */
type MessageStatus = 'sent' | 'delivered' | 'read' | 'played' | 'received'

interface ReceiptOfDevice {
  /** JID of the device that sent it. */
  readonly device: string
  /** `delivery`, `inactive`, `read`, `played`… */
  readonly type: string
  /** ms since 1970. */
  readonly at: number
}

/** Something that was done to a message, by one person. */
export interface Change {
  /** WhatsApp id of the act. */
  readonly id: string
  readonly type: string
  /** Number. */
  readonly by: string
  /** ms since 1970. */
  readonly at: number
  readonly [detail: string]: unknown
}

/** What became of a message since it was written. */
export interface Changes {
  /** All of it, oldest first. */
  readonly history: Change[]
  /** By number; who took a reaction back is not there. */
  readonly reactions: Map<string, string>
  readonly votes: Map<string, readonly string[]>
  deletedBy: string | undefined
  /** ms since 1970. */
  pinnedUntil: number | undefined
  starred: boolean
  /** On this account's devices alone. */
  deletedForMe: boolean
}

/** A message as a phone shows it. Accounts are named by their number, groups by their JID. */
export interface ChatMessage {
  readonly id: string
  readonly sender: string
  readonly recipient: string
  /** The other side, or the group. */
  readonly chat: string
  text: string
  /** As in its body; `protocol`… of what has none. */
  readonly type: string
  /** Undefined for a plain text, and for what the phone cannot show. */
  body?: ShownBody
  /** Undefined for a plain text. */
  content?: proto.IMessage
  readonly file?: NamedFile
  /** What was wrong with it, in words. */
  readonly problems?: readonly string[]
  /** ms since 1970. */
  readonly timestamp: number
  status: MessageStatus
  readonly receipts: ReceiptOfDevice[]
  changes?: Changes
}

export const changesOf = (message: ChatMessage): Changes => {
  message.changes ??= {
    history: [],
    reactions: new Map(),
    votes: new Map(),
    deletedBy: undefined,
    pinnedUntil: undefined,
    starred: false,
    deletedForMe: false,
  }
  return message.changes
}

/** What it says now; null when it was deleted or cannot be shown. */
export const bodyOf = ({ type, text, body, changes }: ChatMessage): ShownBody | null => {
  if (changes?.deletedBy !== undefined) return null
  return body ?? (type === 'text' ? { type, text } : null)
}

export const contentOf = ({ text, content }: ChatMessage): proto.IMessage => content ?? { conversation: text }

/** What a phone has shown, oldest first. */
export interface ChatLog {
  readonly messages: readonly ChatMessage[]
  /** False when the same message (chat, sender, id) is there already: it is shown once. */
  add(message: ChatMessage): boolean
  find(chat: string, sender: string, id: string): ChatMessage | undefined
}

/** Receipts that are kept of one message. */
export const receiptsMax = 100
/** A phone forgets its oldest messages beyond this. */
const messagesMax = 100_000
/** How many are dropped at once, so that dropping is rare. */
const dropAtOnce = 1000

const nameOf = (chat: string, sender: string, id: string): string => `${chat} ${sender} ${id}`

const order: readonly MessageStatus[] = ['received', 'sent', 'delivered', 'read', 'played']

/** Moves a status forward, never back. */
export const advance = (message: ChatMessage, to: 'delivered' | 'read' | 'played'): void => {
  if (message.status === 'received' && to === 'delivered') return
  if (order.indexOf(to) > order.indexOf(message.status)) message.status = to
}

export const createChatLog = (): ChatLog => {
  const messages: ChatMessage[] = []
  const byName = new Map<string, ChatMessage>()
  return {
    messages,
    add(message) {
      const name = nameOf(message.chat, message.sender, message.id)
      if (byName.has(name)) return false
      byName.set(name, message)
      messages.push(message)
      if (messages.length > messagesMax) {
        for (const old of messages.splice(0, dropAtOnce)) byName.delete(nameOf(old.chat, old.sender, old.id))
      }
      return true
    },
    find: (chat, sender, id) => byName.get(nameOf(chat, sender, id)),
  }
}
