import { createHmac, createPrivateKey, createPublicKey, hkdfSync, randomBytes } from 'node:crypto'

/** An X25519 key pair: both halves are 32 raw bytes. */
export interface KeyPair {
  readonly public: Buffer
  readonly private: Buffer
}

/** Where the sandbox's keys and ids come from; with a seed, two runs that do the same get the same. */
export interface Entropy {
  /** The same label always gives the same bytes. */
  bytes(label: string, length: number): Buffer
  /** The same label gives fresh bytes at every call, in a reproducible order. */
  next(label: string, length: number): Buffer
  /** The same label always gives the same key pair. */
  keyPair(label: string): KeyPair
}

const pkcs8X25519Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const keyBytes = 32

const publicOf = (privateKey: Buffer): Buffer => {
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8X25519Prefix, privateKey]),
    format: 'der',
    type: 'pkcs8',
  })
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-keyBytes)
}

/** Clamps as RFC 7748 section 5 says, so that signing and agreement see the same scalar. */
const clamp = (bytes: Buffer): Buffer => {
  const key = Buffer.from(bytes)
  key.writeUInt8(key.readUInt8(0) & 248, 0)
  key.writeUInt8((key.readUInt8(31) & 127) | 64, 31)
  return key
}

export const createEntropy = (seed?: string): Entropy => {
  const root =
    seed === undefined
      ? randomBytes(keyBytes)
      : createHmac('sha256', 'whatsapp sandbox').update(seed).digest()
  const counters = new Map<string, number>()
  const bytes = (label: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), label, length))
  return {
    bytes,
    next(label, length) {
      const count = (counters.get(label) ?? 0) + 1
      counters.set(label, count)
      return bytes(`${label} #${count}`, length)
    },
    keyPair(label) {
      const privateKey = clamp(bytes(`key ${label}`, keyBytes))
      return { private: privateKey, public: publicOf(privateKey) }
    },
  }
}
