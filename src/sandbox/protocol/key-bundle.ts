import { child, childBytes, children, childUint, element, type Node, uint } from './node.ts'
import { isSignatureValid } from './signature.ts'

/** Key type 5: Curve25519. Written before a public key where Signal's own encoding is meant. */
export const curveKeyType = 5
const publicKeyBytes = 32
const signatureBytes = 64
const idBytes = 3
const registrationIdBytes = 4

export interface PublicPreKey {
  readonly keyId: number
  readonly publicKey: Buffer
}

export interface PublicSignedPreKey extends PublicPreKey {
  readonly signature: Buffer
}

/** What a stranger needs to start a Signal session with a device. Public keys are 32 bytes, without the type byte. */
export interface KeyBundle {
  readonly registrationId: number
  readonly identityKey: Buffer
  readonly signedPreKey: PublicSignedPreKey
  readonly preKey: PublicPreKey | undefined
}

/** A public key with its type byte, as Signal hashes and signs it. */
export const typedKey = (publicKey: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([curveKeyType]), publicKey])

export const isSignedPreKeyValid = (identityKey: Buffer, key: PublicSignedPreKey): boolean =>
  isSignatureValid(identityKey, typedKey(key.publicKey), key.signature)

const preKeyNode = (tag: 'key' | 'skey', key: PublicPreKey, signature?: Buffer): Node => {
  const parts = [
    element('id', {}, uint(key.keyId, idBytes)),
    element('value', {}, key.publicKey),
    ...(signature === undefined ? [] : [element('signature', {}, signature)]),
  ]
  return element(tag, {}, parts)
}

const bundleParts = (bundle: KeyBundle): Node[] => [
  element('type', {}, Buffer.from([curveKeyType])),
  element('identity', {}, bundle.identityKey),
  preKeyNode('skey', bundle.signedPreKey, bundle.signedPreKey.signature),
  ...(bundle.preKey === undefined ? [] : [preKeyNode('key', bundle.preKey)]),
]

/** One device's part of the answer to `<iq xmlns="encrypt"><key>`. */
export const bundleUser = (jid: string, bundle: KeyBundle, nowSeconds: number): Node =>
  element('user', { jid, t: String(nowSeconds) }, [
    element('registration', {}, uint(bundle.registrationId, registrationIdBytes)),
    ...bundleParts(bundle),
  ])

export const bundleMissing = (jid: string): Node =>
  element('user', { jid }, [element('error', { code: '404', text: 'item-not-found' })])

/** The `<keys>` of a retry receipt: a bundle with which the sender starts over. */
export const bundleKeys = (bundle: KeyBundle): Node => element('keys', {}, bundleParts(bundle))

const readPreKey = (node: Node | undefined): PublicPreKey | undefined => {
  const keyId = childUint(node, 'id', idBytes)
  const publicKey = childBytes(node, 'value')
  if (keyId === undefined || publicKey?.length !== publicKeyBytes) return undefined
  return { keyId, publicKey }
}

export const readSignedPreKey = (node: Node | undefined): PublicSignedPreKey | undefined => {
  const key = readPreKey(node)
  const signature = childBytes(node, 'signature')
  if (key === undefined || signature?.length !== signatureBytes) return undefined
  return { ...key, signature }
}

export interface KeyUpload {
  readonly registrationId: number
  readonly identityKey: Buffer
  readonly signedPreKey: PublicSignedPreKey
  readonly preKeys: readonly PublicPreKey[]
}

/** The content of a pre-key upload (`<iq type="set" xmlns="encrypt">`); undefined when it is malformed. */
export const readKeyUpload = (iq: Node): KeyUpload | undefined => {
  const registrationId = childUint(iq, 'registration', registrationIdBytes)
  const identityKey = childBytes(iq, 'identity')
  const signedPreKey = readSignedPreKey(child(iq, 'skey'))
  const preKeys = children(child(iq, 'list'), 'key').map(readPreKey)
  if (registrationId === undefined || identityKey?.length !== publicKeyBytes) return undefined
  if (signedPreKey === undefined || preKeys.includes(undefined)) return undefined
  return {
    registrationId,
    identityKey,
    signedPreKey,
    preKeys: preKeys.filter((key) => key !== undefined),
  }
}

/** The bundle that a retry receipt carries; undefined when it has none that is complete. */
export const readRetryBundle = (receipt: Node): KeyBundle | undefined => {
  const keys = child(receipt, 'keys')
  const registrationId = childUint(receipt, 'registration', registrationIdBytes)
  const identityKey = childBytes(keys, 'identity')
  const signedPreKey = readSignedPreKey(child(keys, 'skey'))
  if (registrationId === undefined || identityKey?.length !== publicKeyBytes) return undefined
  if (signedPreKey === undefined) return undefined
  return { registrationId, identityKey, signedPreKey, preKey: readPreKey(child(keys, 'key')) }
}
