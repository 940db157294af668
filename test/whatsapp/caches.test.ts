import { afterAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { loadAuthState } from '../../src/whatsapp/auth-state.ts'
import { createCounterCache, createDeviceListCache } from '../../src/whatsapp/caches.ts'
import { claimDevice, closeStores, memoryStore, now } from './signal/parties.ts'

afterAll(closeStores)

const hourMs = 60 * 60 * 1000
const list = [
  { user: '4915111111111', device: 0 },
  { user: '4915111111111', device: 7 },
]

const cacheOn = async (store: Store, clock: { now: number }) => {
  const lease = await claimDevice(store, 'phone-1')
  const auth = await loadAuthState({
    store,
    deviceId: 'phone-1',
    lease,
    now: () => clock.now,
    onFailed: () => undefined,
    onWrite: () => () => undefined,
  })
  return createDeviceListCache(auth.keys, () => clock.now)
}

describe('the cache of device lists', () => {
  test('gives back what was set, one by one and many at once', async () => {
    const cache = await cacheOn(await memoryStore(), { now })
    await cache.set('a', list)
    await cache.mset?.([
      { key: 'b', value: list },
      { key: 'c', value: [] },
    ])
    expect(await cache.get('a')).toEqual(list)
    expect(await cache.mget?.(['a', 'b', 'c', 'd'])).toEqual({ a: list, b: list, c: [] })
    expect(await cache.get('d')).toBeUndefined()
  })

  test('outlives a restart', async () => {
    const store = await memoryStore()
    await (await cacheOn(store, { now })).set('a', list)
    expect(await (await cacheOn(store, { now: now + 23 * hourMs })).get('a')).toEqual(list)
  })

  test('forgets a list after a day, and one that is deleted at once', async () => {
    const clock = { now }
    const cache = await cacheOn(await memoryStore(), clock)
    await cache.set('a', list)
    await cache.set('b', list)
    await cache.del('b')
    expect(await cache.get('b')).toBeUndefined()
    clock.now = now + 24 * hourMs - 1
    expect(await cache.get('a')).toEqual(list)
    clock.now = now + 24 * hourMs
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.mget?.(['a'])).toEqual({})
  })

  test('does not take a list from the future for fresh for ever: a clock that was put back', async () => {
    const clock = { now: now + 1_000 * hourMs }
    const cache = await cacheOn(await memoryStore(), clock)
    await cache.set('a', list)
    clock.now = now
    expect(await cache.get('a')).toBeUndefined()
  })
})

describe('the cache of retry counters', () => {
  test('gives back what was set, and forgets what is deleted', async () => {
    const cache = createCounterCache(10)
    await cache.set('a', 1)
    await cache.set('a', 2)
    expect(cache.get('a')).toBe(2)
    await cache.del('a')
    expect(cache.get('a')).toBeUndefined()
    await cache.set('b', 3)
    await cache.flushAll()
    expect(cache.get('b')).toBeUndefined()
  })

  test('holds so many entries, and the one that was set longest ago makes room', async () => {
    const cache = createCounterCache(3)
    for (const key of ['a', 'b', 'c', 'a', 'd']) await cache.set(key, key)
    expect(['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'c', 'd'])
  })
})
