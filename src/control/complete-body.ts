import type { GivenBody, GivenFileBody, GivenMedia, LinkPreview, MessageBody } from '../domain/body.ts'
import { GatewayError } from '../domain/errors.ts'
import { type Media, mediaRef } from '../domain/media.ts'
import { BlobMissingError } from '../media/blobs.ts'
import { firstUrl } from '../media/link-preview.ts'
import { fitsAs, type MediaKind } from '../media/shape.ts'
import type { ControlContext } from './context.ts'
import { keepFile } from './keep-file.ts'

export interface CompletedBody {
  readonly body: MessageBody
  /** The body as it was given, with the hash of its file: what makes two requests the same. */
  readonly request: string
}

interface Attached {
  readonly file: Media
  readonly animated: boolean
  /** What names the file, whatever is made of it: a repeated request has the same. */
  readonly identity: object
}

const isOpus = (mimetype: string): boolean => /^audio\/ogg\b.*\bopus\b/.test(mimetype)

const gone = (id: string): GatewayError =>
  new GatewayError('media_removed', `file ${id} is not here any more: upload it again`)

const fileOf = async ({ store }: ControlContext, deviceId: string, id: string): Promise<Media> => {
  const file = await store.media.get(id)
  if (file === undefined || (file.deviceId !== null && file.deviceId !== deviceId)) {
    throw new GatewayError('invalid_reference', `media: device ${deviceId} has no file ${JSON.stringify(id)}`)
  }
  return file
}

/** What WhatsApp itself has brought as this kind is sent as it came. */
const cameAs = (kind: MediaKind, { remote, mimetype }: Media): boolean =>
  kind === 'sticker' ? remote?.kind === 'sticker' : kind === 'voice' && remote !== null && isOpus(mimetype)

/** The connector waits for a file that is still to come, when nothing has to be made of it. */
const checkState = ({ id, state, error }: Media, asItIs: boolean): void => {
  switch (state) {
    case 'stored':
      return
    case 'waiting':
      if (asItIs) return
      throw new GatewayError('media_waiting', `file ${id} is still to be fetched from WhatsApp`)
    case 'failed':
      throw new GatewayError('media_failed', `file ${id} could not be fetched: ${error?.detail ?? ''}`)
    case 'removed':
      throw gone(id)
  }
}

interface Told {
  readonly mimetype: string | null
  readonly filename: string | null
}

const attachStored = async (
  ctx: ControlContext,
  deviceId: string,
  { uploadId, kind, told }: { readonly uploadId: string; readonly kind: MediaKind; readonly told: Told },
): Promise<Attached> => {
  const file = await fileOf(ctx, deviceId, uploadId)
  const identity = { sha256: file.sha256 }
  const asItIs = fitsAs(kind, file) || cameAs(kind, file)
  checkState(file, asItIs)
  if (asItIs) return { file, animated: false, identity }
  try {
    const accepted = await ctx.mediaIn.accept({ from: 'stored', sha256: file.sha256 }, kind, {
      mimetype: told.mimetype ?? file.mimetype,
      filename: told.filename ?? file.filename,
    })
    const made = await keepFile(ctx, accepted, 'upload', deviceId)
    return { file: made, animated: accepted.animated, identity }
  } catch (error) {
    throw error instanceof BlobMissingError ? gone(uploadId) : error
  }
}

const attach = async (
  ctx: ControlContext,
  deviceId: string,
  kind: MediaKind,
  media: GivenMedia,
  told: Told,
): Promise<Attached> => {
  if ('uploadId' in media) {
    return await attachStored(ctx, deviceId, { uploadId: media.uploadId, kind, told })
  }
  if ('url' in media) {
    const accepted = await ctx.mediaIn.accept({ from: 'url', url: media.url }, kind, told)
    const file = await keepFile(ctx, accepted, 'url', deviceId)
    // What is at a URL may change: the request is the same all the same.
    return { file, animated: accepted.animated, identity: { url: media.url } }
  }
  const accepted = await ctx.mediaIn.accept({ from: 'base64', text: media.base64 }, kind, told)
  const file = await keepFile(ctx, accepted, 'base64', deviceId)
  return { file, animated: accepted.animated, identity: { sha256: accepted.sourceSha256 } }
}

/** The body of a message with a file that is here. */
export const bodyWithFile = (
  body: GivenFileBody,
  { file, animated }: Pick<Attached, 'file' | 'animated'>,
): MessageBody => {
  const known = {
    media: mediaRef(file),
    // Of a document its sender may know more than its content shows.
    mimetype: body.type === 'document' ? (body.mimetype ?? file.mimetype) : file.mimetype,
  }
  switch (body.type) {
    case 'document': {
      const filename = body.filename ?? file.filename
      return { ...body, ...known, ...(filename === null ? {} : { filename }) }
    }
    case 'voice': {
      const waveform = body.waveform ?? file.waveform
      return { ...body, ...known, ...(waveform === null ? {} : { waveform }) }
    }
    case 'sticker':
      return { ...body, ...known, ...(animated ? { animated } : {}) }
    case 'image':
    case 'video':
    case 'gif':
    case 'round_video':
    case 'audio':
      return { ...body, ...known }
  }
}

async function* toStream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** The preview of the first link of a text; undefined when there is none, or none to be had. */
export const previewOf = async (
  ctx: ControlContext,
  deviceId: string,
  text: string,
): Promise<LinkPreview | undefined> => {
  const { previewLink, accept } = ctx.mediaIn
  const link = previewLink === undefined ? undefined : firstUrl(text)
  const page = link === undefined ? undefined : await previewLink?.(link)
  if (page === undefined) return undefined
  const { url, title, description, thumbnail } = page
  const preview: LinkPreview = { url, title, ...(description === null ? {} : { description }) }
  if (thumbnail === null) return preview
  try {
    const origin = { from: 'stream', stream: toStream(thumbnail) } as const
    const accepted = await accept(origin, 'file', { mimetype: 'image/jpeg' })
    return { ...preview, image: mediaRef(await keepFile(ctx, { ...accepted, thumbnail }, 'url', deviceId)) }
  } catch {
    // A text is worth more than the picture of what it names.
    return preview
  }
}

/** A preview that somebody has made, or received: its picture is one that the device has. */
const checkedPreview = async (
  { store }: ControlContext,
  deviceId: string,
  { image, ...preview }: LinkPreview,
): Promise<LinkPreview> => {
  const file = image === undefined ? undefined : await store.media.get(image.uploadId)
  const own = file !== undefined && (file.deviceId === null || file.deviceId === deviceId)
  return own ? { ...preview, image: mediaRef(file) } : preview
}

/** Has the file of a body brought here, and the preview of a text's link made. */
export const completeBody = async (
  ctx: ControlContext,
  deviceId: string,
  given: GivenBody,
): Promise<CompletedBody> => {
  if ('media' in given) {
    const told: Told = {
      mimetype: given.mimetype ?? null,
      filename: 'filename' in given ? (given.filename ?? null) : null,
    }
    const attached = await attach(ctx, deviceId, given.type, given.media, told)
    const request = JSON.stringify({ ...given, media: attached.identity })
    return { body: bodyWithFile(given, attached), request }
  }
  const request = JSON.stringify(given)
  if (given.type !== 'text') return { body: given, request }
  const { linkPreview, ...text } = given
  if (typeof linkPreview === 'object') {
    return { body: { ...text, linkPreview: await checkedPreview(ctx, deviceId, linkPreview) }, request }
  }
  const preview = linkPreview === false ? undefined : await previewOf(ctx, deviceId, text.text)
  return { body: preview === undefined ? text : { ...text, linkPreview: preview }, request }
}
