import { assert } from '../../domain/errors.ts'
import type { KeyChanges } from '../../store/store.ts'

/** A Curve25519 key pair as Baileys keeps it: 32 bytes each, no type byte. */
export interface KeyPair {
  readonly public: Uint8Array
  readonly private: Uint8Array
}

/** The rows that one operation of the repository may read. */
export interface Rows {
  readonly session?: Readonly<Record<string, Uint8Array | null>>
  readonly senderKey?: Readonly<Record<string, Uint8Array | null>>
  readonly identityKey?: Readonly<Record<string, Uint8Array | null>>
  readonly preKey?: Readonly<Record<string, KeyPair | null>>
}

/** What the engine needs of our own identity. */
export interface OwnKeys {
  readonly registrationId: number
  readonly signedIdentityKey: KeyPair
  readonly signedPreKey: { readonly keyId: number; readonly keyPair: KeyPair; readonly signature: Uint8Array }
}

type RowKind = 'session' | 'sender-key' | 'identity-key' | 'pre-key'

const publicKeyLength = 33
const djbType = Uint8Array.of(5)

/** A public key with its type byte, as the engine wants it. */
export const typedKey = (key: Uint8Array): Uint8Array =>
  key.length === publicKeyLength ? key : Buffer.concat([djbType, key])

const requireRow = <T>(rows: Readonly<Record<string, T>> | undefined, kind: RowKind, id: string): T => {
  assert(rows !== undefined && id in rows, `the row ${kind} ${id} was not loaded`)
  return rows[id] as T
}

/** Reads come from the rows that were loaded, writes are collected: one operation, one commit. */
export class Changeset {
  private readonly rows: Rows
  private readonly written: Partial<Record<RowKind, Record<string, Uint8Array | null>>> = {}

  constructor(rows: Rows) {
    this.rows = rows
  }

  get dirty(): boolean {
    return Object.keys(this.written).length > 0
  }

  get changes(): KeyChanges {
    return this.written
  }

  private writtenOr(kind: RowKind, id: string, loaded: Rows['session']): Uint8Array | null {
    const written = this.written[kind]?.[id]
    return written === undefined ? requireRow(loaded, kind, id) : written
  }

  session(id: string): Uint8Array | null {
    return this.writtenOr('session', id, this.rows.session)
  }

  senderKey(id: string): Uint8Array | null {
    return this.writtenOr('sender-key', id, this.rows.senderKey)
  }

  identityKey(id: string): Uint8Array | null {
    return this.writtenOr('identity-key', id, this.rows.identityKey)
  }

  preKey(id: string): KeyPair | null {
    return this.written['pre-key']?.[id] === null ? null : requireRow(this.rows.preKey, 'pre-key', id)
  }

  set(kind: RowKind, id: string, value: Uint8Array | null): void {
    ;(this.written[kind] ??= {})[id] = value
  }

  /** The same rows with another session and nothing written: for a trial that may fail. */
  trial(id: string, session: Uint8Array | null): Changeset {
    return new Changeset({ ...this.rows, session: { ...this.rows.session, [id]: session } })
  }

  /** Adds what a trial has written. */
  take(trial: Changeset): void {
    for (const [kind, rows] of Object.entries(trial.changes)) {
      for (const [id, value] of Object.entries(rows))
        this.set(kind as RowKind, id, value as Uint8Array | null)
    }
  }

  /** The storage that one call of the engine works on. Synchronous: so no other operation can come between. */
  storage(own: OwnKeys) {
    return {
      loadSession: (id: string) => this.session(id),
      // 0.5.4 calls this one, which its types do not name; `storeSession` is for versions that do not.
      storeSessionRaw: (id: string, bytes: Uint8Array): void => this.set('session', id, Buffer.from(bytes)),
      storeSession: (id: string, record: { serialize(): Uint8Array; free(): void }): void => {
        this.set('session', id, record.serialize())
        record.free()
      },
      loadSenderKey: (id: string) => this.senderKey(id),
      storeSenderKey: (id: string, bytes: Uint8Array): void => this.set('sender-key', id, Buffer.from(bytes)),
      loadPreKey: (id: number) => {
        const key = this.preKey(String(id))
        return key === null ? null : { pubKey: typedKey(key.public), privKey: key.private }
      },
      removePreKey: (id: number): void => this.set('pre-key', String(id), null),
      loadSignedPreKey: (id: number) => {
        const { keyId, keyPair, signature } = own.signedPreKey
        return keyId === id
          ? { keyId, keyPair: { pubKey: typedKey(keyPair.public), privKey: keyPair.private }, signature }
          : null
      },
      // Trust on first use, as WhatsApp's own clients do; a changed identity starts a new session in the repository.
      isTrustedIdentity: () => true,
      getOurRegistrationId: () => own.registrationId,
      getOurIdentity: () => ({
        pubKey: typedKey(own.signedIdentityKey.public),
        privKey: own.signedIdentityKey.private,
      }),
    }
  }
}
