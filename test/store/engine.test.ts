import BetterSqlite, { type Database } from 'better-sqlite3'
import { afterEach, describe, expect, it } from 'vitest'
import { start } from '../../src/domain/device.ts'
import { GatewayError } from '../../src/domain/errors.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { unaudited, unchanged } from '../../src/store/sqlite/accounted.ts'
import { createEngine, engineLimits } from '../../src/store/sqlite/engine.ts'
import { openStore, type OpenOptions } from '../../src/store/sqlite/open.ts'
import { StoreError, type Store } from '../../src/store/store.ts'
import {
  admitAll,
  deviceId,
  enqueue,
  leaseTtlMs,
  nobody,
  origin,
  outgoing,
  t0,
} from './conformance/fixtures.ts'
import { newFile } from './files.ts'

const opened: { close(): unknown }[] = []

const open = async (options: Partial<OpenOptions> = {}): Promise<{ store: Store; file: string }> => {
  const file = options.file ?? newFile()
  const store = await openStore({ ...options, file })
  opened.push(store)
  return { store, file }
}

/** Takes the write lock of the database as another process would. */
const lock = (file: string): Database => {
  const client = new BetterSqlite(file)
  opened.push(client)
  client.exec('begin immediate')
  return client
}

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close()
})

const listed = async (store: Store): Promise<string[]> =>
  (await store.messages.list({ deviceId }, { limit: 1_000 })).items.map(({ id }) => id)

describe('group commit', () => {
  it('a verb that fails does not take its neighbours with it', async () => {
    const { store } = await open()
    const results = await Promise.allSettled([
      enqueue(store, 'M1'),
      store.outbox.claim(nobody, { deviceId, limit: 1 }, origin, t0),
      store.outbox.enqueue(
        { message: outgoing('M2') },
        () => {
          throw new GatewayError('device_not_found', 'no')
        },
        origin,
        t0,
      ),
      enqueue(store, 'M1'),
      enqueue(store, 'M3'),
    ])
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ])
    expect(await listed(store)).toEqual(['M3', 'M1'])
    expect((await store.events.after(0, { limit: 10 })).length).toBe(2)
    expect((await store.audit.after(0, 10)).length).toBe(2)
  })

  it('what a verb had written before it failed is undone alone', async () => {
    const { store } = await open()
    const half = store.devices.decide('half', (before) => {
      const change = start(before, 'half', origin, t0)
      return { ...change, audit: { ...change.audit, after: { notJson: 1n } } }
    })
    const results = await Promise.allSettled([enqueue(store, 'M1'), half, enqueue(store, 'M2')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await store.devices.get('half')).toBeUndefined()
    expect((await store.devices.history('half', { limit: 1 })).items).toEqual([])
    expect((await store.events.after(0, { limit: 9 })).map(({ type }) => type)).toEqual([
      'message.queued',
      'message.queued',
    ])
    expect(await listed(store)).toEqual(['M2', 'M1'])
  })

  it('only a verb that failed with half of its writes done makes those before it run twice, and they happen once', async () => {
    const { store } = await open()
    const runs = new Map<string, number>()
    const counted = (id: string): Promise<unknown> =>
      store.outbox.enqueue(
        { message: outgoing(id) },
        () => {
          runs.set(id, (runs.get(id) ?? 0) + 1)
          return admitAll()
        },
        origin,
        t0,
      )
    const failing = (how: 'before' | 'after'): Promise<unknown> =>
      store.devices.decide('half', (before) => {
        if (how === 'before') throw new GatewayError('device_not_found', 'no')
        const change = start(before, 'half', origin, t0)
        return { ...change, audit: { ...change.audit, after: { notJson: 1n } } }
      })
    await Promise.allSettled([counted('M1'), failing('before'), counted('M2')])
    await Promise.allSettled([counted('M3'), failing('after'), counted('M4'), failing('after')])
    await Promise.allSettled([failing('after')])
    expect(Object.fromEntries(runs)).toEqual({ M1: 1, M2: 1, M3: 2, M4: 1 })
    expect(await listed(store)).toEqual(['M4', 'M3', 'M2', 'M1'])
    expect(await store.devices.get('half')).toBeUndefined()
    expect((await store.events.after(0, { limit: 10 })).length).toBe(4)
    expect((await store.audit.after(0, 10)).length).toBe(4)
  })

  it('verbs that come together share one commit', async () => {
    const { store, file } = await open()
    const watcher = new BetterSqlite(file)
    opened.push(watcher)
    const seen = new Set([watcher.pragma('data_version', { simple: true })])
    const all = Array.from({ length: 50 }, async (_, at) => {
      await enqueue(store, `M${at}`)
      seen.add(watcher.pragma('data_version', { simple: true }))
    })
    await Promise.all(all)
    expect(seen.size).toBe(2)
  })

  it('a defect in a row is an error of that verb', async () => {
    const { store } = await open()
    await expect(enqueue(store, 'M1', { chat: { pn: null, lid: null } })).rejects.toMatchObject({
      kind: 'failed',
    })
    expect(await listed(store)).toEqual([])
  })
})

describe('a COMMIT that fails', () => {
  it('rejects all verbs of the batch, and none of them has happened', async () => {
    const client = new BetterSqlite(':memory:')
    client.exec(`
      create table a (id integer primary key);
      create table b (a integer references a deferrable initially deferred)`)
    let commits = 0
    const engine = createEngine(client, {
      clock: systemClock,
      limits: engineLimits,
      onCommit: () => {
        commits += 1
      },
    })
    const run = (source: string) => unaudited('gateway', client.exec(source))
    const insert = (table: string) => engine.write(() => run(`insert into ${table} values (1)`))
    const results = await Promise.allSettled([insert('a'), insert('b'), insert('b')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    await engine.write(() => run('delete from b; delete from a'))
    const failing = await Promise.allSettled([insert('b'), insert('b')])
    for (const result of failing) expect(result).toMatchObject({ reason: { kind: 'failed' } })
    expect(client.prepare('select count(*) from b').pluck().get()).toBe(0)
    expect(commits).toBe(2)
    expect(() => engine.writeNow(() => run('insert into b values (1)'))).toThrow(StoreError)
    await insert('a')
    expect(client.prepare('select count(*) from a').pluck().get()).toBe(1)
    await engine.close()
  })
})

describe('a lock that another process holds', () => {
  it('verbs wait for it, and the event loop goes on', async () => {
    const { store, file } = await open()
    const other = lock(file)
    let ticks = 0
    const timer = setInterval(() => {
      ticks += 1
    }, 5)
    let done = false
    const write = enqueue(store, 'M1').finally(() => {
      done = true
    })
    await expect.poll(() => ticks, { interval: 10, timeout: 4_000 }).toBeGreaterThan(20)
    expect(done).toBe(false)
    expect(await listed(store)).toEqual([])
    other.exec('commit')
    await write
    clearInterval(timer)
    expect(await listed(store)).toEqual(['M1'])
  })

  it('a verb that has waited too long is refused as busy, and the next one works', async () => {
    const { store, file } = await open({ limits: { busyRetryMaxMs: 50 } })
    const other = lock(file)
    await expect(enqueue(store, 'M1')).rejects.toMatchObject({ kind: 'busy' })
    other.exec('rollback')
    await enqueue(store, 'M2')
    expect(await listed(store)).toEqual(['M2'])
  })

  it('saving creds waits for a bounded time', async () => {
    const { store, file } = await open({ limits: { busySyncMaxMs: 50 } })
    const lease = await store.leases.claim('device/a', 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('the lease was refused')
    const other = lock(file)
    const since = performance.now()
    expect(() => store.auth.saveCredsNow(lease, 'a', '{}', t0)).toThrow(
      expect.objectContaining({ kind: 'busy' }),
    )
    expect(performance.now() - since).toBeGreaterThanOrEqual(45)
    other.exec('rollback')
    store.auth.saveCredsNow(lease, 'a', '{}', t0)
    expect(await store.auth.creds('a')).toBe('{}')
  })

  it('only so many writes may wait', async () => {
    const { store, file } = await open({ limits: { waitingWritesMax: 3 } })
    const other = lock(file)
    const waiting = ['M1', 'M2', 'M3'].map((id) => enqueue(store, id))
    await expect(enqueue(store, 'M4')).rejects.toMatchObject({ kind: 'busy' })
    other.exec('rollback')
    await Promise.all(waiting)
    expect(await listed(store)).toEqual(['M3', 'M2', 'M1'])
  })

  it('closing lets the writes that wait finish', async () => {
    const { store, file } = await open()
    const other = lock(file)
    const write = enqueue(store, 'M1')
    const closing = store.close()
    other.exec('rollback')
    await Promise.all([write, closing])
    const { store: again } = await open({ file })
    expect(await listed(again)).toEqual(['M1'])
  })
})

describe('a turn at the lock', () => {
  const inMemory = (turns: { onBusy?: () => void; onYield?: () => void }) => {
    const client = new BetterSqlite(':memory:')
    client.exec('create table a (id integer primary key)')
    const engine = createEngine(client, {
      clock: systemClock,
      limits: engineLimits,
      onCommit: () => undefined,
      ...turns,
    })
    opened.push(engine)
    const insert = () => engine.write(() => unaudited('gateway', client.exec('insert into a default values')))
    return { engine, insert }
  }

  it('is left to a process that asks for it, once, before the next transaction', async () => {
    const steps: string[] = []
    const { engine, insert } = inMemory({ onYield: () => void steps.push('yielded') })
    engine.yieldTurn()
    await insert().then(() => steps.push('written'))
    expect(steps).toEqual(['written'])
    const second = insert().then(() => steps.push('written'))
    engine.yieldTurn()
    await second
    await insert().then(() => steps.push('written'))
    expect(steps).toEqual(['written', 'yielded', 'written', 'written'])
  })

  it('is asked for when another process has the lock, and taken as soon as it is told to be free', async () => {
    const file = newFile()
    await open({ file })
    const client = new BetterSqlite(file, { timeout: 0 })
    let asked = 0
    const engine = createEngine(client, {
      clock: systemClock,
      limits: engineLimits,
      onCommit: () => undefined,
      onBusy: () => {
        asked += 1
      },
    })
    opened.push(engine)
    const other = lock(file)
    const write = engine.write(() => unchanged('written'))
    await expect.poll(() => asked, { interval: 1 }).toBeGreaterThan(0)
    other.exec('rollback')
    engine.tryNow()
    expect(await write).toBe('written')
    const before = asked
    lock(file)
    const blocked = createEngine(new BetterSqlite(file, { timeout: 0 }), {
      clock: systemClock,
      limits: { ...engineLimits, busySyncMaxMs: 20 },
      onCommit: () => undefined,
      onBusy: () => {
        asked += 1
      },
    })
    opened.push(blocked)
    expect(() => blocked.writeNow(() => unchanged(undefined))).toThrow(StoreError)
    expect(asked).toBeGreaterThan(before)
  })
})

describe('a disk with less room than its reserve', () => {
  const reserveBytes = Number.MAX_SAFE_INTEGER

  it('takes no new message, answers repeats, and goes on with those that it has', async () => {
    const file = newFile()
    const { store: roomy } = await open({ file })
    const idempotency = { key: 'k', requestHash: 'h' }
    const send = (store: Store, id: string) =>
      store.outbox.enqueue({ message: outgoing(id), idempotency }, admitAll, origin, t0)
    await roomy.devices.decide(deviceId, (before) => start(before, deviceId, origin, t0))
    await send(roomy, 'M1')
    const { store } = await open({ file, reserveBytes })
    expect(await send(store, 'M2')).toMatchObject({ kind: 'repeated', message: { id: 'M1' } })
    await expect(enqueue(store, 'M3')).rejects.toMatchObject({
      kind: 'full',
      message: expect.stringMatching(
        /^the disk of the data folder has \d+ MiB left, and the last \d+ are kept$/,
      ),
    })
    await expect(store.probe(t0)).rejects.toMatchObject({ kind: 'full' })

    const lease = await store.leases.claim(`device/${deviceId}`, 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('the lease was refused')
    expect(await store.outbox.claim(lease, { deviceId, limit: 9 }, origin, t0)).toHaveLength(1)
    await store.outbox.record(lease, 'M1', { state: 'sent', at: t0 }, origin, t0)
    expect(await store.messages.get('M1')).toMatchObject({ status: 'sent' })
    expect(await listed(store)).toEqual(['M1'])
  })

  it('is no concern where there is enough', async () => {
    const { store } = await open({ reserveBytes: 1 })
    await enqueue(store, 'M1')
    await store.probe(t0)
  })
})

describe('a full disk', () => {
  const maxBytes = 700 * 1024

  it('writes fail as full, what was accepted is there, what was refused is not, and reads go on', async () => {
    const { store } = await open({ maxBytes })
    const accepted: string[] = []
    const refused: unknown[] = []
    for (let at = 0; at < 100 && refused.length === 0; at++) {
      const ids = Array.from({ length: 10 }, (_, n) => `M${at}-${n}`)
      const big = { content: Buffer.alloc(3_000) }
      const results = await Promise.allSettled(ids.map((id) => enqueue(store, id, big)))
      for (const [n, result] of results.entries()) {
        if (result.status === 'fulfilled') accepted.push(ids[n] ?? '')
        else refused.push(result.reason)
      }
    }
    expect(accepted.length).toBeGreaterThan(0)
    expect(refused.length).toBeGreaterThan(0)
    for (const reason of refused) expect(reason).toMatchObject({ name: 'StoreError', kind: 'full' })
    expect((await listed(store)).toSorted()).toEqual(accepted.toSorted())
    await expect(enqueue(store, 'big', { content: Buffer.alloc(99_000) })).rejects.toMatchObject({
      kind: 'full',
    })
  })

  it('writes go on once there is room again', async () => {
    const { store, file } = await open({ maxBytes })
    await expect(enqueue(store, 'M1', { content: Buffer.alloc(maxBytes) })).rejects.toMatchObject({
      kind: 'full',
    })
    await store.close()
    const { store: roomy } = await open({ file })
    await enqueue(roomy, 'M1', { content: Buffer.alloc(maxBytes) })
    expect(await listed(roomy)).toEqual(['M1'])
  })
})
