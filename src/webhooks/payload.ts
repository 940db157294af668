/** What an endpoint gets of an event: the body of the request. */
import { bodyText, type BodyType } from '../domain/body.ts'
import type { Event } from '../domain/event.ts'
import { shownEvent } from '../domain/shown-event.ts'
import type { ShownMessage } from '../domain/shown-message.ts'
import { contentOf } from '../domain/transcript.ts'
import type { PayloadFormat } from '../domain/webhook.ts'

/** The file that an event is about. */
export interface EventFile {
  /** `med_…` */
  readonly mediaId: string
  /** Where the API has it, from its root. */
  readonly path: string
}

/** A small file itself. */
export interface InlineFile {
  readonly base64: string
  readonly mimetype: string
  readonly filename: string | null
  readonly bytes: number
}

/** How a file goes with its event. */
export interface FileParts {
  readonly url: string
  readonly inline?: InlineFile
  /** Of one that is stored in a folder here: its absolute path. */
  readonly filePath?: string
}

const secondMs = 1_000

export const fileOf = ({ type, data }: Pick<Event, 'type' | 'data'>): EventFile | undefined => {
  if (type === 'media.stored' && 'mediaId' in data) {
    return { mediaId: data.mediaId, path: `/api/media/${data.mediaId}` }
  }
  const message = 'message' in data ? data.message : undefined
  const body = message?.body
  if (message === undefined || body === null || body === undefined || !('media' in body)) return undefined
  return { mediaId: body.media.uploadId, path: `/api/messages/${encodeURIComponent(message.id)}/media` }
}

const eventBody = (event: Event, file: FileParts | undefined): string => {
  const shown = shownEvent(event)
  if (file === undefined) return JSON.stringify(shown)
  const { url: mediaUrl, inline: mediaInline } = file
  return JSON.stringify({ ...shown, data: { ...shown.data, mediaUrl, mediaInline } })
}

type MediaType = `${'image' | 'video' | 'audio' | 'document' | 'sticker'}Message`

const mediaTypes: Partial<Readonly<Record<BodyType, MediaType>>> = {
  image: 'imageMessage',
  video: 'videoMessage',
  gif: 'videoMessage',
  round_video: 'videoMessage',
  audio: 'audioMessage',
  voice: 'audioMessage',
  document: 'documentMessage',
  sticker: 'stickerMessage',
}

/** What a person reads of a message that has no file. */
const readingOf = ({ type, text, body }: ShownMessage): string => {
  if (body === null)
    return type === 'undecryptable' ? 'Waiting for this message' : (text ?? '<not supported>')
  return 'messageId' in body ? (bodyText(body) ?? `<${body.type}>`) : contentOf(body)
}

/** WhatsApp's own account: nobody takes a test for a message of a customer. */
const testSender = '0@s.whatsapp.net'

/** Undefined for an event that has no such form. */
const plainBody = (event: Event, file: FileParts | undefined): string | undefined => {
  const timestamp = Math.floor(event.at / secondMs)
  if (event.type === 'webhook.tested') {
    return JSON.stringify({ type: 'text', from: testSender, message: 'This is a test.', timestamp })
  }
  const message = 'message' in event.data ? event.data.message : undefined
  if (event.type !== 'message.received' || message === undefined) return undefined
  const { chat: from, body } = message
  const sentAt = message.timestamp === null ? timestamp : Math.floor(Date.parse(message.timestamp) / secondMs)
  const mediaType = body === null ? undefined : mediaTypes[body.type]
  if (body === null || mediaType === undefined) {
    return JSON.stringify({ type: 'text', from, message: readingOf(message), timestamp: sentAt })
  }
  return JSON.stringify({
    type: 'media',
    from,
    mediaType,
    filePath: file?.filePath ?? null,
    timestamp: sentAt,
    caption: 'caption' in body ? body.caption : undefined,
    mediaUrl: file?.url,
  })
}

/**
 * The body of an event in the endpoint's format. What was to go there before it chose `plain`, and has no such form, goes as the
 * event that it is.
 */
export const payloadOf = (event: Event, format: PayloadFormat, file: FileParts | undefined): string =>
  (format === 'plain' ? plainBody(event, file) : undefined) ?? eventBody(event, file)
