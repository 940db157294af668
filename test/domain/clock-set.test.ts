/** Somebody sets the wall clock: what a device does must not depend on it. */
import { describe, expect, it } from 'vitest'
import { hour, limits, minute, second } from './fixtures.ts'
import { online, pairing, type World } from './world.ts'

const directions = [hour, -hour]
const set = (world: World, ms: number): void => {
  world.wall += ms
}

describe.each(directions)('a wall clock that is set by %i ms', (ms) => {
  it('neither shortens nor lengthens the pairing time', () => {
    const world = pairing()
    world.pass(minute)
    set(world, ms)
    world.pass(limits.pairingTimeoutMs - minute - second)
    expect(world.row.status).toBe('waiting_for_scan')
    world.pass(second)
    expect(world.status).toBe('disconnected/pairing_timeout')
  })

  it('leaves to a start after it the whole pairing time', () => {
    const world = pairing()
    set(world, ms)
    world.pass(9 * minute)
    world.start()
    world.pass(limits.pairingTimeoutMs - second)
    expect(world.row.status).toBe('waiting_for_scan')
    world.pass(second)
    expect(world.status).toBe('disconnected/pairing_timeout')
  })

  it('does not touch an open connection, but for one question to the server at once', () => {
    const world = online()
    world.pass(second)
    set(world, ms)
    world.pass(250)
    expect(world.effects).toEqual([{ kind: 'probe', timeoutMs: limits.probeTimeoutMs }])
    world.feed({ kind: 'answered' })
    for (let left = limits.silenceMs - 250; left > 0; left -= 250) {
      world.pass(250)
      expect(world.effects).toEqual([])
    }
    expect(world.status).toBe('connected/opened')
  })

  it('leaves a wait before the next attempt as long as it is', () => {
    const world = online()
    world.feed({ kind: 'store_failed' })
    const before = world.attempts.length
    set(world, ms)
    world.pass(500)
    expect(world.phase).toBe('waiting')
    world.pass(second)
    expect(world.attempts.length).toBe(before + 1)
  })
})

it('the small corrections of a clock that is kept right ask the server nothing', () => {
  const world = online()
  for (let passed = 0; passed < limits.silenceMs - second; passed += 250) {
    set(world, passed % second === 0 ? 200 : -100)
    world.pass(250)
    expect(world.effects).toEqual([])
  }
})

describe('a connector that starts after the clock was set', () => {
  it('back gives a device that waits to be linked no more than the whole pairing time', () => {
    const world = pairing()
    world.newConnector({ awayMs: -hour })
    world.qr()
    world.pass(limits.pairingTimeoutMs - second)
    expect(world.row.status).toBe('waiting_for_scan')
    world.pass(second)
    expect(world.status).toBe('disconnected/pairing_timeout')
  })
})

describe('a store that fails again after every login', () => {
  const fail = (world: World): number => {
    world.feed({ kind: 'store_failed' })
    const since = world.mono
    while (world.phase === 'waiting') world.pass(250)
    return world.mono - since
  }

  it('makes the waits longer, though each session lasts a while', () => {
    const world = online()
    const waits: number[] = []
    for (let tries = 0; tries < 8; tries++) {
      waits.push(fail(world))
      world.login()
      world.pass(limits.stableMs + second)
    }
    expect(waits.map((ms) => ms / second)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
    expect(world.row.status).toBe('connected')
  })

  it('is forgotten once a session has lasted', () => {
    const world = online()
    expect([fail(world), fail(world)]).toEqual([second, 2 * second])
    world.login()
    for (let passed = 0; passed < limits.storeStableMs; passed += second) {
      world.pass(second)
      world.feed({ kind: 'answered' })
    }
    expect(fail(world)).toBe(second)
  })

  it('and is told as the reason meanwhile', () => {
    const world = online()
    world.feed({ kind: 'store_failed' })
    expect(world.status).toBe('reconnecting/store_failed')
  })
})
