import path from 'node:path'
import type { Config } from '../config.ts'
import type { BlobStore } from '../media/blobs.ts'
import { createFileBlobs } from '../media/file-blobs.ts'

/** Where the files of a gateway are kept: in its data folder, or in S3; what comes in is written to the data folder first. */
export const openBlobs = async ({
  dataDir,
  media,
}: Pick<Config, 'dataDir' | 'media'>): Promise<BlobStore> => {
  const folder = path.join(dataDir, 'media')
  if (media.s3 === undefined) return createFileBlobs(folder)
  const { createS3Blobs } = await import('../media/s3-blobs.ts')
  return createS3Blobs({ ...media.s3, spool: path.join(folder, 'spool') })
}
