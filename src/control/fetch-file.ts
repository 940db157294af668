import { GatewayError } from '../domain/errors.ts'
import type { Media } from '../domain/media.ts'
import type { ControlContext } from './context.ts'
import { getMessageFile } from './read-file.ts'

/** Has the file of a message fetched from WhatsApp, from the phone if need be. One that is here is left alone. */
export const fetchFile = async (ctx: ControlContext, input: { id: string }): Promise<Media> => {
  const { store, blobs, clock, origin } = ctx
  const { id, state, sha256 } = await getMessageFile(ctx, input)
  const lost = state === 'stored' && (await blobs.size(sha256)) === undefined
  const file = await store.media.fetch(id, lost, origin, clock.now())
  if (file === undefined) throw new GatewayError('media_not_found', 'there is no file of this id')
  if (file.state !== 'waiting' && (file.state !== 'stored' || lost)) {
    throw new GatewayError(
      'media_removed',
      'the file was uploaded to this gateway and is not here any more: upload it again',
    )
  }
  return file
}
