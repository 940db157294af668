import { describe, expect, it, onTestFinished } from 'vitest'
import { startLeaseKeeper } from '../../src/lease/lease-keeper.ts'
import type { Lease } from '../../src/domain/lease.ts'
import type { Store } from '../../src/store/store.ts'
import { keepLog, openMemory, refusal, refuse, TestClock, until, wrap } from '../connector/world.ts'

const hourMs = 60 * 60 * 1000
/** Short, since the checks of a keeper are parts of it; its clock is the test's. */
const ttlMs = 100
const holdMs = 0.8 * ttlMs
const renewMs = ttlMs / 5
const checkMs = ttlMs / 20
const name = 'device/phone-1'

const createWorld = async () => {
  const store = await openMemory()
  const clock = new TestClock()
  const dead = new Set<string>()
  const start = (owner: string) => {
    const { log, lines } = keepLog()
    const lost: Lease[] = []
    const keeper = startLeaseKeeper({
      leases: store.leases,
      owner,
      clock,
      log,
      ttlMs,
      isDead: (other) => Promise.resolve(dead.has(other)),
      onLost: (lease) => lost.push(lease),
    })
    onTestFinished(() => keeper.stop())
    const take = async (what = name): Promise<Lease> => {
      const lease = await keeper.acquire(what)
      if (lease === undefined) throw new Error('it was not to be had')
      return lease
    }
    return { keeper, lost, lines, take }
  }
  return { store, clock, dead, start }
}

/** Counts the checks: each looks at the monotonic clock. */
const checks = async (clock: TestClock, count = 3): Promise<void> => {
  let left = count
  const { monotonic } = clock
  clock.monotonic = () => {
    left -= 1
    return monotonic()
  }
  await until(() => left <= 0)
  clock.monotonic = monotonic
}

const renewals = (store: Store): (() => number) => {
  let count = 0
  wrap(store.leases, 'renew', (real) => async (...given) => {
    const kept = await real(...given)
    count += 1
    return kept
  })
  return () => count
}

describe('a lease keeper', () => {
  it('renews what it holds, for as long as it may', async () => {
    const { store, clock, start } = await createWorld()
    const { keeper, take, lost } = start('c1')
    const lease = await take()
    const count = renewals(store)
    for (let at = 0; at < 12; at++) {
      const before = count()
      clock.pass(renewMs + 1)
      await until(() => count() > before)
      await checks(clock)
      expect(keeper.isHeld(lease)).toBe(true)
    }
    expect(lost).toEqual([])
    expect((await store.leases.get(name))?.epoch).toBe(1)
  })

  it('keeps what it holds through a stall of half a term that begins when a renewal was overdue', async () => {
    const { store, clock, start } = await createWorld()
    const { keeper, take, lost } = start('c1')
    const lease = await take()
    const count = renewals(store)
    clock.pass(renewMs)
    await until(() => count() > 0)
    await checks(clock)
    const before = count()
    clock.pass(renewMs + checkMs - 1 + ttlMs / 2)
    expect(keeper.isHeld(lease)).toBe(true)
    await until(() => count() > before)
    await checks(clock)
    expect(lost).toEqual([])
  })

  it('loses one whose renewal is refused, and only that', async () => {
    const { store, clock, start } = await createWorld()
    const { keeper, take, lost } = start('c1')
    const lease = await take()
    const other = await take('device/other')
    await store.leases.claim(name, 'c2', ttlMs, clock.monotonic(), 'c1')
    clock.pass(renewMs + 1)
    await until(() => lost.length > 0)
    expect(lost).toEqual([lease])
    expect(keeper.isHeld(lease)).toBe(false)
    expect(keeper.isHeld(other)).toBe(true)
  })

  it('survives a renewal that fails, and tries it again soon', async () => {
    const { store, clock, start } = await createWorld()
    const { take, lost, lines } = start('c1')
    await take()
    const count = renewals(store)
    refuse(store.leases, 'renew', refusal('busy'), 3)
    clock.pass(renewMs + 1)
    await until(() => count() === 1)
    expect(lines.filter((line) => line === 'error leases were not renewed').length).toBe(3)
    expect(lost).toEqual([])
  })

  it('loses one whose renewals fail until its time is up', async () => {
    const { store, clock, start } = await createWorld()
    const { keeper, take, lost } = start('c1')
    const lease = await take()
    refuse(store.leases, 'renew', refusal('busy'), Number.POSITIVE_INFINITY)
    clock.pass(holdMs - 1)
    await checks(clock)
    expect(keeper.isHeld(lease)).toBe(true)
    clock.pass(1)
    expect(keeper.isHeld(lease)).toBe(false)
    await until(() => lost.length === 1)
  })

  it('loses one in time though the store does not answer', async () => {
    const { store, clock, start } = await createWorld()
    const { take, lost } = start('c1')
    const lease = await take()
    const answer = Promise.withResolvers<undefined>()
    let asked = false
    wrap(store.leases, 'renew', (real) => async (...given) => {
      asked = true
      await answer.promise
      return real(...given)
    })
    clock.pass(renewMs + 1)
    await until(() => asked)
    clock.pass(holdMs)
    await until(() => lost.length === 1)
    expect(lost).toEqual([lease])
    answer.resolve(undefined)
  })

  it.each([hourMs, -hourMs])('a wall clock that is set by %i ms changes nothing', async (ms) => {
    const { store, clock, start } = await createWorld()
    const [first, second] = [start('c1'), start('c2')]
    const lease = await first.take()
    const count = renewals(store)
    clock.wall += ms
    await checks(clock)
    expect(await second.keeper.acquire(name)).toBeUndefined()
    expect([first.keeper.isHeld(lease), first.lost]).toEqual([true, []])
    clock.pass(renewMs + 1)
    await until(() => count() === 1)
    expect([first.keeper.isHeld(lease), first.lost]).toEqual([true, []])
    clock.pass(holdMs)
    expect(first.keeper.isHeld(lease)).toBe(false)
  })

  it('loses all when the process was frozen, before it renews', async () => {
    const { store, clock, start } = await createWorld()
    const { keeper, take, lost } = start('c1')
    const lease = await take()
    clock.pass(hourMs)
    expect(keeper.isHeld(lease)).toBe(false)
    await until(() => lost.length === 1)
    expect((await store.leases.get(name))?.expiresMono).toBe(lease.expiresMono)
  })

  it('takes over from a dead owner at once, from a living one only when its term has run out', async () => {
    const { clock, dead, start } = await createWorld()
    const [first, second] = [start('c1'), start('c2')]
    await first.take()
    expect(await second.keeper.acquire(name)).toBeUndefined()
    dead.add('c1')
    expect(await second.take()).toMatchObject({ owner: 'c2', epoch: 2 })
    await second.keeper.stop()
    expect(await first.keeper.acquire(name)).toBeUndefined()
    clock.pass(ttlMs)
    expect(await first.take()).toMatchObject({ owner: 'c1', epoch: 3 })
  })

  it('takes its own again in a new epoch, and the old one is held no more', async () => {
    const { start } = await createWorld()
    const { keeper, take } = start('c1')
    const old = await take()
    const next = await take()
    expect(next.epoch).toBe(2)
    expect([keeper.isHeld(old), keeper.isHeld(next)]).toEqual([false, true])
  })

  it('what is released is free, and an old lease frees nothing', async () => {
    const { store, start } = await createWorld()
    const [first, second] = [start('c1'), start('c2')]
    const old = await first.take()
    const next = await first.take()
    await first.keeper.release(old)
    expect(first.keeper.isHeld(next)).toBe(true)
    await first.keeper.release(next)
    expect(first.keeper.isHeld(next)).toBe(false)
    expect(await store.leases.get(name)).toBeUndefined()
    expect(await second.take()).toMatchObject({ owner: 'c2' })
    expect(first.lost).toEqual([])
  })
})
