/** Where files are kept by what they say: a blob's name is the SHA-256 of its bytes, in hex. */
import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'

/** Bytes of a blob: `end` is the last one, not the one after it. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface Blob {
  readonly sha256: string
  readonly bytes: number
  /** When it was put last; ms since 1970. */
  readonly modifiedAt: number
}

export interface BlobStore {
  /** A folder for files on their way in, on the same disk. */
  readonly spool: string
  /**
   * Takes a finished file of the spool in under its SHA-256 (hex), durable when it resolves; the same bytes twice are kept
   * once. The file is gone from the spool then; when it rejects, it is still there.
   */
  put(file: string, sha256: string): Promise<void>
  /** Rejects with BlobMissingError. A range must lie in the blob. */
  open(sha256: string, range?: ByteRange): Promise<Readable>
  /** Undefined when there is no such blob. */
  size(sha256: string): Promise<number | undefined>
  /**
   * Harmless when there is no such blob. One that was put at `putBefore` (ms since 1970) or later stays: somebody may be about
   * to write down that it is there.
   */
  remove(sha256: string, putBefore: number): Promise<void>
  /** Takes away what crashes have left in the spool. Resolves with how many files went. */
  sweepSpool(now: number): Promise<number>
  /** In no particular order; what comes and goes meanwhile may be in it or not. */
  list(): AsyncIterable<Blob>
}

export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError'
  readonly sha256: string
  constructor(sha256: string) {
    super(`there is no file with the SHA-256 ${sha256}`)
    this.sha256 = sha256
  }
}

const hashPattern = /^[0-9a-f]{64}$/

/** A name that comes from outside never becomes a path of another kind. */
const checkHash = (sha256: string): string => {
  if (!hashPattern.test(sha256)) throw new Error(`not a SHA-256 in lower-case hex: ${sha256}`)
  return sha256
}

/** The name of a blob in two levels of folders, `ab/cd/abcd…`; undefined for anything else. */
export const blobName = (sha256: string): string =>
  `${checkHash(sha256).slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`

export const hashOfName = (name: string): string | undefined => {
  const sha256 = name.slice(-64)
  return hashPattern.test(sha256) && name === blobName(sha256) ? sha256 : undefined
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** A file in the spool that nobody has written to for so long belongs to a process that is gone. */
export const spoolAgeMaxMs = 60 * 60 * 1_000

/**
 * Takes away what crashes have left in a spool, by how long ago it was written to: other processes use it too. Returns how
 * many files went.
 */
export const sweepSpool = async (spool: string, now: number): Promise<number> => {
  let swept = 0
  for (const name of await readdir(spool)) {
    const file = path.join(spool, name)
    try {
      if (now - (await stat(file)).mtimeMs < spoolAgeMaxMs) continue
      await rm(file, { recursive: true, force: true })
      swept += 1
    } catch (error) {
      // Its owner has put it away between two steps.
      if (!isMissing(error)) throw error
    }
  }
  return swept
}
