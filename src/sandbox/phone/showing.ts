import type { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import type { Account } from '../state/account.ts'
import type { StoredFile } from '../media-host/store.ts'
import { type Chat, chatName, isGroup } from '../state/groups.ts'
import type { Acts } from './acts.ts'
import type { ShownFile } from './body.ts'
import type { ChatLog, ChatMessage } from './chat-log.ts'
import { checkFile } from './file-cipher.ts'
import { decodeContent, type NamedFile, wordsOf } from './kinds-decode.ts'

/** A message that was written or came, before it is in the log. */
export interface Arrived {
  readonly id: string
  readonly from: Account
  readonly chat: Chat
  /** ms since 1970. */
  readonly timestamp: number
  readonly content: proto.IMessage
  /** What is wrong with its stanza. */
  readonly problems: readonly string[]
}

type Checked = ReturnType<typeof checkFile>

const checks = new WeakMap<StoredFile, Map<string, Checked>>()

/** In a group each phone gets the same file by the same words, and comes to the same result. */
const checkedOnce = (stored: StoredFile, file: NamedFile): Checked => {
  const known = checks.get(stored) ?? new Map<string, Checked>()
  checks.set(stored, known)
  const secrets = [file.mediaKey, file.fileSha256, file.fileEncSha256].map((part) =>
    Buffer.from(part).toString('hex'),
  )
  const words = [file.kind, file.bytes, ...secrets].join(' ')
  const before = known.get(words)
  if (before !== undefined) return before
  const check = checkFile(stored.file, file.kind, file)
  known.set(words, check)
  return check
}

/** Fetches a file from the media host and checks it. */
const fetched = async (context: Context, file: NamedFile): Promise<ShownFile> => {
  const { looks } = file
  try {
    const stored = context.media.store.find(file.directPath)
    if (stored === undefined || stored.expired !== undefined) {
      throw new Error(stored === undefined ? 'there is nothing at its direct path' : 'it has expired')
    }
    return { ...(await checkedOnce(stored, file)), ...looks }
  } catch (error) {
    context.counters.mediaRejectedByPhones++
    return { ...looks, error: error instanceof Error ? error.message : 'unknown' }
  }
}

/** Puts messages into the log of a phone, and applies those that act on others. */
export const createShowing = (context: Context, account: Account, log: ChatLog, acts: Acts) => {
  const added = (message: ChatMessage): ChatMessage => {
    log.add(message)
    return message
  }

  /** Undefined when it is there already. */
  const show = async (arrived: Arrived): Promise<ChatMessage | undefined> => {
    const { id, from, chat, timestamp, content, problems } = arrived
    if (log.find(chatName(chat), from.number, id) !== undefined) return undefined
    const isOwn = from === account
    const message = {
      id,
      sender: from.number,
      recipient: isOwn || isGroup(chat) ? chatName(chat) : account.number,
      chat: chatName(chat),
      timestamp,
      status: isOwn ? 'sent' : 'received',
      receipts: [],
      ...(problems.length === 0 ? {} : { problems }),
    } as const satisfies Partial<ChatMessage>
    if (typeof content.conversation === 'string') {
      return added({ ...message, type: 'text', text: content.conversation })
    }
    const decoded = decodeContent(content)
    if (decoded.kind === 'other') return added({ ...message, type: decoded.type, text: '', content })
    if (decoded.kind === 'act') {
      const { body, refused } = acts.apply(decoded, { id, by: from, chat, at: timestamp })
      const all = refused === undefined ? problems : [...problems, refused]
      const wrong = all.length === 0 ? {} : { problems: all }
      return added({ ...message, ...wrong, type: body.type, text: wordsOf(body), body, content })
    }
    const { file } = decoded
    const body = file === undefined ? decoded.body : { ...decoded.body, media: await fetched(context, file) }
    const more = file === undefined ? {} : { file }
    return added({ ...message, ...more, type: body.type, text: wordsOf(body), body, content })
  }
  return show
}

export type Show = ReturnType<typeof createShowing>
