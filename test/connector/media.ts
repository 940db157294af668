import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { FileInfo, RemoteFile } from '../../src/domain/media.ts'
import type { AutoFetch } from '../../src/domain/media-fetch.ts'
import { createTurns } from '../../src/runtime/turns.ts'
import type { MediaDeps } from '../../src/connector/traffic.ts'
import { createFileBlobs } from '../../src/media/file-blobs.ts'
import { newFolder } from '../media/folder.ts'
import { memoryBlobs } from '../media/memory-blobs.ts'

export const everything: AutoFetch = {
  kinds: new Set(['image', 'video', 'audio', 'document', 'sticker']),
  bytesMax: Number.MAX_SAFE_INTEGER,
}

export const mediaDeps = (more: Partial<MediaDeps> = {}): MediaDeps => ({
  blobs: memoryBlobs(''),
  uploads: createTurns(4),
  downloads: createTurns(4),
  autoFetch: everything,
  bytesMax: 1_000_000,
  checkRoom: async () => undefined,
  ...more,
})

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const remoteOf = (bytes: Uint8Array, more: Partial<RemoteFile> = {}): RemoteFile => ({
  kind: 'image',
  url: '',
  directPath: '/v/1',
  mediaKey: Buffer.alloc(32, 1),
  mediaKeyTimestamp: 1,
  fileSha256: createHash('sha256').update(bytes).digest(),
  fileEncSha256: Buffer.alloc(32, 2),
  bytes: bytes.length,
  ...more,
})

export const info: FileInfo = {
  mimetype: 'image/png',
  filename: null,
  width: null,
  height: null,
  seconds: null,
  waveform: null,
  thumbnail: null,
}

/** A folder with blobs in it, and files that are taken in as an upload is. */
export const useBlobs = async () => {
  const blobs = await createFileBlobs(path.join(newFolder(), 'media'))
  const put = async (bytes: Uint8Array): Promise<string> => {
    const file = path.join(blobs.spool, randomBytes(8).toString('hex'))
    await writeFile(file, bytes)
    await blobs.put(file, hash(bytes))
    return hash(bytes)
  }
  return { blobs, put }
}
