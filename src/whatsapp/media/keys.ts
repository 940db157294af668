import { hkdfSync } from 'node:crypto'
import type { RemoteKind } from '../../domain/media.ts'

/** Baileys, Defaults `MEDIA_HKDF_KEY_MAPPING`. */
const names: Readonly<Record<RemoteKind, string>> = {
  image: 'Image',
  video: 'Video',
  audio: 'Audio',
  document: 'Document',
  sticker: 'Image',
}

export const mediaKeyBytes = 32
/** Of the HMAC-SHA256 that ends an encrypted file. */
export const macBytes = 10
const expandedBytes = 112

export interface MediaKeys {
  readonly iv: Uint8Array
  readonly cipherKey: Uint8Array
  readonly macKey: Uint8Array
}

/** HKDF-SHA256 of a message's media key (Baileys, Utils/messages-media.ts `getMediaKeys`). */
export const mediaKeys = (mediaKey: Uint8Array, kind: RemoteKind): MediaKeys => {
  const expanded = new Uint8Array(
    hkdfSync('sha256', mediaKey, new Uint8Array(), `WhatsApp ${names[kind]} Keys`, expandedBytes),
  )
  return { iv: expanded.slice(0, 16), cipherKey: expanded.slice(16, 48), macKey: expanded.slice(48, 80) }
}
