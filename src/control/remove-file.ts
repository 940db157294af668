import type { Media } from '../domain/media.ts'
import { GatewayError } from '../domain/errors.ts'
import type { ControlContext } from './context.ts'

/** What was put so recently may belong to a file that is being written down: its bytes go with the next sweep. */
const putGraceMs = 10 * 60 * 1_000

/** Removes a file; its bytes go unless another file has the same. The row stays, and says when. */
export const removeFile = async (
  { store, blobs, clock, origin }: ControlContext,
  { id }: { id: string },
): Promise<Media> => {
  const now = clock.now()
  const file = await store.media.remove(id, origin, now)
  if (file === undefined) throw new GatewayError('media_not_found', 'there is no file of this id')
  const { sha256 } = file
  if (sha256 !== '' && !(await store.media.kept([sha256])).has(sha256)) {
    await blobs.remove(sha256, now - putGraceMs)
  }
  return file
}
