import type { MessageBody } from '../domain/body.ts'
import { StaleLeaseError } from '../domain/lease.ts'
import { remoteKindOf } from '../domain/media.ts'
import { BlobMissingError } from '../media/blobs.ts'
import { type MediaStore, StoreError } from '../store/store.ts'
import { type Attachment, MediaError, type Prepared } from '../whatsapp/socket.ts'
import type { Upload } from './uploads.ts'

type Refusal = Exclude<Prepared, { kind: 'ready' }>

const impossible = (code: string, detail: string): Refusal => ({ kind: 'impossible', code, detail })

/** What a failed upload comes to: nothing has left of the message, so most of it may be tried again. */
const refusalOf = (error: unknown, id: string): Refusal => {
  if (error instanceof StaleLeaseError || error instanceof StoreError) throw error
  if (error instanceof BlobMissingError) {
    return impossible('media_missing', `the bytes of file ${id} are not here any more`)
  }
  if (error instanceof MediaError && (error.code === 'corrupt' || error.code === 'too_large')) {
    return impossible(`media_${error.code}`, `file ${id}: ${error.message}`)
  }
  const why = error instanceof Error ? error.message : String(error)
  return { kind: 'not_sent', detail: `file ${id} could not be uploaded: ${why}` }
}

interface AttachOptions {
  readonly media: MediaStore
  readonly upload: Upload
  /** Has a file fetched that came with a message, and is fetched by nobody yet. */
  readonly askFor: (id: string) => Promise<unknown>
}

/** Has the file of a body at WhatsApp before its message is made; null when it has none. */
export const createAttach =
  ({ media, upload, askFor }: AttachOptions) =>
  async (body: MessageBody): Promise<{ readonly attachment: Attachment | null } | Refusal> => {
    const kind = remoteKindOf(body.type)
    if (kind === undefined || !('media' in body)) return { attachment: null }
    const id = body.media.uploadId
    const file = await media.get(id)
    if (file === undefined || file.state === 'removed' || file.state === 'failed') {
      const how = file?.state === 'failed' ? 'could not be fetched' : 'is not here any more'
      return impossible('media_missing', `file ${id} ${how}`)
    }
    if (file.state === 'waiting') {
      // Now somebody needs it, who would wait for ever.
      if (file.dueAt === null) await askFor(id)
      return { kind: 'not_sent', detail: `file ${id} has not come from WhatsApp yet` }
    }
    try {
      const remote = await upload(file, kind)
      const { width, height, seconds, waveform, thumbnail } = file
      return {
        attachment: {
          remote,
          mimetype: body.mimetype ?? file.mimetype,
          filename: ('filename' in body ? body.filename : undefined) ?? file.filename,
          width,
          height,
          seconds,
          waveform: ('waveform' in body ? body.waveform : undefined) ?? waveform,
          thumbnail,
        },
      }
    } catch (error) {
      return refusalOf(error, id)
    }
  }
