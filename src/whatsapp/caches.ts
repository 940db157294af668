import type { CacheStore, PossiblyExtendedCacheStore } from '@whiskeysockets/baileys'
import type { AuthState } from './auth-state.ts'

interface BoundedMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  clear(): void
}

/** A map in which the entry that was written longest ago makes room. */
export const boundedMap = <V>(entriesMax: number): BoundedMap<V> => {
  const entries = new Map<string, V>()
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      const [oldest] = entries.keys()
      if (entries.size > entriesMax && oldest !== undefined) entries.delete(oldest)
    },
    delete: (key) => {
      entries.delete(key)
    },
    clear: () => entries.clear(),
  }
}

/** A cache that lives as long as the device runs, across sockets. */
export const createCounterCache = (entriesMax: number): CacheStore => {
  const entries = boundedMap<unknown>(entriesMax)
  const cache = {
    get: (key: string) => entries.get(key),
    set: (key: string, value: unknown) => entries.set(key, value),
    del: (key: string) => entries.delete(key),
    flushAll: () => entries.clear(),
  }
  return cache as CacheStore
}

/** A contact's device list is asked for again after this time, unless WhatsApp announces a change before. */
const deviceListTtlMs = 24 * 60 * 60 * 1000

const deviceListType = 'device-list-cache'
/** Device lists that are held in memory: a message to a group looks at that of every member. */
const deviceListsInMemoryMax = 5_000

/**
 * Baileys' `userDevicesCache`, kept in the store: with a cold one Baileys throws away the Signal sessions with
 * everybody it writes to (messages-send.ts `getUSyncDevices` -> `assertSessions(lids, true)`).
 */
export const createDeviceListCache = (
  keys: AuthState['keys'],
  now: () => number,
): PossiblyExtendedCacheStore => {
  interface Entry {
    readonly at: number
    readonly devices: unknown
  }
  // Baileys' types name only the key types that it uses itself; the store takes any.
  const rows = keys as unknown as {
    get(type: string, ids: string[]): Promise<Record<string, Entry | undefined>>
    set(data: Record<string, Record<string, Entry | null>>): Promise<void>
  }
  const inMemory = boundedMap<Entry>(deviceListsInMemoryMax)
  /** Counts the writes: what was read before one may not be held after it. */
  let writes = 0
  const isFresh = ({ at }: Entry): boolean => at <= now() && now() - at < deviceListTtlMs
  const read = async (ids: string[]): Promise<Record<string, unknown>> => {
    const before = writes
    const unknown = ids.filter((id) => inMemory.get(id) === undefined)
    const stored = unknown.length === 0 ? {} : await rows.get(deviceListType, unknown)
    const found: Record<string, unknown> = {}
    for (const id of ids) {
      const entry = inMemory.get(id) ?? stored[id]
      if (entry === undefined || !isFresh(entry)) continue
      if (before === writes) inMemory.set(id, entry)
      found[id] = entry.devices
    }
    return found
  }
  const write = async (values: readonly { key: string; value: unknown }[]): Promise<void> => {
    const entries = values.map(({ key, value }) => [key, { at: now(), devices: value }] as const)
    writes += 1
    const own = writes
    await rows.set({ [deviceListType]: Object.fromEntries(entries) })
    for (const [key, entry] of entries) {
      if (own === writes) inMemory.set(key, entry)
      else inMemory.delete(key)
    }
  }
  const cache = {
    get: async (id: string) => (await read([id]))[id],
    mget: read,
    set: (key: string, value: unknown) => write([{ key, value }]),
    mset: write,
    del: async (key: string) => {
      writes += 1
      inMemory.delete(key)
      await rows.set({ [deviceListType]: { [key]: null } })
      // Read while it was being deleted.
      inMemory.delete(key)
    },
    flushAll: () => undefined,
  }
  return cache as PossiblyExtendedCacheStore
}
