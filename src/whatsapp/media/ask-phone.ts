import {
  type BinaryNode,
  decodeMediaRetryNode,
  decryptMediaRetryData,
  encryptMediaRetryRequest,
  proto,
} from '@whiskeysockets/baileys'
import { DeadlineError, withDeadline } from '../../runtime/deadline.ts'
import type { FileOwner } from '../socket.ts'
import { MediaError, wordsOf } from './errors.ts'

export interface PhoneLink {
  readonly ws: {
    on(event: string, listener: (node: BinaryNode) => void): unknown
    off(event: string, listener: (node: BinaryNode) => void): unknown
  }
  readonly sendNode: (node: BinaryNode) => Promise<void>
  /** Our own JID. */
  readonly me: () => string
  /** Resolves, with why, when the socket is gone. */
  readonly gone: Promise<string>
}

const results = proto.MediaRetryNotification.ResultType

const read = (node: BinaryNode, mediaKey: Uint8Array, id: string): string => {
  const { media, error } = decodeMediaRetryNode(node)
  if (media === undefined) {
    const code = (error?.data as { code?: unknown } | undefined)?.code
    throw String(code) === String(results.NOT_FOUND)
      ? new MediaError('gone', 'the phone has the file no more')
      : new MediaError('unreachable', `the phone did not upload the file again: ${wordsOf(error)}`)
  }
  const { result, directPath } = decryptMediaRetryData(media, mediaKey, id)
  if (result === results.NOT_FOUND) throw new MediaError('gone', 'the phone has the file no more')
  if (result !== results.SUCCESS || !directPath) {
    throw new MediaError('unreachable', `the phone did not upload the file again (${result ?? 'no result'})`)
  }
  return directPath
}

/**
 * Asks the account's phone to upload the file of a message again, and waits for its answer: the new direct path. Rejects with
 * MediaError `gone` when the phone has it no more, and `unreachable` otherwise; a phone that is offline does not answer.
 */
export const askPhone = async (
  { ws, sendNode, me, gone }: PhoneLink,
  key: FileOwner,
  mediaKey: Uint8Array,
  timeoutMs: number,
): Promise<string> => {
  // Not `sock.updateMediaMessage`: it waits for ever, and for Baileys' event, which is lost with the socket.
  const event = `CB:notification,id:${key.id}`
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  // It may come before the request has been written, when nobody waits for it yet.
  promise.catch(() => undefined)
  const onNotification = (node: BinaryNode): void => {
    if (node.attrs['type'] !== 'mediaretry') return
    try {
      resolve(read(node, mediaKey, key.id))
    } catch (error) {
      reject(error instanceof MediaError ? error : new MediaError('unreachable', wordsOf(error)))
    }
  }
  ws.on(event, onNotification)
  try {
    const asked = sendNode(encryptMediaRetryRequest(key, Buffer.from(mediaKey), me())).then(() => promise)
    const lost = gone.then((why) => Promise.reject(new MediaError('unreachable', why)))
    return await withDeadline(Promise.race([asked, lost]), timeoutMs, "the phone's answer")
  } catch (error) {
    if (error instanceof MediaError) throw error
    const why = error instanceof DeadlineError ? 'the phone did not answer in time' : wordsOf(error)
    throw new MediaError('unreachable', why, { cause: error })
  } finally {
    ws.off(event, onNotification)
  }
}
