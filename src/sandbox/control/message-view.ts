import { bodyOf, type Changes, type ChatMessage } from '../phone/chat-log.ts'

const jidOfName = (name: string): string => (name.includes('@') ? name : `${name}@s.whatsapp.net`)

const changesView = (changes: Changes): object => ({
  reactions: [...changes.reactions].map(([number, emoji]) => ({ from: jidOfName(number), emoji })),
  votes: [...changes.votes].map(([number, options]) => ({ from: jidOfName(number), options })),
  edited: changes.history.some(({ type }) => type === 'edit'),
  deletedBy: changes.deletedBy === undefined ? null : jidOfName(changes.deletedBy),
  pinnedUntil: changes.pinnedUntil ?? null,
  starred: changes.starred,
  deletedForMe: changes.deletedForMe,
  history: changes.history.map(({ by, ...change }) => ({ ...change, by: jidOfName(by) })),
})

/** A message as `GET /phones/NUMBER/messages` shows it. What was done to it is there once something was. */
export const messageView = (message: ChatMessage): object => ({
  id: message.id,
  from: jidOfName(message.sender),
  to: jidOfName(message.recipient),
  chat: jidOfName(message.chat),
  text: message.text,
  type: message.type,
  body: bodyOf(message),
  timestamp: message.timestamp,
  status: message.status,
  receipts: message.receipts,
  ...(message.problems === undefined ? {} : { problems: message.problems }),
  ...(message.changes === undefined ? {} : changesView(message.changes)),
})
