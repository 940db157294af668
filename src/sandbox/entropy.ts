import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { type SigningKeyPair, signingKeyPair } from './protocol/signature.ts'

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
  keyPair(label: string): SigningKeyPair
}

const keyBytes = 32

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
    keyPair: (label) => signingKeyPair(bytes(`key ${label}`, keyBytes)),
  }
}
