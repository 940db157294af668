import type { CacheStore, PossiblyExtendedCacheStore } from '@whiskeysockets/baileys'
import type { AuthState } from './auth-state.ts'

/** A cache that lives as long as the device runs, across sockets; the oldest entry makes room. */
export const createCounterCache = (entriesMax: number): CacheStore => {
  const entries = new Map<string, unknown>()
  const cache = {
    get: (key: string) => entries.get(key),
    set: (key: string, value: unknown) => {
      entries.delete(key)
      entries.set(key, value)
      const [oldest] = entries.keys()
      if (entries.size > entriesMax && oldest !== undefined) entries.delete(oldest)
    },
    del: (key: string) => {
      entries.delete(key)
    },
    flushAll: () => entries.clear(),
  }
  return cache as CacheStore
}

/** A contact's device list is asked for again after this time, unless WhatsApp announces a change before. */
const deviceListTtlMs = 24 * 60 * 60 * 1000

const deviceListType = 'device-list-cache'

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
  const isFresh = ({ at }: Entry): boolean => at <= now() && now() - at < deviceListTtlMs
  const read = async (ids: string[]): Promise<Record<string, unknown>> => {
    const found = await rows.get(deviceListType, ids)
    return Object.fromEntries(
      Object.entries(found).flatMap(([id, entry]) =>
        entry !== undefined && isFresh(entry) ? [[id, entry.devices]] : [],
      ),
    )
  }
  const write = (entries: readonly { key: string; value: unknown }[]): Promise<void> =>
    rows.set({
      [deviceListType]: Object.fromEntries(
        entries.map(({ key, value }) => [key, { at: now(), devices: value }]),
      ),
    })
  const cache = {
    get: async (id: string) => (await read([id]))[id],
    mget: read,
    set: (key: string, value: unknown) => write([{ key, value }]),
    mset: write,
    del: (key: string) => rows.set({ [deviceListType]: { [key]: null } }),
    flushAll: () => undefined,
  }
  return cache as PossiblyExtendedCacheStore
}
