/**
 * A file as WhatsApp's media hosts keep it: AES-256-CBC, and behind it the first 10 bytes of an HMAC-SHA256 over IV and
 * ciphertext (Baileys, Utils/messages-media.ts `encryptedStream`). Both ways in one pass, whatever the size.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { RemoteFile, RemoteKind } from '../../domain/media.ts'
import { MediaError, wordsOf } from './errors.ts'
import { macBytes, mediaKeyBytes, mediaKeys } from './keys.ts'

type Bytes = AsyncIterable<Uint8Array>

const cipherName = 'aes-256-cbc'
const blockBytes = 16

/** How long a file of so many bytes is when it is sealed. */
export const sealedBytesOf = (bytes: number): number =>
  (Math.floor(bytes / blockBytes) + 1) * blockBytes + macBytes

/** What a message says of a file that is sealed. */
export type Sealed = Pick<RemoteFile, 'mediaKey' | 'fileSha256' | 'fileEncSha256' | 'bytes'>

/** Writes to a new file; nothing of it stays when that fails. */
const writeNew = async (target: string, chunks: () => Bytes): Promise<void> => {
  const file = createWriteStream(target, { flags: 'wx', mode: 0o600 })
  try {
    await pipeline(chunks, file)
  } catch (error) {
    const mine = !(error instanceof Error && 'code' in error && error.code === 'EEXIST')
    if (mine) await rm(target, { force: true })
    throw error
  }
}

/** Seals what comes from `source` into the new file `target`, under a new key. */
export const sealFile = async (source: Bytes, target: string, kind: RemoteKind): Promise<Sealed> => {
  const mediaKey = randomBytes(mediaKeyBytes)
  const { iv, cipherKey, macKey } = mediaKeys(mediaKey, kind)
  const cipher = createCipheriv(cipherName, cipherKey, iv)
  const mac = createHmac('sha256', macKey).update(iv)
  const plainHash = createHash('sha256')
  const sealedHash = createHash('sha256')
  let bytes = 0

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      bytes += chunk.length
      plainHash.update(chunk)
      const sealed = cipher.update(chunk)
      mac.update(sealed)
      sealedHash.update(sealed)
      yield sealed
    }
    const last = cipher.final()
    const end = mac.update(last).digest().subarray(0, macBytes)
    sealedHash.update(last).update(end)
    yield last
    yield end
  }

  await writeNew(target, chunks)
  return { mediaKey, fileSha256: plainHash.digest(), fileEncSha256: sealedHash.digest(), bytes }
}

const differs = (expected: Uint8Array, actual: Uint8Array): boolean =>
  expected.length !== actual.length || !timingSafeEqual(expected, actual)

export interface Opened {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

/**
 * Opens what comes from `source` into the new file `target`, and checks it: the MAC always, hashes and length where the
 * message names them (an empty hash, or 0, names none). Rejects with MediaError `corrupt`, or `too_large` when the file is
 * longer than `bytesMax`; errors of `source` and of the disk pass through. No file stays then.
 */
export const openFile = async (
  source: Bytes,
  target: string,
  kind: RemoteKind,
  sealed: Sealed,
  bytesMax: number,
): Promise<Opened> => {
  const { iv, cipherKey, macKey } = mediaKeys(sealed.mediaKey, kind)
  const decipher = createDecipheriv(cipherName, cipherKey, iv)
  const mac = createHmac('sha256', macKey).update(iv)
  const plainHash = createHash('sha256')
  const sealedHash = createHash('sha256')
  const sealedMax = sealedBytesOf(bytesMax)
  let sealedBytes = 0
  let bytes = 0
  let sha256 = ''
  /** What may be the MAC: the last bytes that have come. */
  let tail: Uint8Array = new Uint8Array()

  const opened = (chunk: Uint8Array): Uint8Array => {
    bytes += chunk.length
    if (bytes > bytesMax) throw new MediaError('too_large', `the file is longer than ${bytesMax} bytes`)
    plainHash.update(chunk)
    return chunk
  }
  const open = (chunk: Uint8Array): Uint8Array => {
    mac.update(chunk)
    return opened(decipher.update(chunk))
  }
  const last = (): Uint8Array => {
    if (tail.length < macBytes || differs(mac.digest().subarray(0, macBytes), tail)) {
      throw new MediaError('corrupt', 'the MAC of the file is wrong')
    }
    if (sealed.fileEncSha256.length > 0 && differs(sealed.fileEncSha256, sealedHash.digest())) {
      throw new MediaError('corrupt', 'the host has another file than the message names')
    }
    try {
      return opened(decipher.final())
    } catch (error) {
      throw error instanceof MediaError ? error : new MediaError('corrupt', wordsOf(error), { cause: error })
    }
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      sealedBytes += chunk.length
      if (sealedBytes > sealedMax) {
        throw new MediaError('too_large', `the file is longer than ${bytesMax} bytes`)
      }
      sealedHash.update(chunk)
      if (chunk.length < macBytes) {
        const all = Buffer.concat([tail, chunk])
        yield open(all.subarray(0, Math.max(0, all.length - macBytes)))
        tail = all.subarray(Math.max(0, all.length - macBytes))
      } else {
        yield open(tail)
        yield open(chunk.subarray(0, chunk.length - macBytes))
        // A copy: the chunk's memory may be used again.
        tail = Uint8Array.from(chunk.subarray(chunk.length - macBytes))
      }
    }
    yield last()
    const hash = plainHash.digest()
    if (sealed.fileSha256.length > 0 && differs(sealed.fileSha256, hash)) {
      throw new MediaError('corrupt', 'the file is not the one that the message names')
    }
    if (sealed.bytes > 0 && sealed.bytes !== bytes) {
      throw new MediaError('corrupt', `the file has ${bytes} bytes, and the message names ${sealed.bytes}`)
    }
    sha256 = hash.toString('hex')
  }

  await writeNew(target, chunks)
  return { bytes, sha256 }
}
