import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { createHash, randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { BlobMissingError, type BlobStore } from '../../src/media/blobs.ts'

/** Blobs that end with the test, for those whose bytes nobody reads. `spool` is a folder of the test's own. */
export const memoryBlobs = (spool: string): BlobStore => {
  const kept = new Map<string, { readonly bytes: Buffer; readonly at: number }>()
  return {
    spool,
    async put(file, sha256) {
      kept.set(sha256, { bytes: await readFile(file), at: (await stat(file)).mtimeMs })
      await rm(file)
    },
    open(sha256, range) {
      const blob = kept.get(sha256)
      if (blob === undefined) return Promise.reject(new BlobMissingError(sha256))
      const { bytes } = blob
      return Promise.resolve(
        Readable.from([range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)]),
      )
    },
    size: (sha256) => Promise.resolve(kept.get(sha256)?.bytes.length),
    remove(sha256, putBefore) {
      if ((kept.get(sha256)?.at ?? 0) < putBefore) kept.delete(sha256)
      return Promise.resolve()
    },
    sweepSpool: () => Promise.resolve(0),
    async *list() {
      for (const [sha256, { bytes, at }] of kept) yield { sha256, bytes: bytes.length, modifiedAt: at }
    },
  }
}

/** A folder that is gone after the test. */
export const newSpool = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wag-spool-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Takes bytes in; resolves with their SHA-256 in hex. */
export const putBytes = async (blobs: BlobStore, bytes: Uint8Array): Promise<string> => {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const file = path.join(blobs.spool, randomBytes(8).toString('hex'))
  await writeFile(file, bytes)
  await blobs.put(file, sha256)
  return sha256
}
