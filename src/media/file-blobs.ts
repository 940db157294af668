import { randomBytes } from 'node:crypto'
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import {
  type Blob,
  blobName,
  BlobMissingError,
  type BlobStore,
  hashOfName,
  isMissing,
  sweepSpool,
} from './blobs.ts'

const spoolName = 'spool'

/** Makes what was written to a file, or was renamed into a folder, outlast a loss of power. */
const sync = async (fileOrFolder: string): Promise<void> => {
  const handle = await open(fileOrFolder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const statOf = async (file: string): Promise<{ size: number; mtimeMs: number } | undefined> => {
  try {
    return await stat(file)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Blobs as files `ab/cd/abcd…` of a folder, which is made when it is not there. For their owner only. */
export const createFileBlobs = async (directory: string): Promise<BlobStore> => {
  const spool = path.join(directory, spoolName)
  await mkdir(spool, { recursive: true, mode: 0o700 })
  await sync(path.dirname(directory))
  const pathOf = (sha256: string): string => path.join(directory, blobName(sha256))

  async function* walk(): AsyncGenerator<Blob> {
    for await (const entry of await opendir(directory, { recursive: true })) {
      const file = path.join(entry.parentPath, entry.name)
      const sha256 = hashOfName(path.relative(directory, file).split(path.sep).join('/'))
      const stats = sha256 === undefined ? undefined : await statOf(file)
      if (sha256 !== undefined && stats !== undefined) {
        yield { sha256, bytes: stats.size, modifiedAt: Math.floor(stats.mtimeMs) }
      }
    }
  }

  return {
    spool,
    async put(file, sha256) {
      const target = pathOf(sha256)
      const inner = path.dirname(target)
      await sync(file)
      await mkdir(inner, { recursive: true, mode: 0o700 })
      // Also over one that is there: it heals one that the disk has damaged, and shows when it was needed last.
      await rename(file, target)
      // All of them: a put at the same time may have made the folders and not come to their sync.
      for (const folder of [inner, path.dirname(inner), directory]) await sync(folder)
    },
    async open(sha256, range) {
      try {
        const handle = await open(pathOf(sha256), 'r')
        return handle.createReadStream(range)
      } catch (error) {
        throw isMissing(error) ? new BlobMissingError(sha256) : error
      }
    },
    size: async (sha256) => (await statOf(pathOf(sha256)))?.size,
    async remove(sha256, putBefore) {
      // Out of the way first: what is put from now on is another file, and is not touched.
      const aside = path.join(spool, `removed-${randomBytes(16).toString('hex')}`)
      const file = pathOf(sha256)
      try {
        await rename(file, aside)
      } catch (error) {
        if (isMissing(error)) return
        throw error
      }
      if ((await stat(aside)).mtimeMs < putBefore) await rm(aside)
      else await rename(aside, file)
    },
    sweepSpool: (now) => sweepSpool(spool, now),
    list: walk,
  }
}
