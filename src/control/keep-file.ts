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
