import { describe, expect, onTestFinished, test } from 'vitest'
import { startDevice } from '../../src/control/start-device.ts'
import { createLogFollower } from '../../src/control/log-follower.ts'
import { createWatcher, type Watcher } from '../../src/control/watch.ts'
import { createWorld, type World } from './world.ts'

const neverMs = 30_000

interface Counted {
  readonly watcher: Watcher
  readonly errors: unknown[]
  queries: number
  fail: boolean
}

/** A watcher on the world's store that counts what it asks; `hints: false` loses every wake-up. */
const countedWatcher = (
  { store, clock }: World,
  { pollMs, lingerMs = 20, hints = true }: { pollMs: number; lingerMs?: number; hints?: boolean },
): Counted => {
  const errors: unknown[] = []
  const follower = createLogFollower({
    pollMs,
    lingerMs,
    onError: (error) => errors.push(error),
    store: {
      events: {
        latest: () => store.events.latest(),
        after: async (...given) => {
          counted.queries++
          if (counted.fail) throw new Error('the store has a bad moment')
          return await store.events.after(...given)
        },
      },
      onChange: (listener) => (hints ? store.onChange(listener) : () => undefined),
    },
  })
  const watcher = createWatcher({ follower, clock, sweepMs: pollMs })
  const counted: Counted = { queries: 0, fail: false, errors, watcher }
  onTestFinished(() => follower.close())
  return counted
}

/** Resolves when `read` has been called `times` times. */
const reader = (world: World, id: string) => {
  let calls = 0
  let target = Number.POSITIVE_INFINITY
  const reached = Promise.withResolvers<void>()
  return {
    calls: () => calls,
    after: (times: number): Promise<void> => {
      target = times
      if (calls >= target) reached.resolve()
      return reached.promise
    },
    read: async (): Promise<string | undefined> => {
      calls++
      if (calls >= target) reached.resolve()
      const device = (await world.store.devices.get(id))?.device
      return device?.status === 'connected' ? device.id : undefined
    },
  }
}

describe('a watcher', () => {
  test('gives at once what is there already', async () => {
    const { watcher } = countedWatcher(await createWorld(), { pollMs: neverMs })
    expect(await watcher.until('device/a', async () => 'there', neverMs)).toBe('there')
  })

  test('wakes a wait when an event names its row', async () => {
    const world = await createWorld()
    const { watcher } = countedWatcher(world, { pollMs: neverMs })
    await startDevice(world.ctx, { id: 'a' })
    const row = reader(world, 'a')
    const waiting = watcher.until('device/a', row.read, neverMs)
    await row.after(2)
    await world.connector.link('a')
    expect(await waiting).toBe('a')
  })

  test('finds a change of which every hint was lost, by polling', async () => {
    const world = await createWorld()
    const { watcher } = countedWatcher(world, { pollMs: 5, hints: false })
    await startDevice(world.ctx, { id: 'a' })
    const row = reader(world, 'a')
    const waiting = watcher.until('device/a', row.read, neverMs)
    await row.after(2)
    await world.connector.link('a')
    expect(await waiting).toBe('a')
  })

  test("finds a change of a device's row that is no event", async () => {
    const world = await createWorld()
    const { watcher } = countedWatcher(world, { pollMs: 5 })
    await startDevice(world.ctx, { id: 'a' })
    const waiting = watcher.until(
      'device/a',
      async () => (await world.store.devices.get('a'))?.device.removedAt ?? undefined,
      neverMs,
    )
    await world.connector.see('a', { removedAt: 7 })
    expect(await waiting).toBe(7)
  })

  test('finds an attempt to deliver, which is no event either', async () => {
    const world = await createWorld()
    const { watcher } = countedWatcher(world, { pollMs: 5 })
    let reads = 0
    // Two come without a look of its own: at once, and when it has found its place in the log.
    const read = async () => (++reads > 3 ? reads : undefined)
    expect(await watcher.until('delivery/a', read, neverMs)).toBe(4)
  })

  test('asks once a change for a thousand waits, and reads only the row that changed', async () => {
    const world = await createWorld()
    const counted = countedWatcher(world, { pollMs: neverMs })
    const ids = Array.from({ length: 1000 }, (_, n) => `d${n}`)
    await Promise.all(ids.map((id) => startDevice(world.ctx, { id })))
    const rows = ids.map((id) => reader(world, id))
    const waits = rows.map((row, n) => counted.watcher.until(`device/d${n}`, row.read, neverMs))
    // The second read comes when the watcher has found its place in the event log.
    await Promise.all(rows.map((row) => row.after(2)))
    const before = counted.queries
    await world.connector.link('d7')
    expect(await waits[7]).toBe('d7')
    // Taking the device's lease and linking it: two changes.
    expect(counted.queries - before).toBeLessThanOrEqual(3)
    expect(rows.filter((row) => row.calls() > 2)).toHaveLength(1)
    counted.watcher.close()
    expect(new Set((await Promise.all(waits)).filter((found) => found !== 'd7'))).toEqual(
      new Set([undefined]),
    )
  })

  test('gives up when the time is over, after a last look', async () => {
    const world = await createWorld()
    const { watcher } = countedWatcher(world, { pollMs: neverMs })
    let looks = 0
    const found = await watcher.until(
      'device/a',
      async () => {
        looks++
        return undefined
      },
      1,
    )
    expect(found).toBeUndefined()
    expect(looks).toBeGreaterThanOrEqual(2)
  })

  test('rejects with what the read rejects with, and goes on for the others', async () => {
    const world = await createWorld()
    const { watcher } = countedWatcher(world, { pollMs: 5 })
    await expect(watcher.until('device/a', () => Promise.reject(new Error('no')), neverMs)).rejects.toThrow(
      'no',
    )
    expect(await watcher.until('device/a', async () => 1, neverMs)).toBe(1)
  })

  test('survives a store that fails for a while', async () => {
    const world = await createWorld()
    const counted = countedWatcher(world, { pollMs: 5 })
    await startDevice(world.ctx, { id: 'a' })
    const row = reader(world, 'a')
    const waiting = counted.watcher.until('device/a', row.read, neverMs)
    await row.after(2)
    counted.fail = true
    await world.connector.link('a')
    await expect.poll(() => counted.errors.length, { interval: 1 }).toBeGreaterThan(0)
    counted.fail = false
    expect(await waiting).toBe('a')
  })

  test('ends all waits when it is closed, and refuses to wait after that', async () => {
    const { watcher } = countedWatcher(await createWorld(), { pollMs: neverMs })
    const waiting = watcher.until('message/m', async () => undefined, neverMs)
    watcher.close()
    expect(await waiting).toBeUndefined()
    expect(await watcher.until('message/m', async () => undefined, neverMs)).toBeUndefined()
  })

  test('asks nothing while nobody waits', async () => {
    const world = await createWorld()
    const counted = countedWatcher(world, { pollMs: 1 })
    await counted.watcher.until('device/a', async () => 1, neverMs)
    // It goes on for a moment, for whoever waits next.
    await expect
      .poll(async () => {
        const before = counted.queries
        for (const id of ['a', 'b', 'c']) await startDevice(world.ctx, { id })
        return counted.queries - before
      })
      .toBe(0)
    const before = counted.queries
    for (const id of ['d', 'e', 'f']) await startDevice(world.ctx, { id })
    expect(counted.queries).toBe(before)
  })

  test('begins once for waits that follow each other', async () => {
    const world = await createWorld()
    let begun = 0
    const { events } = world.store
    const latest = events.latest.bind(events)
    events.latest = () => {
      begun += 1
      return latest()
    }
    const { watcher } = countedWatcher(world, { pollMs: neverMs, lingerMs: neverMs })
    for (const id of ['a', 'b', 'c']) await watcher.until(`device/${id}`, async () => id, neverMs)
    await startDevice(world.ctx, { id: 'd' })
    const row = reader(world, 'd')
    const waiting = watcher.until('device/d', row.read, neverMs)
    await row.after(1)
    await world.connector.link('d')
    expect(await waiting).toBe('d')
    expect(begun).toBe(1)
  })
})
