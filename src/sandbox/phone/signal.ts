import { Curve } from '@whiskeysockets/baileys'
import { ProtocolAddress, SessionBuilder, SessionCipher, SessionRecord } from 'libsignal'
import type { KeyPair } from '../entropy.ts'
import { type KeyBundle, type PublicSignedPreKey, typedKey } from '../protocol/key-bundle.ts'
import type { SigningKeyPair } from '../protocol/signature.ts'

/** The Signal sessions of one phone. The caller lets one operation end before it starts the next. */
export interface SignalEngine {
  hasSession(address: string): boolean
  /** Starts over with the device at this address, from its bundle; an older session stays good for decrypting. */
  startSession(address: string, bundle: KeyBundle): Promise<void>
  encrypt(address: string, plaintext: Uint8Array): Promise<{ type: 'pkmsg' | 'msg'; ciphertext: Buffer }>
  /** @throws Error when no session fits; nothing has changed then */
  decrypt(address: string, type: string, ciphertext: Buffer): Promise<Buffer>
  /** A bundle for a stranger, with a one-time pre-key that nobody had before. */
  takeBundle(): KeyBundle
}

/** libsignal's session and record, as far as they are needed: its own types leave these out. */
interface Session {
  readonly indexInfo: { used: number }
}
interface RecordInternals {
  readonly sessions: Record<string, Session>
  setSession(session: Session): void
}
interface CipherInternals {
  doDecryptWhisperMessage(data: Buffer, session: Session): Promise<Buffer>
}

/** One-time pre-keys that are kept for sessions which have not begun yet; then the oldest go. */
const oneTimePreKeysMax = 5000
const signedPreKeyId = 1
const firstPreKeyId = 1
/** What libsignal calls a first message, which carries the sender's keys. */
const preKeyMessageType = 3

const copyOf = (session: Session): Session => {
  const record = new SessionRecord()
  ;(record as unknown as RecordInternals).setSession(session)
  const copy = SessionRecord.deserialize(record.serialize()) as unknown as RecordInternals
  const [only] = Object.values(copy.sessions)
  if (only === undefined) throw new Error('a session was lost in copying')
  return only
}

/**
 * libsignal 6 tries a message on every session of a record and steps each one's ratchet before it checks the MAC, so that
 * a failed try spoils a good session. Here each try is on a copy, and only the one that decrypted is kept.
 */
class IsolatedCipher extends SessionCipher {
  async decryptWithSessions(
    data: Buffer,
    sessions: Session[],
  ): Promise<{ session: Session; plaintext: Buffer }> {
    for (const session of sessions) {
      const copy = copyOf(session)
      try {
        const plaintext = await (this as unknown as CipherInternals).doDecryptWhisperMessage(data, copy)
        for (const name of Object.keys(session)) Reflect.deleteProperty(session, name)
        Object.assign(session, copy)
        session.indexInfo.used = Date.now()
        return { session, plaintext }
      } catch {
        // Not this session's message; perhaps the next one's.
      }
    }
    throw new Error(sessions.length > 0 ? 'no session fits this message' : 'no session')
  }
}

export interface SignalIdentity {
  readonly identity: SigningKeyPair
  readonly signedPreKey: KeyPair
  readonly registrationId: number
  /** Set before every address: libsignal's queue of jobs is one for the process, and keyed by address alone. */
  readonly scope: string
}

export const createSignalEngine = ({
  identity,
  signedPreKey,
  registrationId,
  scope,
}: SignalIdentity): SignalEngine => {
  const sessions = new Map<string, Uint8Array>()
  const preKeys = new Map<number, { privKey: Buffer; pubKey: Buffer }>()
  let nextPreKeyId = firstPreKeyId
  const publicSignedPreKey: PublicSignedPreKey = {
    keyId: signedPreKeyId,
    publicKey: signedPreKey.public,
    signature: identity.sign(typedKey(signedPreKey.public)),
  }
  const typed = (pair: KeyPair): { privKey: Buffer; pubKey: Buffer } => ({
    privKey: pair.private,
    pubKey: typedKey(pair.public),
  })

  const storage = {
    loadSession: async (id: string) => {
      const stored = sessions.get(id)
      return stored === undefined ? undefined : SessionRecord.deserialize(stored)
    },
    storeSession: async (id: string, record: SessionRecord) => {
      sessions.set(id, record.serialize())
    },
    isTrustedIdentity: () => true,
    loadPreKey: async (id: number | string) => preKeys.get(Number(id)),
    removePreKey: (id: number) => {
      preKeys.delete(id)
    },
    loadSignedPreKey: () => typed(signedPreKey),
    getOurRegistrationId: () => registrationId,
    getOurIdentity: () => typed(identity),
  }

  const addressOf = (address: string): ProtocolAddress => new ProtocolAddress(`${scope} ${address}`, 0)

  return {
    hasSession: (address) => sessions.has(addressOf(address).toString()),
    async startSession(address, bundle) {
      await new SessionBuilder(storage, addressOf(address)).initOutgoing({
        registrationId: bundle.registrationId,
        identityKey: typedKey(bundle.identityKey),
        signedPreKey: {
          ...bundle.signedPreKey,
          publicKey: typedKey(bundle.signedPreKey.publicKey),
        },
        // Absent is fine at run time: the handshake then does without a one-time key.
        ...((bundle.preKey === undefined
          ? {}
          : {
              preKey: { keyId: bundle.preKey.keyId, publicKey: typedKey(bundle.preKey.publicKey) },
            }) as { preKey: { keyId: number; publicKey: Uint8Array } }),
      })
    },
    async encrypt(address, plaintext) {
      const { type, body } = await new IsolatedCipher(storage, addressOf(address)).encrypt(plaintext)
      return {
        type: type === preKeyMessageType ? 'pkmsg' : 'msg',
        ciphertext: Buffer.from(body, 'binary'),
      }
    },
    decrypt(address, type, ciphertext) {
      const cipher = new IsolatedCipher(storage, addressOf(address))
      switch (type) {
        case 'pkmsg':
          return cipher.decryptPreKeyWhisperMessage(ciphertext)
        case 'msg':
          return cipher.decryptWhisperMessage(ciphertext)
        default:
          return Promise.reject(new Error(`messages of type ${type} are not supported`))
      }
    },
    takeBundle() {
      const keyId = nextPreKeyId++
      const pair = Curve.generateKeyPair()
      const publicKey = Buffer.from(pair.public)
      preKeys.set(keyId, { privKey: Buffer.from(pair.private), pubKey: typedKey(publicKey) })
      const [oldest] = preKeys.keys()
      if (preKeys.size > oneTimePreKeysMax && oldest !== undefined) preKeys.delete(oldest)
      return {
        registrationId,
        identityKey: identity.public,
        signedPreKey: publicSignedPreKey,
        preKey: { keyId, publicKey },
      }
    },
  }
}
