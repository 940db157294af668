/** How far a message got. Own messages only move forward: sent, delivered, read. */
type MessageStatus = 'sent' | 'delivered' | 'read' | 'received'

interface ReceiptOfDevice {
  /** JID of the device that sent it. */
  readonly device: string
  /** `delivery`, `inactive`, `read`, `played`… */
  readonly type: string
  /** ms since 1970. */
  readonly at: number
}

/** A message as a phone shows it. Accounts are named by their number, groups by their JID. */
export interface ChatMessage {
  readonly id: string
  readonly sender: string
  readonly recipient: string
  /** The other side, or the group. */
  readonly chat: string
  readonly text: string
  /** `text`, or what else it is: `image`, `reaction`, `protocol`… */
  readonly type: string
  /** ms since 1970. */
  readonly timestamp: number
  status: MessageStatus
  readonly receipts: ReceiptOfDevice[]
}

/** A text that a phone has just written and the server has taken at `timestamp` (ms since 1970). */
export const writtenText = (
  message: Pick<ChatMessage, 'id' | 'sender' | 'chat' | 'text' | 'timestamp'>,
): ChatMessage => ({ ...message, recipient: message.chat, type: 'text', status: 'sent', receipts: [] })

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

const order: readonly MessageStatus[] = ['sent', 'delivered', 'read']

/** Moves a status forward, never back. */
export const advance = (message: ChatMessage, to: 'delivered' | 'read'): void => {
  if (message.status === 'received') {
    if (to === 'read') message.status = to
    return
  }
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
