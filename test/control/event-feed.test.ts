import BetterSqlite from 'better-sqlite3'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createEventFeed, type EventFeed, type EventTail, tailsMax } from '../../src/control/event-feed.ts'
import { createLogFollower } from '../../src/control/log-follower.ts'
import type { LogFilter } from '../../src/control/read-log.ts'
import { CursorTooOldError } from '../../src/domain/errors.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { newFile } from '../store/files.ts'
import { happen } from './some-events.ts'

const neverMs = 30_000
let file: string
let store: Store
let feed: EventFeed
let reads: number
let latests: number

beforeEach(async () => {
  file = newFile()
  store = await openStore({ file })
  reads = 0
  latests = 0
  const counting = {
    onChange: (listener: () => void) => store.onChange(listener),
    events: {
      ...store.events,
      after: (...given: Parameters<Store['events']['after']>) => {
        reads += 1
        return store.events.after(...given)
      },
      latest: () => {
        latests += 1
        return store.events.latest()
      },
    },
  }
  const follower = createLogFollower({
    store: counting,
    pollMs: neverMs,
    onError: (error) => {
      throw error
    },
  })
  feed = createEventFeed({ store: counting, follower, clock: systemClock })
  onTestFinished(async () => {
    feed.close()
    await follower.close()
    await store.close()
  })
})

/** The seqs that a tail gives, up to the newest. */
const drain = async (tail: EventTail, seqs: number[] = []): Promise<number[]> => {
  for (let events = await tail.next(0); events?.length; events = await tail.next(0)) {
    seqs.push(...events.map(({ seq }) => seq))
  }
  return seqs
}

const allSeqs = async (filter: LogFilter = {}): Promise<number[]> =>
  (await store.events.after(0, { ...filter, limit: 100_000 })).map(({ seq }) => seq)

/** Removes the oldest events, as a sweep does. */
const forget = (floor: number): void => {
  const database = new BetterSqlite(file)
  database.transaction(() => {
    database.prepare('delete from events where seq <= ?').run(floor)
    database.prepare("insert or replace into meta (key, value) values ('events_floor', ?)").run(String(floor))
  })()
  database.close()
}

describe('a tail', () => {
  test('gives what is there, in batches, and then what comes, as it comes', async () => {
    await happen(store, 'a', 100)
    const tail = feed.open(0, {})
    expect(await tail.next(0)).toHaveLength(32)
    expect(await tail.next(0, 5)).toHaveLength(5)
    const seqs = await drain(tail)
    expect(seqs).toHaveLength(63)
    expect(await tail.next(0)).toEqual([])
    const waiting = tail.next(neverMs)
    await happen(store, 'a', 2)
    expect((await waiting)?.map(({ seq }) => seq)).toEqual([101, 102])
    expect(tail.cursor).toBe(102)
  })

  test('waits no longer than it is told to, and its cursor passes what the filter leaves out', async () => {
    await happen(store, 'a', 10)
    const tail = feed.open(0, { types: ['message.received'] })
    expect(await tail.next(0)).toEqual([])
    expect(tail.cursor).toBe(10)
    const waiting = tail.next(50)
    await happen(store, 'a', 10)
    expect(await waiting).toEqual([])
    expect(tail.cursor).toBe(20)
  })

  test.each<[string, LogFilter]>([
    ['types', { types: ['chat.deleted'] }],
    ['one device', { deviceIds: ['a'] }],
    ['devices', { deviceIds: ['a', 'c'] }],
    ['both', { types: ['chat.cleared'], deviceIds: ['b', 'c'] }],
  ])('filters by %s what was there and what comes', async (_, filter) => {
    for (const device of ['a', 'b', 'c']) await happen(store, device, 50)
    const tail = feed.open(0, filter)
    const seqs = await drain(tail)
    for (const device of ['c', 'b', 'a']) {
      const waiting = tail.next(50)
      await happen(store, device, 3)
      seqs.push(...((await waiting) ?? []).map(({ seq }) => seq))
      await drain(tail, seqs)
    }
    expect(seqs).toEqual(await allSeqs(filter))
  })

  test('ends when it is closed, when its signal is aborted, and when the process stops', async () => {
    const gone = new AbortController()
    const closed = feed.open(0, {})
    const aborted = feed.open(0, {}, gone.signal)
    const stopped = feed.open(0, {})
    const waits = [closed, aborted, stopped].map((tail) => tail.next(neverMs))
    closed.close()
    gone.abort()
    feed.close()
    expect(await Promise.all(waits)).toEqual([undefined, undefined, undefined])
    expect(await feed.open(0, {}).next(neverMs)).toBeUndefined()
    expect(await feed.open(0, {}, gone.signal).next(neverMs)).toBeUndefined()
  })

  test('says that events were removed before it has read them, and passes over none in silence', async () => {
    await happen(store, 'a', 100)
    const slow = feed.open(0, {})
    const done = feed.open(0, {})
    await slow.next(0)
    await drain(done)
    forget(40)
    await expect(slow.next(0)).rejects.toThrow(CursorTooOldError)
    await expect(slow.next(0)).rejects.toMatchObject({ oldest: 41 })
    // What is gone was read by this one.
    const waiting = done.next(neverMs)
    await happen(store, 'a', 1)
    expect((await waiting)?.map(({ seq }) => seq)).toEqual([101])
  })
})

describe('many tails', () => {
  test('share one look at the log a change', async () => {
    await happen(store, 'a', 10)
    const tails = Array.from({ length: 500 }, () => feed.open(10, {}))
    const next = (): Promise<unknown>[] => tails.map((tail) => tail.next(neverMs))
    let waits = next()
    await expect.poll(() => latests).toBeGreaterThan(0)
    await happen(store, 'a', 1)
    await Promise.all(waits)
    const before = reads
    for (let n = 0; n < 5; n++) {
      waits = next()
      await happen(store, 'a', 1)
      await Promise.all(waits)
    }
    // Each change is a look; another one may find nothing more.
    expect(reads - before).toBeLessThanOrEqual(10)
  })

  test('are so many at most, and make room when they are closed', () => {
    const tails = Array.from({ length: tailsMax }, () => feed.open(0, {}))
    expect(() => feed.open(0, {})).toThrow(/1000 readers wait/)
    tails[7]?.close()
    tails[7]?.close()
    feed.open(0, {})
    expect(() => feed.open(0, {})).toThrow(/1000 readers wait/)
  })

  test('each see every event once, though they come and go at random while it happens', async () => {
    const filters: LogFilter[] = [
      {},
      { types: ['chat.deleted'] },
      { deviceIds: ['b'] },
      { deviceIds: ['a', 'b'] },
    ]
    const client = async (seed: number, isOver: () => Promise<boolean>): Promise<void> => {
      const filter = filters[seed % filters.length] ?? {}
      const seqs: number[] = []
      let cursor = 0
      let turn = seed
      while (!((await isOver()) && cursor >= (await store.events.latest()))) {
        turn = (turn * 48_271) % 2_147_483_647
        const tail = feed.open(cursor, filter)
        for (let n = turn % 4; n >= 0; n--) {
          const events = (await tail.next(turn % 20, 1 + (turn % 40))) ?? []
          seqs.push(...events.map(({ seq }) => seq))
        }
        cursor = tail.cursor
        tail.close()
      }
      expect(seqs).toEqual(await allSeqs(filter))
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 120 })), {
          maxLength: 12,
        }),
        fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 8 }),
        async (bursts, seeds) => {
          let over = false
          const clients = seeds.map((seed) => client(seed, async () => over))
          for (const [device, count] of bursts) await happen(store, device, count)
          over = true
          await Promise.all(clients)
        },
      ),
      { numRuns: 15 },
    )
  })
})
