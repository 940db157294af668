import {
  addTransactionCapability,
  type AuthenticationCreds,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  generateSignalPubKey,
  initAuthCreds,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type SignalRepositoryWithLIDStore,
  type SocketConfig,
} from '@whiskeysockets/baileys'
import { start } from '../../../src/domain/device.ts'
import { deviceLeaseName, type Lease } from '../../../src/domain/lease.ts'
import type { JournalRow, KeyChanges, Store } from '../../../src/store/store.ts'
import { openStore } from '../../../src/store/sqlite/open.ts'
import { type AuthState, loadAuthState } from '../../../src/whatsapp/auth-state.ts'
import type { SignalStore } from '../../../src/whatsapp/signal/operations.ts'
import { createSignalRepository, type StanzaPart } from '../../../src/whatsapp/signal/repository.ts'
import { StanzaTracker } from '../../../src/whatsapp/stanzas.ts'

export type Bundle = Parameters<SignalRepositoryWithLIDStore['injectE2ESession']>[0]['session']
export type Ciphertext = Awaited<ReturnType<SignalRepositoryWithLIDStore['encryptMessage']>>

/** One side of a conversation, whoever implements it. */
export interface Account {
  readonly jid: string
  readonly creds: AuthenticationCreds
  readonly repository: SignalRepositoryWithLIDStore
  readonly keys: SignalKeyStore
}

export const now = 1_800_000_000_000
export const aliceJid = '4915111111111@s.whatsapp.net'
export const bobJid = '4915222222222@s.whatsapp.net'
export const carolJid = '4915333333333@s.whatsapp.net'

const ignore = (): void => undefined
const silent: SocketConfig['logger'] = {
  level: 'silent',
  child: () => silent,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
}

/** libsignal prints whole sessions: not in the output of the tests. */
for (const method of ['info', 'warn', 'error'] as const) console[method] = ignore

const withTransactions = (keys: SignalKeyStore) =>
  addTransactionCapability(keys, silent, { maxCommitRetries: 1, delayBetweenTriesMs: 1 })

const nobodyKnows = async (): Promise<undefined> => undefined

const memoryKeys = (): SignalKeyStore => {
  const rows = new Map<string, unknown>()
  return {
    get: async <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      const found: { [id: string]: SignalDataTypeMap[T] } = {}
      for (const id of ids) {
        const value = rows.get(`${type} ${id}`)
        if (value !== undefined) found[id] = value as SignalDataTypeMap[T]
      }
      return found
    },
    set: async (data) => {
      for (const [type, byId] of Object.entries(data)) {
        for (const [id, value] of Object.entries(byId ?? {})) {
          if (value === null || value === undefined) rows.delete(`${type} ${id}`)
          else rows.set(`${type} ${id}`, value)
        }
      }
    },
  }
}

/** Baileys as it comes: its own repository on libsignal in JavaScript, over a store in memory. */
export const stock = (jid: string): Account => {
  const creds = initAuthCreds()
  const keys = withTransactions(memoryKeys())
  const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys }, silent, nobodyKnows)
  return { jid, creds, keys, repository }
}

/** Our repository as the gateway makes it, and a view of what it does to the store. */
export interface OwnAccount extends Account {
  readonly store: Store
  readonly deviceId: string
  readonly lease: Lease
  readonly auth: AuthState
  readonly tracker: StanzaTracker
  /** What the repository asked of the store, in order. */
  readonly trace: string[]
  readonly commits: { readonly changes: KeyChanges; readonly journal: JournalRow | null }[]
  readonly journaled: StanzaPart[]
  readonly undecryptable: { readonly part: StanzaPart; readonly error: Error }[]
  /** The next commit rejects with it and writes nothing. */
  failNextCommit(error: Error): void
  /** What the store failed with. */
  readonly failures: unknown[]
  /** Resolves when no commit is under way. */
  settled(): Promise<void>
  /** Rows as the store has them, then. */
  stored(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array | string>>
  /** All key rows that the account's sessions are made of, as text, once they are written. */
  rows(): Promise<string>
}

interface Spied {
  readonly trace: string[]
  readonly commits: { changes: KeyChanges; journal: JournalRow | null }[]
  readonly underWay: Set<Promise<void>>
}

const spy = (inner: SignalStore, { trace, commits, underWay }: Spied): SignalStore => ({
  async bytes(type, ids) {
    trace.push(`read ${type}`)
    return inner.bytes(type, ids)
  },
  async preKey(id) {
    trace.push('read pre-key')
    return inner.preKey(id)
  },
  commit(changes, journal) {
    const durable = inner.commit(changes, journal)
    commits.push({ changes, journal })
    const kinds = Object.keys(changes).toSorted().join('+')
    trace.push(`COMMIT ${kinds}${journal === null ? '' : ' with journal'}`)
    const ended = durable.then(ignore, ignore).finally(() => underWay.delete(ended))
    underWay.add(ended)
    return durable
  },
  get isFull() {
    return inner.isFull
  },
  hold: (changes) => inner.hold(changes),
  async journaled(hash) {
    trace.push('journal?')
    return inner.journaled(hash)
  },
})

const stores: Store[] = []

export const memoryStore = async (): Promise<Store> => {
  const store = await openStore({ file: ':memory:' })
  stores.push(store)
  return store
}

export const closeStores = async (): Promise<void> => {
  for (const store of stores.splice(0)) await store.close()
}

export const claimDevice = async (store: Store, deviceId: string): Promise<Lease> => {
  const origin = { actor: { kind: 'connector' as const, id: 'c1' }, requestId: 'req_1' }
  if ((await store.devices.get(deviceId)) === undefined) {
    await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, now))
  }
  const lease = await store.leases.claim(deviceLeaseName(deviceId), 'c1', 60_000, now)
  if (lease === undefined) throw new Error('a free lease was refused')
  return lease
}

/** A new account of ours; with a store and a device id, the one that is stored there goes on. */
export const ours = async (jid: string, store?: Store, deviceId = 'phone-1'): Promise<OwnAccount> => {
  const at = store ?? (await memoryStore())
  const lease = await claimDevice(at, deviceId)
  const failure: { next: Error | undefined } = { next: undefined }
  const failures: unknown[] = []
  const failing: Store = {
    ...at,
    auth: {
      ...at.auth,
      async commit(...args) {
        const { next } = failure
        failure.next = undefined
        if (next !== undefined) throw next
        await at.auth.commit(...args)
      },
    },
  }
  const auth = await loadAuthState({
    store: failing,
    deviceId,
    lease,
    now: () => now,
    onFailed: (error) => failures.push(error),
    onWrite: () => ignore,
  })
  auth.saveCreds()
  const { creds } = auth
  const trace: string[] = []
  const commits: OwnAccount['commits'] = []
  const journaled: StanzaPart[] = []
  const undecryptable: OwnAccount['undecryptable'] = []
  const underWay = new Set<Promise<void>>()
  const settled = async (): Promise<void> => {
    await Promise.all(underWay)
  }
  const tracker = new StanzaTracker()
  const keys = withTransactions(auth.keys)
  const repository = createSignalRepository({
    store: spy(auth.signal, { trace, commits, underWay }),
    lock: auth.lock,
    own: () => creds,
    stanzaOf: (ciphertext) => tracker.partOf(ciphertext),
    onJournaled: (part) => journaled.push(part),
    onUndecryptable: async (part, error) => {
      undecryptable.push({ part, error })
    },
  })({ creds, keys }, silent, nobodyKnows)
  return {
    jid,
    creds,
    keys: auth.keys,
    repository,
    store: at,
    deviceId,
    lease,
    auth,
    tracker,
    trace,
    commits,
    journaled,
    undecryptable,
    failNextCommit: (error) => {
      failure.next = error
    },
    failures,
    settled,
    async stored(type, ids) {
      await settled()
      return at.auth.keys(deviceId, type, ids)
    },
    async rows() {
      await settled()
      const ids = [aliceJid, bobJid, carolJid].map((each) => repository.jidToSignalProtocolAddress(each))
      const lines: string[] = []
      for (const type of ['session', 'identity-key']) {
        for (const [id, value] of await at.auth.keys(deviceId, type, ids)) {
          lines.push(`${type} ${id} ${Buffer.from(value).toString('hex')}`)
        }
      }
      const preKeys = await at.auth.keys(deviceId, 'pre-key', ['1', '2', '3', '4', '5', '6', '7', '8', '9'])
      for (const id of preKeys.keys()) lines.push(`pre-key ${id}`)
      return lines.toSorted().join('\n')
    },
  }
}

/** What a server hands out of an account: with a one-time pre-key, unless it has none left (`null`). */
export const bundleOf = async ({ creds, keys }: Account, preKeyId: number | null = 1): Promise<Bundle> => {
  const { signedPreKey } = creds
  const bundle: Bundle = {
    registrationId: creds.registrationId,
    identityKey: generateSignalPubKey(creds.signedIdentityKey.public),
    signedPreKey: {
      keyId: signedPreKey.keyId,
      publicKey: generateSignalPubKey(signedPreKey.keyPair.public),
      signature: signedPreKey.signature,
    },
  }
  if (preKeyId === null) return bundle
  const pair = Curve.generateKeyPair()
  await keys.set({ 'pre-key': { [preKeyId]: pair } })
  return { ...bundle, preKey: { keyId: preKeyId, publicKey: generateSignalPubKey(pair.public) } }
}

/** `from` starts a session with `to`, out of its bundle. */
export const meet = async (from: Account, to: Account, preKeyId?: number | null): Promise<void> => {
  await from.repository.injectE2ESession({ jid: to.jid, session: await bundleOf(to, preKeyId) })
}

export const write = (from: Account, to: Account, text: string): Promise<Ciphertext> =>
  from.repository.encryptMessage({ jid: to.jid, data: Buffer.from(text) })

export const read = async (by: Account, from: Account, message: Ciphertext): Promise<string> => {
  const plaintext = await by.repository.decryptMessage({ jid: from.jid, ...message })
  return Buffer.from(plaintext).toString()
}

/** What `read` gives, or the text of what it rejects with. */
export const outcome = async (work: Promise<string>): Promise<string> => {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`not an Error: ${String(error)}`, { cause: error })
    return `Error: ${error.message}`
  }
}

export const says = async (from: Account, to: Account, text: string): Promise<string> =>
  outcome(read(to, from, await write(from, to, text)))

/** A message from both sides, so that neither session waits for its first answer. */
export const acquaint = async (a: Account, b: Account): Promise<void> => {
  await meet(a, b)
  await says(a, b, 'hello')
  await says(b, a, 'hello to you')
}

/** The same bytes in a new Buffer, as a redelivery brings them, seen as a stanza of this id. */
export const stanza = (
  by: OwnAccount,
  from: Account,
  id: string,
  { type, ciphertext }: Ciphertext,
): Ciphertext => {
  const content = Buffer.from(ciphertext)
  const attrs = { id, from: from.jid, t: String(now / 1000) }
  const enc = { tag: 'enc', attrs: { v: '2', type }, content }
  by.tracker.see({ tag: 'message', attrs, content: [enc] }, { pn: by.jid, lid: null }, 0)
  return { type, ciphertext: content }
}
