import type { KeyBundle, KeyUpload, PublicPreKey, PublicSignedPreKey } from '../protocol/key-bundle.ts'

/** A device's public keys as the server keeps them for strangers. A one-time pre-key is handed out exactly once. */
export interface KeyStore {
  readonly registrationId: number
  readonly identityKey: Buffer
  readonly signedPreKey: PublicSignedPreKey
  /** One-time pre-keys that are left. */
  readonly count: number
  upload(upload: Pick<KeyUpload, 'registrationId' | 'signedPreKey' | 'preKeys'>): void
  rotate(signedPreKey: PublicSignedPreKey): void
  /** A bundle with the oldest one-time key, which is gone then; without one when none is left. */
  take(): KeyBundle
}

/** More than a client ever uploads; an id uploaded twice replaces the first. */
const oneTimePreKeysMax = 5000

export const createKeyStore = (identity: {
  registrationId: number
  identityKey: Buffer
  signedPreKey: PublicSignedPreKey
}): KeyStore => {
  const { identityKey } = identity
  let { registrationId, signedPreKey } = identity
  const oneTime = new Map<number, PublicPreKey>()
  return {
    get registrationId() {
      return registrationId
    },
    identityKey,
    get signedPreKey() {
      return signedPreKey
    },
    get count() {
      return oneTime.size
    },
    upload(upload) {
      registrationId = upload.registrationId
      signedPreKey = upload.signedPreKey
      for (const key of upload.preKeys) {
        if (oneTime.size < oneTimePreKeysMax) oneTime.set(key.keyId, key)
      }
    },
    rotate(next) {
      signedPreKey = next
    },
    take() {
      const [preKey] = oneTime.values()
      if (preKey !== undefined) oneTime.delete(preKey.keyId)
      return { registrationId, identityKey, signedPreKey, preKey }
    },
  }
}
