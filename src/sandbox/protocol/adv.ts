import { createHmac } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'
import { isSignatureValid, type SigningKeyPair } from './signature.ts'

/** First bytes of what the account (the phone) signs, and of what the companion signs. */
const accountPrefix = Buffer.from([6, 0])
const devicePrefix = Buffer.from([6, 1])

export interface DeviceIdentity {
  readonly rawId: number
  readonly keyIndex: number
  readonly timestampSeconds: number
}

/** What a phone vouches for when it links a companion, ready for `<pair-success>`. */
export interface SignedDeviceIdentity {
  /** A protobuf ADVSignedDeviceIdentityHMAC. */
  readonly withHmac: Uint8Array
  /** The ADVDeviceIdentity inside; both signatures cover it. */
  readonly details: Uint8Array
}

export const signDeviceIdentity = (
  identity: DeviceIdentity,
  phone: SigningKeyPair,
  companionIdentityKey: Buffer,
  advSecret: Buffer,
): SignedDeviceIdentity => {
  const details = proto.ADVDeviceIdentity.encode({
    rawId: identity.rawId,
    keyIndex: identity.keyIndex,
    timestamp: identity.timestampSeconds,
    accountType: proto.ADVEncryptionType.E2EE,
    deviceType: proto.ADVEncryptionType.E2EE,
  }).finish()
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: phone.public,
    accountSignature: phone.sign(Buffer.concat([accountPrefix, details, companionIdentityKey])),
  }).finish()
  const hmac = createHmac('sha256', advSecret).update(signed).digest()
  const withHmac = proto.ADVSignedDeviceIdentityHMAC.encode({ details: signed, hmac }).finish()
  return { withHmac, details }
}

/**
 * Whether a device identity (from `pair-device-sign`, or sent along with a first message) binds this companion to this
 * account: both signatures are verified.
 */
export const isDeviceIdentityValid = (
  encoded: Uint8Array,
  accountKey: Buffer,
  companionIdentityKey: Buffer,
): boolean => {
  try {
    const { details, accountSignature, deviceSignature } = proto.ADVSignedDeviceIdentity.decode(encoded)
    if (!details || !accountSignature || !deviceSignature) return false
    return (
      isSignatureValid(
        accountKey,
        Buffer.concat([accountPrefix, details, companionIdentityKey]),
        accountSignature,
      ) &&
      isSignatureValid(
        companionIdentityKey,
        Buffer.concat([devicePrefix, details, companionIdentityKey, accountKey]),
        deviceSignature,
      )
    )
  } catch {
    return false
  }
}
