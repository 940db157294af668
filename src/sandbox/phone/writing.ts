import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import type { Addressing } from '../protocol/jid.ts'
import { type Account, jidOf } from '../state/account.ts'
import { type Chat, chatName, isGroup } from '../state/groups.ts'
import type { Written, WrittenFile } from './body.ts'
import { type ChatLog, type ChatMessage, contentOf } from './chat-log.ts'
import { encryptFile, type FileKind, madeUp } from './file-cipher.ts'
import { encodeWritten, fileKindOf, type Known, type Uploaded } from './kinds-encode.ts'
import type { Sending } from './sending.ts'
import { chatJid } from './sending.ts'
import type { Show } from './showing.ts'

const secondMs = 1000

interface Parts {
  readonly context: Context
  readonly account: Account
  readonly log: ChatLog
  readonly sending: Sending
  readonly show: Show
  readonly newMessageId: () => string
}

/** What people write on a phone. */
export const createWriting = ({ context, account, log, sending, show, newMessageId }: Parts) => {
  const upload = async ({ base64, bytes = 0 }: WrittenFile, kind: FileKind): Promise<Uploaded> => {
    const { store } = context.media
    const file = store.newFile()
    const source = base64 === undefined ? madeUp(bytes) : [Buffer.from(base64, 'base64')]
    const secrets = await encryptFile(source, kind, file)
    const stored = await store.add(file, Buffer.from(secrets.fileEncSha256))
    return { ...secrets, url: context.media.urlOf(stored), directPath: stored.directPath }
  }

  const known = (member: string, id: string, chat: Chat, addressing: Addressing): Known => {
    const message = log.messages.findLast((each) => each.id === id && each.chat === chatName(chat))
    if (message === undefined) {
      throw new SandboxError(422, `${member}: the phone has no message ${id} in this chat`)
    }
    const author = context.directory.accounts.get(message.sender) ?? account
    return {
      id,
      fromMe: message.sender === account.number,
      author: jidOf(author, 0, addressing),
      content: contentOf(message),
    }
  }

  const mentioned = (name: string, addressing: Addressing): string => {
    if (name === 'all') return name
    const person = context.directory.accounts.get(name) ?? context.directory.find(name)
    if (person === undefined) throw new SandboxError(422, `mentions: ${name} is not on this network`)
    return jidOf(person, 0, addressing)
  }

  /** Sends it; resolves when the server took it. @throws SandboxError 422 when it cannot be written or was refused */
  return async (body: Written, chat: Chat): Promise<ChatMessage> => {
    // Today's WhatsApp addresses people by LID unless it has to do otherwise.
    const addressing = isGroup(chat) ? chat.addressing : (body.addressing ?? 'lid')
    const kind = fileKindOf(body.type)
    const content = encodeWritten(body, {
      chat: chatJid(chat, addressing),
      own: jidOf(account, 0, addressing),
      nowMs: context.clock.now(),
      uploaded: kind !== undefined && 'media' in body ? await upload(body.media, kind) : undefined,
      quoted: body.replyTo === undefined ? undefined : known('replyTo', body.replyTo, chat, addressing),
      target: 'messageId' in body ? known('messageId', body.messageId, chat, addressing) : undefined,
      mentions: (body.mentions ?? []).map((name) => mentioned(name, addressing)),
    })
    const id = newMessageId()
    const { t, error } = await sending.send(chat, id, content, addressing)
    if (error !== undefined) throw new SandboxError(422, `the server refused it: ${error}`)
    const shown = await show({ id, from: account, chat, timestamp: t * secondMs, content, problems: [] })
    if (shown === undefined) throw new Error('a fresh id was used before')
    return shown
  }
}
