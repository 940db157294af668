import type { GivenFileBody } from '../domain/body.ts'
import type { Media } from '../domain/media.ts'
import type { AcceptedFile } from '../media/accept.ts'
import { type AcceptAs, kindOfFile } from '../media/shape.ts'
import { bodyWithFile } from './complete-body.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { keepFile } from './keep-file.ts'
import { checkCanSend, sameRequest, saidBy } from './send-body.ts'
import { recipientOf, type SendOutcome, type Submission, submit } from './submit.ts'
import type { GivenFile } from './upload-file.ts'

/** A file that was taken in for a message whose recipient is not known yet: a form may name it behind the file. */
export interface FileToSend {
  readonly deviceId: string
  readonly accepted: AcceptedFile
}

/** Takes in the file of a message. Refuses at once a device that cannot send. */
export const takeFile = async (
  ctx: ControlContext,
  deviceId: string,
  { stream, mimetype, filename }: GivenFile,
): Promise<FileToSend> => {
  await checkCanSend(ctx, checkDeviceId(deviceId))
  const accepted = await ctx.mediaIn.accept({ from: 'stream', stream }, kindOfFile, { mimetype, filename })
  return { deviceId, accepted }
}

export interface SendFileInput extends Submission {
  /** A JID, or a phone number as people write it. */
  readonly to: string
  readonly caption?: string
}

const bodyOf = (kind: AcceptAs, uploadId: string, caption: string | undefined): GivenFileBody => {
  const media = { uploadId }
  const captioned = caption === undefined || caption === '' ? { media } : { media, caption }
  switch (kind) {
    case 'image':
    case 'video':
      return { type: kind, ...captioned }
    case 'audio':
      return { type: kind, media }
    default:
      return { type: 'document', ...captioned }
  }
}

/** Sends it as what it is: an image, a video or a sound, and all else as a document. */
export const sendFile = async (
  ctx: ControlContext,
  { deviceId, accepted }: FileToSend,
  { to, caption, ...submission }: SendFileInput,
): Promise<SendOutcome & { readonly file: Media }> => {
  const jid = recipientOf(to)
  const file = await keepFile(ctx, accepted, 'upload', deviceId)
  const given = bodyOf(accepted.as, file.id, caption)
  const body = bodyWithFile(given, { file, animated: false })
  const request = JSON.stringify({ ...given, media: { sha256: accepted.sourceSha256 } })
  const outcome = await submit(
    ctx,
    deviceId,
    jid,
    saidBy(ctx, body, null),
    sameRequest(deviceId, jid, request),
    submission,
  )
  return { ...outcome, file }
}
