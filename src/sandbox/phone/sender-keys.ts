import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'
import type { Entropy } from '../entropy.ts'
import { typedKey } from '../protocol/key-bundle.ts'
import { isSignatureValid, type SigningKeyPair } from '../protocol/signature.ts'

/**
 * Signal's sender keys for one phone, written anew from libsignal's `sender_keys` and `group_cipher` so that what the
 * gateway does is checked against a second implementation.
 */
export interface SenderKeys {
  /** The own key of a group as others need it, from its next message on. Makes one when there is none. */
  distribution(group: string): Buffer
  encrypt(group: string, plaintext: Uint8Array): Buffer
  /** Drops the own key of a group; the next message begins a new one. */
  forget(group: string): void
  /** @throws Error when the distribution cannot be read */
  learn(group: string, sender: string, distribution: Uint8Array): void
  /** @throws Error when no key fits, the signature is wrong, or the message was decrypted before */
  decrypt(group: string, sender: string, message: Uint8Array): Buffer
}

/** How far a message may be ahead, how many passed keys are kept, and how many keys of a sender: as in Baileys. */
const aheadMax = 2000
const skippedMax = 2000
const statesMax = 5

const versionByte = Buffer.from([0x33])
const signatureBytes = 64
const chainKeyBytes = 32
const ivBytes = 16
const cipherKeyBytes = 32
const keyIdBytes = 4
const messageKeySeed = Buffer.from([1])
const chainKeySeed = Buffer.from([2])
const info = 'WhisperGroup'
const noSalt = Buffer.alloc(32)

interface Chain {
  iteration: number
  chainKey: Buffer
}

interface OwnKey extends Chain {
  readonly id: number
  readonly signing: SigningKeyPair
}

interface TheirKey extends Chain {
  readonly id: number
  readonly signingKey: Buffer
  /** Keys of messages that were passed over, by iteration. */
  readonly skipped: Map<number, Buffer>
}

const hmac = (key: Buffer, data: Buffer): Buffer => createHmac('sha256', key).update(data).digest()

/** The seed of the chain's next message key; the chain has moved on then. */
const step = (chain: Chain): Buffer => {
  const seed = hmac(chain.chainKey, messageKeySeed)
  chain.chainKey = hmac(chain.chainKey, chainKeySeed)
  chain.iteration++
  return seed
}

const cipherKeyOf = (seed: Buffer): { readonly iv: Buffer; readonly key: Buffer } => {
  const bytes = Buffer.from(hkdfSync('sha256', seed, noSalt, info, ivBytes + cipherKeyBytes))
  return { iv: bytes.subarray(0, ivBytes), key: bytes.subarray(ivBytes) }
}

/** The protobuf of a message or distribution, without its version byte. */
const body = (bytes: Uint8Array, endBytes = 0): Uint8Array => {
  if (bytes.length < 1 + endBytes || (bytes[0] ?? 0) >> 4 !== 3) throw new Error('not version 3')
  return bytes.subarray(1, bytes.length - endBytes)
}

/** The message key of an iteration: of the chain's next, of one further on, or one that was passed over. */
const seedAt = (state: TheirKey, iteration: number): Buffer => {
  if (iteration < state.iteration) {
    const seed = state.skipped.get(iteration)
    if (seed === undefined) throw new Error('this message was decrypted before')
    state.skipped.delete(iteration)
    return seed
  }
  if (iteration - state.iteration > aheadMax) throw new Error('the message is too far ahead')
  while (state.iteration < iteration) {
    state.skipped.set(state.iteration, step(state))
    const [oldest] = state.skipped.keys()
    if (state.skipped.size > skippedMax && oldest !== undefined) state.skipped.delete(oldest)
  }
  return step(state)
}

export const createSenderKeys = (entropy: Entropy, owner: string): SenderKeys => {
  const own = new Map<string, OwnKey>()
  const theirs = new Map<string, TheirKey[]>()

  const ownKey = (group: string): OwnKey => {
    const known = own.get(group)
    if (known !== undefined) return known
    const label = `phone ${owner} sender key`
    const key: OwnKey = {
      id: entropy.next(`${label} id`, keyIdBytes).readUInt32BE() >>> 1,
      iteration: 0,
      chainKey: entropy.next(label, chainKeyBytes),
      signing: entropy.keyPair(`${label} ${entropy.next(`${label} signing`, keyIdBytes).toString('hex')}`),
    }
    own.set(group, key)
    return key
  }

  return {
    distribution(group) {
      const { id, iteration, chainKey, signing } = ownKey(group)
      const parts = { id, iteration, chainKey, signingKey: typedKey(signing.public) }
      return Buffer.concat([versionByte, proto.SenderKeyDistributionMessage.encode(parts).finish()])
    },
    encrypt(group, plaintext) {
      const key = ownKey(group)
      const { iteration } = key
      const { iv, key: cipherKey } = cipherKeyOf(step(key))
      const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
      const encoded = proto.SenderKeyMessage.encode({ id: key.id, iteration, ciphertext }).finish()
      const signed = Buffer.concat([versionByte, encoded])
      return Buffer.concat([signed, key.signing.sign(signed)])
    },
    forget(group) {
      own.delete(group)
    },
    learn(group, sender, distribution) {
      const { id, iteration, chainKey, signingKey } = proto.SenderKeyDistributionMessage.decode(
        body(distribution),
      )
      const isWhole = typeof id === 'number' && typeof iteration === 'number'
      if (!isWhole || chainKey?.length !== chainKeyBytes || signingKey?.length !== chainKeyBytes + 1) {
        throw new Error('the sender key is not whole')
      }
      const name = `${group} ${sender}`
      const known = theirs.get(name) ?? []
      // The same key again tells nothing new, and must not take the chain back.
      if (known.some((state) => state.id === id && state.signingKey.equals(signingKey.subarray(1)))) return
      const state: TheirKey = {
        id,
        iteration,
        chainKey: Buffer.from(chainKey),
        signingKey: Buffer.from(signingKey.subarray(1)),
        skipped: new Map(),
      }
      theirs.set(name, [state, ...known].slice(0, statesMax))
    },
    decrypt(group, sender, message) {
      const { id, iteration, ciphertext } = proto.SenderKeyMessage.decode(body(message, signatureBytes))
      const state = theirs.get(`${group} ${sender}`)?.find((each) => each.id === id)
      if (state === undefined) throw new Error('no sender key')
      if (typeof iteration !== 'number' || !ciphertext) throw new Error('the group message is not whole')
      const signed = message.subarray(0, -signatureBytes)
      if (!isSignatureValid(state.signingKey, signed, message.subarray(-signatureBytes))) {
        throw new Error('the signature of the group message is wrong')
      }
      const { iv, key } = cipherKeyOf(seedAt(state, iteration))
      const decipher = createDecipheriv('aes-256-cbc', key, iv)
      return Buffer.concat([decipher.update(ciphertext), decipher.final()])
    },
  }
}
