/** A companion asks the phone for a file that has expired (Baileys, messages-media.ts `encryptMediaRetryRequest`). */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { attr, child, childBytes, element, type Node } from '../protocol/node.ts'
import { deliver } from '../session/deliver.ts'
import { type Account, type Device, jidOf } from '../state/account.ts'
import { chatName, isGroup } from '../state/groups.ts'
import type { ChatLog, ChatMessage } from './chat-log.ts'
import type { NamedFile } from './kinds-decode.ts'

const keyBytes = 32
const ivBytes = 12
const tagBytes = 16
const { SUCCESS, NOT_FOUND, DECRYPTION_ERROR } = proto.MediaRetryNotification.ResultType

const keyOf = (mediaKey: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', mediaKey, Buffer.alloc(0), 'WhatsApp Media Retry Notification', keyBytes))

const opened = (receipt: Node, mediaKey: Uint8Array, id: string): string => {
  const encrypted = child(receipt, 'encrypt')
  const [payload, iv] = [childBytes(encrypted, 'enc_p'), childBytes(encrypted, 'enc_iv')]
  if (payload === undefined || iv === undefined) throw new Error('the request is not whole')
  const decipher = createDecipheriv('aes-256-gcm', keyOf(mediaKey), iv)
    .setAAD(Buffer.from(id))
    .setAuthTag(payload.subarray(-tagBytes))
  const bytes = Buffer.concat([decipher.update(payload.subarray(0, -tagBytes)), decipher.final()])
  return proto.ServerErrorReceipt.decode(bytes).stanzaId ?? ''
}

const sealed = (answer: proto.IMediaRetryNotification, mediaKey: Uint8Array, id: string): Node => {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(mediaKey), iv).setAAD(Buffer.from(id))
  const bytes = proto.MediaRetryNotification.encode(answer).finish()
  const payload = Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  return element('encrypt', {}, [element('enc_p', {}, payload), element('enc_iv', {}, iv)])
}

/** Uploads the file once more, and tells the companion where it is now. */
export const createMediaRetry = (context: Context, account: Account, log: ChatLog) => {
  const messageOf = (rmr: Node, id: string): ChatMessage | undefined => {
    const jid = attr(rmr, 'jid')
    const chat = context.groups.find(jid) ?? context.directory.find(jid)
    if (chat === undefined) return undefined
    const other = isGroup(chat) ? context.directory.find(attr(rmr, 'participant')) : chat
    const author = attr(rmr, 'from_me') === 'true' ? account : other
    return author === undefined ? undefined : log.find(chatName(chat), author.number, id)
  }

  const uploadAgain = async (file: NamedFile): Promise<string | undefined> => {
    const { store } = context.media
    const before = store.find(file.directPath)
    if (before === undefined) return undefined
    const after = await store.add(before.file, before.encSha256)
    context.counters.mediaRetries++
    return after.directPath
  }

  const answerTo = async (receipt: Node, rmr: Node, id: string): Promise<Node> => {
    const message = messageOf(rmr, id)
    const file = message?.changes?.deletedBy === undefined ? message?.file : undefined
    if (file === undefined) return element('error', { code: String(NOT_FOUND) })
    try {
      if (opened(receipt, file.mediaKey, id) !== id) throw new Error('the request is for another message')
    } catch {
      return element('error', { code: String(DECRYPTION_ERROR) })
    }
    const directPath = await uploadAgain(file)
    const answer = directPath === undefined ? { result: NOT_FOUND } : { result: SUCCESS, directPath }
    return sealed({ stanzaId: id, ...answer }, file.mediaKey, id)
  }

  return async (receipt: Node, from: Device): Promise<void> => {
    const id = attr(receipt, 'id')
    const rmr = child(receipt, 'rmr')
    if (id === undefined || rmr === undefined) return
    const attrs = { id, type: 'mediaretry', from: jidOf(account), t: String(context.nowSeconds()) }
    const answer = await answerTo(receipt, rmr, id)
    deliver(context, from, element('notification', attrs, [answer, element('rmr', rmr.attrs)]))
  }
}
