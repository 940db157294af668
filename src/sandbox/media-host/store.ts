import { randomBytes } from 'node:crypto'
import { mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** An encrypted file that the media host holds. */
export interface StoredFile {
  /** What a message names it by: `/v/…`. */
  readonly directPath: string
  /** SHA-256 of the encrypted bytes. */
  readonly encSha256: Buffer
  readonly file: string
  readonly bytes: number
  /** HTTP status that it is refused with since it has expired. */
  expired: 404 | 410 | undefined
}

/** Encrypted files, on disk. */
export interface MediaStore {
  /** A path for a file on its way in. */
  newFile(): string
  /** Takes a finished file in; its direct path is a new one at each upload, as an old one may have expired. */
  add(file: string, encSha256: Buffer): Promise<StoredFile>
  find(directPath: string): StoredFile | undefined
  /** Lets what is there now expire: all of it, or one direct path. @returns how many */
  expire(directPath: string | undefined, status: 404 | 410): number
  /** Removes everything. */
  close(): Promise<void>
}

const nameBytes = 12

/** The folder is made anew, in the system's for temporary files. */
export const createMediaStore = async (): Promise<MediaStore & { readonly folder: string }> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-sandbox-media-'))
  const files = new Map<string, StoredFile>()
  const newFile = (): string => path.join(folder, `${randomBytes(nameBytes).toString('hex')}.part`)
  return {
    folder,
    newFile,
    async add(file, encSha256) {
      const kept = path.join(folder, `${encSha256.toString('hex')}.enc`)
      await rename(file, kept)
      const directPath = `/v/t62.7118-24/${randomBytes(nameBytes).toString('hex')}_n.enc?ccb=11-4&oh=${encSha256.toString('hex').slice(0, 16)}`
      const { size: bytes } = await stat(kept)
      const stored: StoredFile = { directPath, encSha256, file: kept, bytes, expired: undefined }
      files.set(directPath, stored)
      return stored
    },
    find: (directPath) => files.get(directPath),
    expire(directPath, status) {
      const found = [...files.values()].filter(
        (file) => file.expired === undefined && (directPath === undefined || file.directPath === directPath),
      )
      for (const file of found) file.expired = status
      return found.length
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}
