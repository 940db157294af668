import { type AuthenticationCreds, BufferJSON, proto } from '@whiskeysockets/baileys'
import BetterSqlite from 'better-sqlite3'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { Lease } from '../../src/domain/lease.ts'
import { StaleLeaseError } from '../../src/domain/lease.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { type AuthState, isPairedCreds, loadAuthState, parseCreds } from '../../src/whatsapp/auth-state.ts'
import { CorruptCredentialsError } from '../../src/whatsapp/socket.ts'
import { newFile } from '../store/files.ts'
import { claimDevice, closeStores, memoryStore, now } from './signal/parties.ts'

afterAll(closeStores)

const deviceId = 'phone-1'
const account = { details: Buffer.from([1, 2]), accountSignature: Buffer.from([3]) }
const me = { id: '4915111111111:7@s.whatsapp.net', lid: '9000:7@lid', name: 'Alice' }

interface World {
  readonly store: Store
  readonly lease: Lease
  readonly failures: unknown[]
  readonly auth: AuthState
  readonly load: () => Promise<AuthState>
}

const newWorld = async (at?: Store): Promise<World> => {
  const store = at ?? (await memoryStore())
  const lease = await claimDevice(store, deviceId)
  const failures: unknown[] = []
  const load = (): Promise<AuthState> =>
    loadAuthState({
      store,
      deviceId,
      lease,
      now: () => now,
      onFailed: (error) => failures.push(error),
      onWrite: () => () => undefined,
    })
  return { store, lease, failures, load, auth: await load() }
}

const setKeys = async ({ keys }: AuthState, data: Parameters<AuthState['keys']['set']>[0]): Promise<void> => {
  await keys.set(data)
}

const pair = (creds: AuthenticationCreds): void => {
  Object.assign(creds, { account, me, registered: false })
}

describe('credentials', () => {
  test('of a device that has none are new ones, and unpaired', async () => {
    const { auth } = await newWorld()
    expect(auth.creds.noiseKey.private).toHaveLength(32)
    expect(isPairedCreds(auth.creds)).toBe(false)
  })

  test('come back as they were saved, bytes as bytes', async () => {
    const { auth, load } = await newWorld()
    pair(auth.creds)
    auth.creds.routingInfo = Buffer.from([9, 8, 7])
    auth.saveCreds()
    const { creds } = await load()
    expect(creds).toEqual(auth.creds)
    for (const bytes of [creds.noiseKey.private, creds.signedPreKey.signature, creds.account?.details]) {
      expect(Buffer.isBuffer(bytes)).toBe(true)
    }
    expect(isPairedCreds(creds)).toBe(true)
  })

  test('are on disk when saveCreds returns', async () => {
    const file = newFile()
    const store = await openStore({ file })
    const { auth } = await newWorld(store)
    pair(auth.creds)
    auth.saveCreds()
    const reader = new BetterSqlite(file, { readonly: true })
    const row = reader.prepare('select creds from auth_creds').get() as { creds: string }
    reader.close()
    expect(parseCreds(row.creds).me).toEqual(me)
    await store.close()
  })

  test('that are as they were saved are not written again, by this socket or the next', async () => {
    const { auth, store, load } = await newWorld()
    pair(auth.creds)
    auth.saveCreds()
    const writes = vi.spyOn(store.auth, 'saveCredsNow')
    auth.saveCreds()
    const next = await load()
    next.saveCreds()
    expect(writes).not.toHaveBeenCalled()
    next.creds.nextPreKeyId += 1
    next.saveCreds()
    next.saveCreds()
    expect(writes).toHaveBeenCalledTimes(1)
    expect((await load()).creds).toEqual(next.creds)
  })

  test('that never were paired lose what a pairing code has left in them', async () => {
    const { auth, load } = await newWorld()
    Object.assign(auth.creds, {
      me: { id: '4915111111111@s.whatsapp.net', name: '~' },
      pairingCode: 'ABCD1234',
    })
    auth.creds.registered = true
    auth.saveCreds()
    const { creds } = await load()
    expect(creds.me).toBeUndefined()
    expect(creds.pairingCode).toBeUndefined()
    expect(creds.registered).toBe(false)
    expect(creds.noiseKey).toEqual(auth.creds.noiseKey)
    // The socket that made the code goes on with it.
    expect(auth.creds.pairingCode).toBe('ABCD1234')
  })

  const text = (change: (creds: Record<string, unknown>) => unknown): Promise<string> =>
    newWorld().then(async ({ auth, store }) => {
      auth.saveCreds()
      const creds = JSON.parse((await store.auth.creds(deviceId)) ?? '') as Record<string, unknown>
      return JSON.stringify(change(creds))
    })
  const without = (name: string) => (creds: Record<string, unknown>) => ({ ...creds, [name]: undefined })
  const keyWithout = (name: string) => (creds: Record<string, unknown>) => ({
    ...creds,
    [name]: { ...(creds[name] as object), private: undefined },
  })

  test.each([
    ['no noiseKey', without('noiseKey')],
    ['no signedIdentityKey', without('signedIdentityKey')],
    ['no pairingEphemeralKeyPair', without('pairingEphemeralKeyPair')],
    ['no signedPreKey', without('signedPreKey')],
    ['no advSecretKey', without('advSecretKey')],
    ['no registrationId', without('registrationId')],
    ['half a noise key', keyWithout('noiseKey')],
    ['a key that is a number', (creds: Record<string, unknown>) => ({ ...creds, noiseKey: 7 })],
    ['no object', () => 7],
    ['nothing', () => null],
    ['a list', () => []],
  ])('with %s are corrupt', async (_, change) => {
    const stored = await text(change)
    expect(() => parseCreds(stored)).toThrow(CorruptCredentialsError)
  })

  test.each(['', '{', 'null', '{"noiseKey":', 'text'])('that read %j are corrupt', async (stored) => {
    expect(() => parseCreds(stored)).toThrow(CorruptCredentialsError)
    const { store, lease, load } = await newWorld()
    store.auth.saveCredsNow(lease, deviceId, stored, now)
    await expect(load()).rejects.toBeInstanceOf(CorruptCredentialsError)
    expect(await store.auth.creds(deviceId)).toBe(stored)
  })
})

describe('keys', () => {
  test('of every type come back as Baileys wrote them', async () => {
    const { auth, load } = await newWorld()
    const values = {
      'pre-key': { 1: { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) } },
      session: { 'a.0': Buffer.from([1, 2, 3]) },
      'sender-key': { 'g::a::0': Buffer.from('{"json":true}') },
      'sender-key-memory': { 'g@g.us': { 'a@s.whatsapp.net': true } },
      'app-state-sync-version': {
        critical_block: {
          version: 3,
          hash: Buffer.alloc(128, 5),
          indexValueMap: { 'YWJj/+==': { valueMac: Buffer.from([6]) } },
        },
      },
      'device-list': { '4915111111111': ['0', '7'] },
      tctoken: { 'a@lid': { token: Buffer.from([7]), timestamp: '1800000000' } },
      'identity-key': { 'a.0': Buffer.alloc(33, 5) },
    }
    await auth.keys.set(values)
    const { keys } = await load()
    for (const [type, rows] of Object.entries(values)) {
      expect(await keys.get(type as 'session', Object.keys(rows)), type).toEqual(rows)
    }
  })

  test('of app state come back with their bytes, which JSON would make text', async () => {
    const { auth, load } = await newWorld()
    const key = proto.Message.AppStateSyncKeyData.fromObject({
      keyData: Buffer.alloc(32, 9),
      fingerprint: { rawId: 5, currentIndex: 1, deviceIndexes: [0, 1] },
      timestamp: 1_800_000_000,
    })
    await auth.keys.set({ 'app-state-sync-key': { AAAA: key } })
    const { AAAA: read } = await (await load()).keys.get('app-state-sync-key', ['AAAA'])
    expect(Buffer.from(read?.keyData as Uint8Array)).toEqual(Buffer.alloc(32, 9))
    expect(read?.fingerprint?.deviceIndexes).toEqual([0, 1])
  })

  test('that are missing are absent, and null or undefined deletes', async () => {
    const { auth } = await newWorld()
    await auth.keys.set({ session: { 'a.0': Buffer.from([1]), 'b.0': Buffer.from([2]) } })
    await auth.keys.set({ session: { 'a.0': null, 'b.0': undefined as unknown as null } })
    expect(await auth.keys.get('session', ['a.0', 'b.0', 'c.0'])).toEqual({})
  })

  test('of one set are one transaction: all of them or none', async () => {
    const { auth, store } = await newWorld()
    let commits = 0
    const stop = store.onChange(() => {
      commits += 1
    })
    await auth.keys.set({ session: { 'a.0': Buffer.from([1]) }, 'identity-key': { 'a.0': Buffer.from([2]) } })
    stop()
    expect(commits).toBe(1)
  })

  test('that are bytes are BLOBs in the database, not JSON', async () => {
    const file = newFile()
    const store = await openStore({ file })
    const { auth } = await newWorld(store)
    await auth.signal.commit({ 'sender-key': { 'g::a::0': Uint8Array.of(1, 2) } }, null)
    await auth.keys.set({
      'sender-key': { 'g::b::0': Buffer.from([3]) },
      session: { 'a.0': Buffer.from([4]) },
    })
    const reader = new BetterSqlite(file, { readonly: true })
    const rows = reader.prepare('select typeof(bytes) as bytes, typeof(json) as json from auth_keys').all()
    reader.close()
    expect(rows).toEqual(Array.from({ length: 3 }, () => ({ bytes: 'blob', json: 'null' })))
    await store.close()
  })

  test('that name the LID of a phone number teach the addresses', async () => {
    const { auth, store } = await newWorld()
    await auth.keys.set({ 'lid-mapping': { '4915222222222': '555', '555_reverse': '4915222222222' } })
    expect(await store.addresses.complete(deviceId, { pn: null, lid: '555@lid' })).toEqual({
      pn: '4915222222222@s.whatsapp.net',
      lid: '555@lid',
    })
    expect(await auth.keys.get('lid-mapping', ['4915222222222'])).toEqual({ '4915222222222': '555' })
  })

  test('of sessions wait for the operation that has the lock, others do not', async () => {
    const { auth } = await newWorld()
    const order: string[] = []
    const { promise: work, resolve: finish } = Promise.withResolvers<undefined>()
    const held = auth.lock(async () => {
      await work
      order.push('operation')
    })
    const bytes = Buffer.from([1])
    const deleted = setKeys(auth, { session: { a: null } }).then(() => order.push('session'))
    const keyed = setKeys(auth, { 'sender-key': { g: bytes } }).then(() => order.push('sender-key'))
    const identity = setKeys(auth, { 'identity-key': { a: bytes } }).then(() => order.push('identity-key'))
    await auth.keys.set({ 'device-list': { a: ['0'] } })
    order.push('device-list')
    finish(undefined)
    await Promise.all([held, deleted, keyed, identity])
    expect(order).toEqual(['device-list', 'operation', 'session', 'sender-key', 'identity-key'])
  })
})

describe('when the lease has changed hands', () => {
  test('saveCreds throws, and the failure is told once for all writes', async () => {
    const { auth, store, failures } = await newWorld()
    auth.saveCreds()
    const saved = await store.auth.creds(deviceId)
    await claimDevice(store, deviceId)
    auth.creds.nextPreKeyId += 1
    expect(() => auth.saveCreds()).toThrow(StaleLeaseError)
    expect(() => auth.saveCreds()).toThrow(StaleLeaseError)
    await expect(auth.keys.set({ session: { a: null } })).rejects.toBeInstanceOf(StaleLeaseError)
    expect(() => auth.signal.commit({ session: { a: null } }, null)).toThrow(StaleLeaseError)
    expect(failures).toHaveLength(1)
    expect(failures[0]).toBeInstanceOf(StaleLeaseError)
    expect(await store.auth.creds(deviceId)).toBe(saved)
  })

  test('the failure is told before the write that failed rejects', async () => {
    const { store, lease } = await newWorld()
    const order: string[] = []
    const auth = await loadAuthState({
      store,
      deviceId,
      lease,
      now: () => now,
      onFailed: () => order.push('told'),
      onWrite: () => () => undefined,
    })
    await claimDevice(store, deviceId)
    await setKeys(auth, { 'device-list': { a: ['0'] } }).catch(() => order.push('rejected'))
    expect(order).toEqual(['told', 'rejected'])
  })
})

test('after one write has failed all others reject, though the store could take them', async () => {
  const { store, lease } = await newWorld()
  const failures: unknown[] = []
  const full = new Error('disk full')
  let broken = true
  const flaky: Store = {
    ...store,
    auth: {
      ...store.auth,
      commit: async (...args) => {
        if (broken) throw full
        await store.auth.commit(...args)
      },
    },
  }
  const auth = await loadAuthState({
    store: flaky,
    deviceId,
    lease,
    now: () => now,
    onFailed: (error) => failures.push(error),
    onWrite: () => () => undefined,
  })
  await expect(auth.signal.commit({ session: { 'a.0': Uint8Array.of(1) } }, null)).rejects.toBe(full)
  broken = false
  expect(() => auth.signal.commit({ session: { 'a.0': Uint8Array.of(2) } }, null)).toThrow(full)
  await expect(auth.keys.set({ session: { 'a.0': Buffer.from([3]) } })).rejects.toBe(full)
  expect(() => auth.saveCreds()).toThrow(full)
  expect(failures).toEqual([full])
  expect((await store.auth.keys(deviceId, 'session', ['a.0'])).size).toBe(0)
})

test('rows are read while they are written, and a socket hears when they are durable', async () => {
  const { store, lease } = await newWorld()
  const { promise: finished, resolve: finish } = Promise.withResolvers<undefined>()
  const slow: Store = {
    ...store,
    auth: {
      ...store.auth,
      commit: async (...args) => {
        await finished
        await store.auth.commit(...args)
      },
    },
  }
  const events: string[] = []
  const auth = await loadAuthState({
    store: slow,
    deviceId,
    lease,
    now: () => now,
    onFailed: (error) => events.push(String(error)),
    onWrite: () => {
      events.push('begun')
      return () => events.push('durable')
    },
  })
  const pair = { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) }
  await store.auth.commit(
    lease,
    deviceId,
    { 'pre-key': { 7: JSON.stringify(pair, BufferJSON.replacer) } },
    null,
    now,
  )
  expect(await auth.signal.preKey('7')).toEqual(pair)
  const hash = Buffer.from('hash')
  const journal = { hash, plaintext: Buffer.from('text'), stanzaKey: 's', stanza: '{}', part: 0, parts: 1 }
  const durable = auth.signal.commit(
    { session: { 'a.0': Buffer.from([1]) }, 'pre-key': { 7: null } },
    journal,
  )
  expect(events).toEqual(['begun'])
  expect([...(await auth.signal.bytes('session', ['a.0', 'b.0']))]).toEqual([['a.0', Buffer.from([1])]])
  expect(await auth.keys.get('session', ['a.0'])).toEqual({ 'a.0': Buffer.from([1]) })
  expect(await auth.signal.preKey('7')).toBeNull()
  expect(await auth.signal.journaled(hash)).toEqual(Buffer.from('text'))
  expect((await store.auth.keys(deviceId, 'session', ['a.0'])).size).toBe(0)
  finish(undefined)
  await durable
  expect(events).toEqual(['begun', 'durable'])
  expect([...(await store.auth.keys(deviceId, 'session', ['a.0']))]).toEqual([['a.0', Buffer.from([1])]])
  expect(await auth.signal.preKey('7')).toBeNull()
  expect(await auth.signal.journaled(hash)).toEqual(Buffer.from('text'))
})

test('after close every write rejects with the reason, nothing is written, and no failure is told', async () => {
  const { auth, store, failures } = await newWorld()
  const gone = new Error('the connection was dropped')
  auth.close(gone)
  await expect(auth.keys.set({ session: { 'a.0': Buffer.from([1]) } })).rejects.toBe(gone)
  await expect(auth.keys.set({ 'device-list': { a: ['0'] } })).rejects.toBe(gone)
  await expect(auth.keys.set({ 'lid-mapping': { '4915222222222': '555' } })).rejects.toBe(gone)
  expect(() => auth.signal.commit({ session: {} }, null)).toThrow(gone)
  expect(() => auth.saveCreds()).toThrow(gone)
  expect(await store.auth.creds(deviceId)).toBeUndefined()
  expect(await auth.keys.get('session', ['a.0'])).toEqual({})
  expect(failures).toEqual([])
})

test('a read that fails in the middle of a decryption counts as a failed store, not as a bad message', async () => {
  const { store, lease } = await newWorld()
  const failures: unknown[] = []
  const busy = new Error('the database is locked')
  const flaky: Store = {
    ...store,
    auth: {
      ...store.auth,
      keys: () => Promise.reject(busy),
      journaled: () => Promise.reject(busy),
    },
  }
  const auth = await loadAuthState({
    store: flaky,
    deviceId,
    lease,
    now: () => now,
    onFailed: (error) => failures.push(error),
    onWrite: () => () => undefined,
  })
  await expect(auth.signal.bytes('session', ['a.0'])).rejects.toBe(busy)
  await expect(auth.signal.preKey('1')).rejects.toBe(busy)
  await expect(auth.signal.journaled(Uint8Array.of(1))).rejects.toBe(busy)
  expect(failures).toEqual([busy])
})

test('a mapping whose addresses could not be written is not stored either: Baileys will tell it again', async () => {
  const { store, lease } = await newWorld()
  const failures: unknown[] = []
  const full = new Error('disk full')
  const flaky: Store = {
    ...store,
    addresses: { ...store.addresses, learn: () => Promise.reject(full) },
  }
  const auth = await loadAuthState({
    store: flaky,
    deviceId,
    lease,
    now: () => now,
    onFailed: (error) => failures.push(error),
    onWrite: () => () => undefined,
  })
  await expect(auth.keys.set({ 'lid-mapping': { '4915222222222': '555' } })).rejects.toBe(full)
  expect(failures).toEqual([full])
  expect(await auth.keys.get('lid-mapping', ['4915222222222'])).toEqual({})
})
