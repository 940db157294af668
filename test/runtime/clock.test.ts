import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/runtime/clock.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('the clock of the system', () => {
  it('tells the wall time in whole ms since 1970', () => {
    const before = Date.now()
    const now = systemClock.now()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(Date.now())
    expect(Number.isInteger(now)).toBe(true)
  })

  it('never goes back on its monotonic side', () => {
    const times = Array.from({ length: 1_000 }, () => systemClock.monotonic())
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  it('does not let a jump of the wall time show on its monotonic side', () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const wall = systemClock.now()
    const before = systemClock.monotonic()
    vi.setSystemTime(wall - 3_600_000)
    expect(systemClock.now()).toBe(wall - 3_600_000)
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before)
  })
})
