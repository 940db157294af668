import {
  type AuthenticationCreds,
  BufferJSON,
  initAuthCreds,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
} from '@whiskeysockets/baileys'
import type { Lease } from '../domain/lease.ts'
import { createLock, type Lock } from '../runtime/lock.ts'
import type { JournalRow, KeyChanges, Store } from '../store/store.ts'
import type { KeyPair } from './signal/changeset.ts'
import { createHeldRows } from './signal/held-rows.ts'
import type { SignalStore } from './signal/operations.ts'
import { CorruptCredentialsError } from './socket.ts'

/** Types whose rows the signal repository owns: Baileys' own writes to them must queue behind its lock. */
const ratchetTypes: ReadonlySet<string> = new Set(['session', 'sender-key', 'identity-key'])

const encode = (value: unknown): Uint8Array | string =>
  value instanceof Uint8Array ? value : JSON.stringify(value, BufferJSON.replacer)

const decode = (type: string, value: Uint8Array | string): unknown => {
  if (typeof value !== 'string') return Buffer.from(value)
  const revived: unknown = JSON.parse(value, BufferJSON.reviver)
  // Its toJSON writes bytes as base64 text: only fromObject gives them back (Baileys, use-multi-file-auth-state.ts).
  return type === 'app-state-sync-key'
    ? proto.Message.AppStateSyncKeyData.fromObject(revived as Record<string, unknown>)
    : revived
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const isKeyPair = (value: unknown): value is KeyPair =>
  typeof value === 'object' &&
  value !== null &&
  'public' in value &&
  'private' in value &&
  value.public instanceof Uint8Array &&
  value.private instanceof Uint8Array

const keyPairs = ['noiseKey', 'signedIdentityKey', 'pairingEphemeralKeyPair'] as const

/** Reads creds as they were stored; rejects what cannot be used with CorruptCredentialsError. */
export const parseCreds = (text: string): AuthenticationCreds => {
  let creds: Partial<AuthenticationCreds> | null
  try {
    creds = JSON.parse(text, BufferJSON.reviver) as Partial<AuthenticationCreds> | null
  } catch (error) {
    throw new CorruptCredentialsError('the credentials are no JSON', { cause: error })
  }
  const broken = keyPairs.find((name) => !isKeyPair(creds?.[name]))
  if (broken !== undefined) throw new CorruptCredentialsError(`the credentials lack a usable ${broken}`)
  if (!isKeyPair(creds?.signedPreKey?.keyPair)) {
    throw new CorruptCredentialsError('the credentials lack a usable signedPreKey')
  }
  if (typeof creds?.advSecretKey !== 'string' || typeof creds.registrationId !== 'number') {
    throw new CorruptCredentialsError('the credentials lack advSecretKey or registrationId')
  }
  return creds as AuthenticationCreds
}

/** An account exists only after pair-success; `me` alone is left over from a pairing code that nobody used. */
export const isPairedCreds = (creds: AuthenticationCreds): boolean =>
  creds.account !== undefined && creds.me !== undefined

/** Creds that were never paired log in with whatever `me` they have and are refused: they must not have one. */
const withoutHalfPairing = (creds: AuthenticationCreds): AuthenticationCreds => {
  if (isPairedCreds(creds)) return creds
  const { me: _me, pairingCode: _code, ...rest } = creds
  return { ...rest, registered: false } as AuthenticationCreds
}

export interface AuthState {
  readonly creds: AuthenticationCreds
  /** What Baileys gets as `auth.keys`. */
  readonly keys: SignalKeyStore
  readonly signal: SignalStore
  /** One operation on the account's Signal state at a time. */
  readonly lock: Lock
  /** Durable when it returns. Throws when it cannot be written. */
  saveCreds(): void
  /** After this every write rejects: the socket is gone, its late writes must not reach the store. */
  close(reason: Error): void
}

export interface AuthStateOptions {
  readonly store: Store
  readonly deviceId: string
  readonly lease: Lease
  readonly now: () => number
  /** Called once, synchronously, when the store fails first, before the failure reaches Baileys. */
  readonly onFailed: (error: unknown) => void
  /** A write of keys has begun; what it returns is called when it is durable. */
  readonly onWrite: () => () => void
}

/**
 * The credentials and keys of one device behind Baileys' interfaces, for the life of one socket. Every write is one
 * fenced transaction; the first failure closes the state, so that nothing is sent whose ratchet is not stored.
 */
export const loadAuthState = async ({
  store,
  deviceId,
  lease,
  now,
  onFailed,
  onWrite,
}: AuthStateOptions): Promise<AuthState> => {
  const stored = await store.auth.creds(deviceId)
  const creds = withoutHalfPairing(stored === undefined ? initAuthCreds() : parseCreds(stored))
  const lock = createLock()
  let saved = stored
  let closed: Error | undefined

  const fail = (error: unknown): never => {
    if (closed === undefined) {
      closed = error instanceof Error ? error : new Error(String(error))
      onFailed(error)
    }
    throw error
  }
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      return fail(error)
    }
  }
  const held = createHeldRows()
  const heldPlaintexts = new Map<string, Uint8Array>()
  /** Throws at once when nothing can be written any more. Until they are durable, rows are read as they are held. */
  const commit = (changes: KeyChanges, journal: JournalRow | null): Promise<void> => {
    if (closed !== undefined) throw closed
    const { all, written } = held.begin(changes)
    const hash = journal === null ? undefined : hex(journal.hash)
    if (journal !== null && hash !== undefined) heldPlaintexts.set(hash, journal.plaintext)
    const durable = onWrite()
    const write = async (): Promise<void> => {
      await guarded(() => store.auth.commit(lease, deviceId, all, journal, now()))
      written()
      if (hash !== undefined) heldPlaintexts.delete(hash)
      durable()
    }
    return write()
  }
  const rowsOf = async (
    type: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array | string>> => {
    const found = new Map<string, Uint8Array | string>()
    const stored: string[] = []
    for (const id of ids) {
      const value = held.get(type, id)
      if (value === undefined) stored.push(id)
      else if (value !== null) found.set(id, value)
    }
    if (stored.length === 0) return found
    const rows = await store.auth.keys(deviceId, type, stored)
    if (found.size === 0) return rows
    for (const [id, value] of rows) found.set(id, value)
    return found
  }
  /** A read that fails must not pass for a message that cannot be decrypted: it would be refused, and so lost. */
  const ratchetRows = (type: string, ids: readonly string[]) => guarded(() => rowsOf(type, ids))
  /** Before the mapping itself is stored: Baileys tells a mapping that it has never again. */
  const learn = async (rows: KeyChanges[string]): Promise<void> => {
    if (closed !== undefined) throw closed
    const pairs = Object.entries(rows).flatMap(([pn, lid]) =>
      typeof lid === 'string' && !pn.endsWith('_reverse')
        ? [{ pn: `${pn}@s.whatsapp.net`, lid: `${JSON.parse(lid) as string}@lid` }]
        : [],
    )
    if (pairs.length > 0) await guarded(() => store.addresses.learn(lease, deviceId, pairs, now()))
  }

  const keys: SignalKeyStore = {
    async get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
      const rows = await rowsOf(type, ids)
      const values: { [id: string]: SignalDataTypeMap[T] } = {}
      for (const [id, value] of rows) values[id] = decode(type, value) as SignalDataTypeMap[T]
      return values
    },
    async set(data: SignalDataSet) {
      const changes: Record<string, Record<string, Uint8Array | string | null>> = {}
      for (const [type, rows] of Object.entries(data)) {
        const encoded: Record<string, Uint8Array | string | null> = {}
        for (const [id, value] of Object.entries(rows ?? {})) {
          encoded[id] = value === null || value === undefined ? null : encode(value)
        }
        changes[type] = encoded
      }
      const mappings = changes['lid-mapping']
      if (mappings !== undefined) await learn(mappings)
      const touchesRatchets = Object.keys(changes).some((type) => ratchetTypes.has(type))
      await (touchesRatchets ? lock(() => commit(changes, null)) : commit(changes, null))
    },
  }

  const signal: SignalStore = {
    async bytes(type, ids) {
      const found = new Map<string, Uint8Array>()
      for (const [id, value] of await ratchetRows(type, ids))
        if (typeof value !== 'string') found.set(id, value)
      return found
    },
    async preKey(id) {
      const value = (await ratchetRows('pre-key', [id])).get(id)
      const pair = value === undefined ? undefined : decode('pre-key', value)
      return isKeyPair(pair) ? pair : null
    },
    commit,
    get isFull() {
      return held.isFull
    },
    hold(changes) {
      if (closed !== undefined) throw closed
      return held.add(changes)
    },
    journaled: async (hash) =>
      heldPlaintexts.get(hex(hash)) ?? (await guarded(() => store.auth.journaled(deviceId, hash))),
  }

  return {
    creds,
    keys,
    signal,
    lock,
    saveCreds() {
      if (closed !== undefined) throw closed
      try {
        const text = JSON.stringify(withoutHalfPairing(creds), BufferJSON.replacer)
        // Each login tells what the one before it told: an fsync, which holds up all devices, for nothing.
        if (text === saved) return
        store.auth.saveCredsNow(lease, deviceId, text, now())
        saved = text
      } catch (error) {
        fail(error)
      }
    },
    close(reason) {
      closed ??= reason
    },
  }
}
