/** The file of an event, in the way in which its endpoint wants it. */
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Event } from '../domain/event.ts'
import type { Media } from '../domain/media.ts'
import type { Endpoint } from '../domain/webhook.ts'
import { blobName, type BlobStore } from '../media/blobs.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { MediaStore } from '../store/store.ts'
import { fileOf, type FileParts, type InlineFile } from './payload.ts'

/** Larger files come as a link, whatever the endpoint asks for. */
export const inlineBytesMax = 5 * 1024 * 1024
/** Of all attempts under way: each holds its file several times over, as bytes and as text. */
export const inlineHeldBytesMax = 16 * 1024 * 1024
/** A message waits for its file until then, counted from the event. */
export const fileWaitMaxMs = 30_000
const fileLookMs = 1_000
/** While others hold all that may be held. */
const roomLookMs = 250

export interface EventFileOptions {
  readonly media: Pick<MediaStore, 'get'>
  readonly blobs: Pick<BlobStore, 'open'>
  /** Where files are kept; undefined when that is no folder of this machine. */
  readonly folder: string | undefined
  /** Without a slash at its end. */
  readonly publicUrl: string
  readonly clock: Clock
  readonly log: Log
}

export type FileForEvent =
  /** `release` must be called when the file is not needed any more. */
  | { readonly kind: 'ready'; readonly file: FileParts | undefined; release(): void }
  /** It is on its way: look again at `at`. */
  | { readonly kind: 'later'; readonly at: number }

export type LoadFile = (event: Event, endpoint: Pick<Endpoint, 'format' | 'media'>) => Promise<FileForEvent>

const ready = (file: FileParts | undefined, release = (): void => undefined): FileForEvent => ({
  kind: 'ready',
  file,
  release,
})

export const createLoadFile = (options: EventFileOptions): LoadFile => {
  const { media, blobs, folder, publicUrl, clock, log } = options
  let heldBytes = 0

  const isComing = ({ state, dueAt }: Media, { type, at }: Event, now: number): boolean =>
    type === 'message.received' && state === 'waiting' && dueAt !== null && Math.abs(now - at) < fileWaitMaxMs

  const read = async ({ sha256, mimetype, filename, bytes }: Media): Promise<InlineFile | undefined> => {
    try {
      const content = await buffer(await blobs.open(sha256))
      return { base64: content.toString('base64'), mimetype, filename, bytes }
    } catch (error) {
      log.warn({ err: error, sha256 }, 'a file could not be read for a webhook; its link goes alone')
      return undefined
    }
  }

  const inline = async (url: string, file: Media, now: number): Promise<FileForEvent> => {
    if (file.state !== 'stored') return ready({ url })
    if (heldBytes + file.bytes > inlineHeldBytesMax) return { kind: 'later', at: now + roomLookMs }
    heldBytes += file.bytes
    const content = await read(file)
    return ready({ url, ...(content === undefined ? {} : { inline: content }) }, () => {
      heldBytes -= file.bytes
    })
  }

  return async (event, { format, media: way }) => {
    const found = fileOf(event)
    if (found === undefined) return ready(undefined)
    const url = `${publicUrl}${found.path}`
    if (format === 'event' && way === 'link') return ready({ url })
    const file = await media.get(found.mediaId)
    const isTooLong = format === 'event' && (file?.bytes ?? 0) > inlineBytesMax
    if (file === undefined || isTooLong) return ready({ url })
    const now = clock.now()
    if (isComing(file, event, now)) {
      return { kind: 'later', at: Math.min(now + fileLookMs, event.at + fileWaitMaxMs) }
    }
    if (format === 'event') return inline(url, file, now)
    const isHere = file.state === 'stored' && folder !== undefined
    return ready({ url, ...(isHere ? { filePath: path.join(folder, blobName(file.sha256)) } : {}) })
  }
}
