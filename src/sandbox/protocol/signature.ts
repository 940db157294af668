import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/**
 * Signatures with Curve25519 keys, as Signal makes and checks them (XEdDSA): Ed25519 signatures, with the sign of the
 * Edwards point in the last bit. Both sides run on node's own Ed25519, which is a hundred times as fast as arithmetic in
 * JavaScript; with many phones in one process that decides.
 */

/** An X25519 key pair that can sign. */
export interface SigningKeyPair {
  readonly public: Buffer
  readonly private: Buffer
  /** 64 bytes. */
  sign(message: Uint8Array): Buffer
}

const keyBytes = 32
const signatureBytes = 64
const signBit = 0x80
const pkcs8Prefix = {
  ed25519: '302e020100300506032b657004220420',
  x25519: '302e020100300506032b656e04220420',
}
const spkiEd25519Prefix = Buffer.from('302a300506032b6570032100', 'hex')

const privateKeyOf = (curve: keyof typeof pkcs8Prefix, key: Uint8Array): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from(pkcs8Prefix[curve], 'hex'), key]),
    format: 'der',
    type: 'pkcs8',
  })

const publicBytesOf = (key: KeyObject): Buffer =>
  Buffer.from(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-keyBytes))

/** Clamps as RFC 7748 section 5 says, so that signing and agreement see the same scalar. */
const clamp = (bytes: Uint8Array): Buffer => {
  const key = Buffer.from(bytes)
  key.writeUInt8(key.readUInt8(0) & 248, 0)
  key.writeUInt8((key.readUInt8(31) & 127) | 64, 31)
  return key
}

/** The public half of an X25519 key of 32 clamped bytes. */
const publicOf = (privateKey: Uint8Array): Buffer => publicBytesOf(privateKeyOf('x25519', privateKey))

/** A key pair from a 32-byte seed: its X25519 scalar is the one that Ed25519 derives from the seed (RFC 8032, 5.1.5). */
export const signingKeyPair = (seed: Uint8Array): SigningKeyPair => {
  const scalar = clamp(createHash('sha512').update(seed).digest().subarray(0, keyBytes))
  let prepared: { readonly key: KeyObject; readonly sign: number } | undefined
  return {
    private: scalar,
    public: publicOf(scalar),
    sign(message) {
      if (prepared === undefined) {
        const key = privateKeyOf('ed25519', seed)
        prepared = { key, sign: publicBytesOf(key).readUInt8(keyBytes - 1) & signBit }
      }
      const signature = sign(null, message, prepared.key)
      signature.writeUInt8(signature.readUInt8(signatureBytes - 1) | prepared.sign, signatureBytes - 1)
      return signature
    },
  }
}

const prime = 2n ** 255n - 19n

const fromLittleEndian = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)

const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n
  let square = base
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % prime
    square = (square * square) % prime
  }
  return result
}

/** The y coordinate on the Edwards curve (RFC 7748 section 4.1), 32 bytes. */
const edwardsOf = (montgomery: Uint8Array): Buffer => {
  const u = fromLittleEndian(montgomery) % 2n ** 255n
  const y = ((u - 1n + prime) * power((u + 1n) % prime, prime - 2n)) % prime
  const bytes = Buffer.from(y.toString(16).padStart(2 * keyBytes, '0'), 'hex')
  return Buffer.from(bytes.toReversed())
}

/** Keys that signed lately, made ready: the same few sign again and again. */
const verifyKeysMax = 2000
const verifyKeys = new Map<string, KeyObject>()

const verifyKeyOf = (publicKey: Uint8Array, sign: number): KeyObject => {
  const name = `${Buffer.from(publicKey).toString('hex')}${sign}`
  const known = verifyKeys.get(name)
  if (known !== undefined) return known
  const point = edwardsOf(publicKey)
  point.writeUInt8(point.readUInt8(keyBytes - 1) | sign, keyBytes - 1)
  const key = createPublicKey({
    key: Buffer.concat([spkiEd25519Prefix, point]),
    format: 'der',
    type: 'spki',
  })
  verifyKeys.set(name, key)
  const [oldest] = verifyKeys.keys()
  if (verifyKeys.size > verifyKeysMax && oldest !== undefined) verifyKeys.delete(oldest)
  return key
}

/** What was found good last: a message to a group is checked by each of its phones. */
let lastValid: readonly Buffer[] = []

/** Really verifies: Baileys 7.0.0-rc14's own `Curve.verify` answers true whatever it is given. Keys are 32 bytes. */
export const isSignatureValid = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => {
  if (publicKey.length !== keyBytes || signature.length !== signatureBytes) return false
  const parts = [publicKey, message, signature]
  if (lastValid.length > 0 && parts.every((part, at) => lastValid[at]?.equals(part) === true)) return true
  const plain = Buffer.from(signature)
  const last = plain.readUInt8(signatureBytes - 1)
  plain.writeUInt8(last & ~signBit, signatureBytes - 1)
  const isValid = verify(null, message, verifyKeyOf(publicKey, last & signBit), plain)
  if (isValid) lastValid = parts.map((part) => Buffer.from(part))
  return isValid
}
