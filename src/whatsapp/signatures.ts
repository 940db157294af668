/**
 * Checks signatures of Curve25519 keys: XEdDSA (https://signal.org/docs/specifications/xeddsa/), an Ed25519 signature whose last
 * bit is the sign of the key's point on the Edwards curve. OpenSSL does the work; in JavaScript it takes many ms.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'

const keyBytes = 32
const signatureBytes = 64
const signBit = 0x80
const prime = 2n ** 255n - 19n
/** What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410 section 4). */
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex')

const fromLittleEndian = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)

const toLittleEndian = (value: bigint): Buffer => {
  const bytes = Buffer.from(value.toString(16).padStart(2 * keyBytes, '0'), 'hex')
  return Buffer.from(bytes.toReversed())
}

/** Modulo the prime, by Euclid's algorithm; undefined of 0. */
const inverse = (value: bigint): bigint | undefined => {
  let [rest, next, factor, nextFactor] = [prime, value, 0n, 1n]
  while (next !== 0n) {
    const times = rest / next
    ;[rest, next] = [next, rest - times * next]
    ;[factor, nextFactor] = [nextFactor, factor - times * nextFactor]
  }
  return rest === 1n ? (factor + prime) % prime : undefined
}

/** The point on the Edwards curve, y = (u - 1) / (u + 1) (RFC 7748 section 4.1), as a key with the given sign. */
const edwardsKey = (montgomery: Uint8Array, sign: number): KeyObject | undefined => {
  const u = (fromLittleEndian(montgomery) % 2n ** 255n) % prime
  const divisor = inverse((u + 1n) % prime)
  if (divisor === undefined) return undefined
  const point = toLittleEndian(((u + prime - 1n) * divisor) % prime)
  point.writeUInt8(point.readUInt8(keyBytes - 1) | sign, keyBytes - 1)
  return createPublicKey({ key: Buffer.concat([derPrefix, point]), format: 'der', type: 'spki' })
}

/** `publicKey`: 32 bytes, or 33 with Signal's byte 5 in front. False, too, for what can be no key or no signature. */
export const isSigned = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  const bare = publicKey.length === keyBytes + 1 && publicKey[0] === 5 ? publicKey.subarray(1) : publicKey
  if (bare.length !== keyBytes || signature.length !== signatureBytes) return false
  const plain = Buffer.from(signature)
  const last = plain.readUInt8(signatureBytes - 1)
  plain.writeUInt8(last & ~signBit, signatureBytes - 1)
  const key = edwardsKey(bare, last & signBit)
  return key !== undefined && verify(null, message, key, plain)
}
