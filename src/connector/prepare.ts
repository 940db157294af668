import type { MessageBody } from '../domain/body.ts'
import { assert } from '../domain/errors.ts'
import { parseJid, partyJid, partyOf } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import type { Store } from '../store/store.ts'
import { createAttach } from './attachment.ts'
import type { Upload } from './uploads.ts'
import type { Prepared, ReferredMessage, WhatsAppSocket } from '../whatsapp/socket.ts'

export interface PrepareOptions {
  readonly store: Pick<Store, 'messages' | 'addresses' | 'media'>
  readonly socket: Pick<WhatsAppSocket, 'prepare'>
  readonly upload: Upload
  /** Has a file fetched that a message needs. */
  readonly askFor: (id: string) => Promise<unknown>
}

const nothing = new Uint8Array()

const targetOf = (body: MessageBody): string | undefined => ('messageId' in body ? body.messageId : undefined)

/** Looks up what the body of a message names, and has its bytes made. */
export const createPrepare = ({ store, socket, upload, askFor }: PrepareOptions) => {
  const { messages, addresses, media } = store
  const attach = createAttach({ media, upload, askFor })

  const referred = async (id: string | undefined): Promise<ReferredMessage | null> => {
    const message = id === undefined ? undefined : await messages.get(id)
    if (message === undefined) return null
    const { whatsappId, sender, direction } = message
    const content = (await messages.contentOf(message.id)) ?? nothing
    return { whatsappId, sender, fromMe: direction === 'outbound', content }
  }

  const thumbnailOf = async (body: MessageBody): Promise<Uint8Array | null> => {
    const image = body.type === 'text' ? body.linkPreview?.image : undefined
    return image === undefined ? null : ((await media.get(image.uploadId))?.thumbnail ?? null)
  }

  return async ({ id, deviceId, chat, body }: Message): Promise<Prepared> => {
    assert(body, `message ${id} has neither content nor a body`)
    const named = (body.mentions ?? []).filter((address) => parseJid(address) !== undefined)
    const [quoted, target, mentions] = await Promise.all([
      referred(body.replyTo),
      referred(targetOf(body)),
      Promise.all(named.map((address) => addresses.complete(deviceId, partyOf(address)))),
    ])
    const gone = targetOf(body)
    if (gone !== undefined && target === null) {
      return { kind: 'impossible', code: 'message_gone', detail: `message ${gone} is not there any more` }
    }
    const attached = await attach(body)
    if ('kind' in attached) return attached
    const { attachment } = attached
    const previewThumbnail = await thumbnailOf(body)
    return socket.prepare({
      to: partyJid(chat),
      body,
      quoted,
      target,
      mentions,
      attachment,
      previewThumbnail,
    })
  }
}
