import type { Config } from '../config.ts'
import type { MediaIn } from '../control/context.ts'
import { createAccept } from '../media/accept.ts'
import { createAddressGuard } from '../media/addresses.ts'
import type { BlobStore } from '../media/blobs.ts'
import { createFfmpeg } from '../media/ffmpeg.ts'
import { createPreviewLink } from '../media/link-preview.ts'
import { createSpool } from '../media/spool.ts'
import { systemClock } from '../runtime/clock.ts'

/** How files get into the blob store of a gateway. */
export const createMediaIn = (
  { mediaIn, diskReserveBytes }: Pick<Config, 'mediaIn' | 'diskReserveBytes'>,
  blobs: BlobStore,
): MediaIn => {
  const { bytesMax, urlAllow, linkPreviews, ffmpeg } = mediaIn
  const guard = createAddressGuard(urlAllow)
  const spool = createSpool({
    folder: blobs.spool,
    reserveBytes: diskReserveBytes,
    now: () => systemClock.now(),
  })
  return {
    accept: createAccept({ blobs, spool, ffmpeg: createFfmpeg(ffmpeg), guard, bytesMax }),
    previewLink: linkPreviews ? createPreviewLink({ clock: systemClock, guard, spool }) : undefined,
  }
}
