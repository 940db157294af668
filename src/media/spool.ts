/** Files on their way in: written to disk as they come, counted and hashed, never held whole in memory. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { GatewayError } from '../domain/errors.ts'
import { newId } from '../runtime/ids.ts'

export interface SpooledFile {
  readonly path: string
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

export interface Spool {
  /**
   * Writes a stream to a new file. Rejects with GatewayError `media_too_large` or `store_full`, or with what the stream
   * or the signal fails with; nothing is left behind then.
   */
  take(
    source: AsyncIterable<Uint8Array>,
    options: { readonly bytesMax: number; readonly signal?: AbortSignal },
  ): Promise<SpooledFile>
  /** Counts and hashes a file that somebody else has written here. */
  measure(file: string): Promise<SpooledFile>
  /** A name for a new file. */
  newPath(): string
  /** Harmless for a file that is gone. */
  remove(file: string): Promise<void>
}

export interface SpoolOptions {
  /** The spool of the blob store. */
  readonly folder: string
  /** So much of the disk stays free. */
  readonly reserveBytes: number
  /** Wall-clock ms. */
  readonly now: () => number
}

/** The free space is looked at whenever so much more is written. */
const lookEveryBytes = 16 * 1024 * 1024
const mib = 1024 * 1024

export const sizeText = (bytes: number): string =>
  bytes >= mib ? `${Math.round((bytes / mib) * 10) / 10} MiB` : `${bytes} bytes`

export const tooLarge = (bytesMax: number): GatewayError =>
  new GatewayError('media_too_large', `a file may be ${sizeText(bytesMax)} long here; this one is longer`)

const diskFull = (cause?: unknown): GatewayError =>
  new GatewayError('store_full', 'the disk has no room for this file', { cause })

const isDiskFull = (error: unknown): boolean => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export const createSpool = ({ folder, reserveBytes, now }: SpoolOptions): Spool => {
  const newPath = (): string => path.join(folder, newId('in', now()))
  const remove = (file: string): Promise<void> => rm(file, { force: true })

  const checkRoom = async (): Promise<void> => {
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize < reserveBytes) throw diskFull()
  }

  return {
    newPath,
    remove,
    async take(source, { bytesMax, signal }) {
      const file = newPath()
      const hash = createHash('sha256')
      let bytes = 0
      let lookAt = 0
      async function* counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const chunk of chunks) {
          bytes += chunk.length
          if (bytes > bytesMax) throw tooLarge(bytesMax)
          if (bytes > lookAt) {
            await checkRoom()
            lookAt = bytes + lookEveryBytes
          }
          hash.update(chunk)
          yield chunk
        }
      }
      try {
        const written = createWriteStream(file, { flags: 'wx', mode: 0o600 })
        await pipeline(source, counted, written, signal === undefined ? {} : { signal })
      } catch (error) {
        await remove(file)
        throw isDiskFull(error) ? diskFull(error) : error
      }
      return { path: file, bytes, sha256: hash.digest('hex') }
    },
    async measure(file) {
      const hash = createHash('sha256')
      let bytes = 0
      for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
        bytes += chunk.length
        hash.update(chunk)
      }
      return { path: file, bytes, sha256: hash.digest('hex') }
    },
  }
}
