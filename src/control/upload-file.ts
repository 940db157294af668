import type { Media } from '../domain/media.ts'
import type { AcceptAs } from '../media/shape.ts'
import type { ControlContext } from './context.ts'
import { keepFile } from './keep-file.ts'

/** A file that comes with a request. */
export interface GivenFile {
  readonly stream: AsyncIterable<Uint8Array>
  /** What the sender says that it is. */
  readonly mimetype: string | null
  readonly filename: string | null
}

/** Takes a file in for any device to send, made ready for one kind of message when that is named. */
export const uploadFile = async (
  ctx: ControlContext,
  { stream, mimetype, filename }: GivenFile,
  as: AcceptAs,
  signal: AbortSignal,
): Promise<Media> => {
  const accepted = await ctx.mediaIn.accept({ from: 'stream', stream }, as, { mimetype, filename, signal })
  return await keepFile(ctx, accepted, 'upload', null)
}
