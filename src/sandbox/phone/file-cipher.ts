/**
 * Files as WhatsApp keeps them: AES-256-CBC under a key of their own, then 10 bytes of an HMAC-SHA-256 over IV and
 * ciphertext (Baileys, messages-media.ts `encryptedStream`, `getMediaKeys`).
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { finished } from 'node:stream/promises'

/** What goes into the keys (Baileys, Defaults `MEDIA_HKDF_KEY_MAPPING`). */
const keyNames = {
  image: 'Image',
  sticker: 'Image',
  video: 'Video',
  audio: 'Audio',
  document: 'Document',
} as const
export type FileKind = keyof typeof keyNames

export interface FileSecrets {
  readonly mediaKey: Uint8Array
  /** SHA-256 of the file itself. */
  readonly fileSha256: Uint8Array
  /** SHA-256 of its encrypted form. */
  readonly fileEncSha256: Uint8Array
  readonly bytes: number
}

const keyBytes = 32
const ivBytes = 16
const macBytes = 10
const expandedBytes = 112

const keysOf = (mediaKey: Uint8Array, kind: FileKind) => {
  const info = `WhatsApp ${keyNames[kind]} Keys`
  const expanded = Buffer.from(hkdfSync('sha256', mediaKey, Buffer.alloc(0), info, expandedBytes))
  return {
    iv: expanded.subarray(0, ivBytes),
    cipherKey: expanded.subarray(ivBytes, ivBytes + keyBytes),
    macKey: expanded.subarray(ivBytes + keyBytes, ivBytes + 2 * keyBytes),
  }
}

/** Writes the encrypted form of `source` to `file`. */
export const encryptFile = async (
  source: Iterable<Uint8Array>,
  kind: FileKind,
  file: string,
): Promise<FileSecrets> => {
  const mediaKey = randomBytes(keyBytes)
  const { iv, cipherKey, macKey } = keysOf(mediaKey, kind)
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
  const mac = createHmac('sha256', macKey).update(iv)
  const [plain, encrypted] = [createHash('sha256'), createHash('sha256')]
  const out = createWriteStream(file)
  let bytes = 0
  const write = async (chunk: Buffer): Promise<void> => {
    encrypted.update(chunk)
    if (!out.write(chunk)) await once(out, 'drain')
  }
  for (const chunk of source) {
    bytes += chunk.length
    plain.update(chunk)
    const part = cipher.update(chunk)
    mac.update(part)
    await write(part)
  }
  const last = cipher.final()
  mac.update(last)
  await write(Buffer.concat([last, mac.digest().subarray(0, macBytes)]))
  out.end()
  await finished(out)
  return { mediaKey, fileSha256: plain.digest(), fileEncSha256: encrypted.digest(), bytes }
}

/**
 * Decrypts a file and checks all that can be: both hashes, the MAC and the length.
 *
 * @returns hex of its SHA-256, and its length
 * @throws Error that says what is wrong with it
 */
export const checkFile = async (
  file: string,
  kind: FileKind,
  secrets: FileSecrets,
): Promise<{ readonly sha256: string; readonly bytes: number }> => {
  const { size } = await stat(file)
  const length = size - macBytes
  if (length <= 0 || length % ivBytes !== 0) throw new Error('the encrypted file has an impossible length')
  if (secrets.mediaKey.length !== keyBytes) throw new Error('the media key has not 32 bytes')
  const { iv, cipherKey, macKey } = keysOf(secrets.mediaKey, kind)
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv)
  const mac = createHmac('sha256', macKey).update(iv)
  const [plain, encrypted] = [createHash('sha256'), createHash('sha256')]
  let left = length
  let bytes = 0
  let sentMac = Buffer.alloc(0)
  const take = (part: Buffer): void => {
    plain.update(part)
    bytes += part.length
  }
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    encrypted.update(chunk)
    const body = chunk.subarray(0, left)
    left -= body.length
    sentMac = Buffer.concat([sentMac, chunk.subarray(body.length)])
    mac.update(body)
    take(decipher.update(body))
  }
  if (!encrypted.digest().equals(secrets.fileEncSha256)) throw new Error('fileEncSha256 is of other bytes')
  if (!mac.digest().subarray(0, macBytes).equals(sentMac)) throw new Error('the MAC of the file is wrong')
  take(decipher.final())
  const sha256 = plain.digest()
  if (!sha256.equals(secrets.fileSha256)) throw new Error('fileSha256 is of other bytes')
  if (bytes !== secrets.bytes) throw new Error(`fileLength is ${secrets.bytes}, the file has ${bytes} bytes`)
  return { sha256: sha256.toString('hex'), bytes }
}

const pieceBytes = 64 * 1024

/** Bytes that look like nothing, and are the same for the same length. */
export const madeUp = function* (bytes: number): Generator<Buffer> {
  const cipher = createCipheriv(
    'aes-256-ctr',
    createHash('sha256').update(String(bytes)).digest(),
    Buffer.alloc(ivBytes),
  )
  for (let left = bytes; left > 0; left -= pieceBytes)
    yield cipher.update(Buffer.alloc(Math.min(left, pieceBytes)))
}
