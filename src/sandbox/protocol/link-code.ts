import { hkdfSync } from 'node:crypto'
import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  Curve,
  derivePairingCodeKey,
} from '@whiskeysockets/baileys'
import type { KeyPair } from '../entropy.ts'

/** A linking code: 8 letters or digits. Case, dashes and spaces are the typist's and do not matter. */
const codeForm = /^[0-9A-Z]{8}$/

/** The code in the form that both sides derive their key from, or undefined when it cannot be one. */
export const normalizeLinkCode = (typed: string): string | undefined => {
  const code = typed.replaceAll(/[\s-]/g, '').toUpperCase()
  return codeForm.test(code) ? code : undefined
}

const saltBytes = 32
const ctrIvBytes = 16
const gcmIvBytes = 12
const keyBytes = 32
const wrappedKeyBytes = saltBytes + ctrIvBytes + keyBytes
const noSalt = Buffer.alloc(0)
const bundleInfo = 'link_code_pairing_key_bundle_encryption_key'

const derive = (input: Buffer, salt: Buffer, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', input, salt, info, keyBytes))

/** A public key encrypted under a linking code (PBKDF2, then AES-CTR): salt, IV, key. */
export const wrapWithCode = async (
  publicKey: Buffer,
  code: string,
  random: { salt: Buffer; iv: Buffer },
): Promise<Buffer> => {
  const key = await derivePairingCodeKey(code, random.salt)
  return Buffer.concat([random.salt, random.iv, aesEncryptCTR(publicKey, key, random.iv)])
}

/** The reverse. A wrong code gives a wrong key: there is nothing to check it against yet. */
export const unwrapWithCode = async (wrapped: Buffer, code: string): Promise<Buffer | undefined> => {
  if (wrapped.length !== wrappedKeyBytes) return undefined
  const salt = Buffer.from(wrapped.subarray(0, saltBytes))
  const iv = wrapped.subarray(saltBytes, saltBytes + ctrIvBytes)
  return aesDecryptCTR(wrapped.subarray(saltBytes + ctrIvBytes), await derivePairingCodeKey(code, salt), iv)
}

/**
 * Opens the companion's key bundle with what the code gave, and derives the ADV secret that both sides then share.
 * Undefined when the two sides did not use the same code.
 */
export const openKeyBundle = (
  bundle: Buffer,
  companionEphemeral: Buffer,
  primaryEphemeral: KeyPair,
  identity: { phone: KeyPair; companion: Buffer },
): Buffer | undefined => {
  try {
    const shared = Curve.sharedKey(primaryEphemeral.private, companionEphemeral)
    const salt = bundle.subarray(0, saltBytes)
    const iv = bundle.subarray(saltBytes, saltBytes + gcmIvBytes)
    const opened = aesDecryptGCM(
      bundle.subarray(saltBytes + gcmIvBytes),
      derive(shared, salt, bundleInfo),
      iv,
      Buffer.alloc(0),
    )
    const companionKey = opened.subarray(0, keyBytes)
    const phoneKey = opened.subarray(keyBytes, 2 * keyBytes)
    const random = opened.subarray(2 * keyBytes)
    if (!companionKey.equals(identity.companion) || !phoneKey.equals(identity.phone.public)) return undefined
    const identityShared = Curve.sharedKey(identity.phone.private, identity.companion)
    return derive(Buffer.concat([shared, identityShared, random]), noSalt, 'adv_secret')
  } catch {
    return undefined
  }
}
