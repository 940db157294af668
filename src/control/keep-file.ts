import type { MediaRef } from '../domain/body.ts'
import type { Media, MediaSource } from '../domain/media.ts'
import type { AcceptedFile } from '../media/accept.ts'
import { newId } from '../runtime/ids.ts'
import type { ControlContext } from './context.ts'

/** Writes down a file that was accepted, under an id by which bodies can name it. */
export const keepFile = (
  { store, clock, origin }: ControlContext,
  { as: _as, sourceSha256: _source, animated: _animated, ...file }: AcceptedFile,
  source: Exclude<MediaSource, 'whatsapp'>,
  deviceId: string | null,
): Promise<Media> => {
  const now = clock.now()
  return store.media.add({ ...file, id: newId('med', now), deviceId, source }, origin, now)
}

/** What a body says of a file. */
export const refOf = ({ id, bytes, sha256, width, height, seconds }: Media): MediaRef => ({
  uploadId: id,
  // Of one that is still to come the sender may not have said.
  ...(bytes === 0 ? {} : { bytes }),
  ...(sha256 === '' ? {} : { sha256 }),
  ...(width === null ? {} : { width }),
  ...(height === null ? {} : { height }),
  ...(seconds === null ? {} : { seconds }),
})
