import { describe, expect, it } from 'vitest'
import {
  type AfterFetch,
  afterFailedFetch,
  fetchAheadMaxMs,
  type FetchFailure,
  isFetchedAtOnce,
} from '../../src/domain/media-fetch.ts'

const now = 1_800_000_000_000
const after = (failure: FetchFailure, attempts: number, luck = 1): AfterFetch =>
  afterFailedFetch(failure, 'why', attempts, now, () => luck)

/** How many attempts a file gets that fails in the same way each time, and how long that takes in ms. */
const patienceOf = (failure: FetchFailure): { readonly attempts: number; readonly ms: number } => {
  let ms = 0
  for (let attempts = 1; ; attempts += 1) {
    const next = after(failure, attempts)
    if (next.state !== 'waiting') return { attempts, ms }
    ms += next.dueAt - now
  }
}

describe('a file that could not be fetched', () => {
  it.each(['gone', 'too_large'] as const)('is given up at once when it is %s', (failure) => {
    expect(after(failure, 1)).toEqual({ state: 'failed', error: { code: `media_${failure}`, detail: 'why' } })
  })

  it.each(['corrupt', 'no_phone', 'unreachable', 'not_kept'] as const)(
    'is tried again a little later each time when it is %s, and given up in the end',
    (failure) => {
      const waits = [1, 2].map((attempts) => after(failure, attempts))
      const [first, second] = waits.map((next) => (next.state === 'waiting' ? next.dueAt - now : 0))
      expect(first).toBeGreaterThan(0)
      expect(second).toBe((first ?? 0) * 2)
      expect(waits[0]).toMatchObject({ error: { code: `media_${failure}`, detail: 'why' } })
      expect(after(failure, 1_000)).toMatchObject({ state: 'failed' })
    },
  )

  it('waits for a phone for more than a day, and for a media host for hours', () => {
    const hour = 60 * 60 * 1_000
    expect(patienceOf('no_phone').ms).toBeGreaterThan(24 * hour)
    expect(patienceOf('unreachable').ms).toBeGreaterThan(1.5 * hour)
    expect(patienceOf('corrupt').attempts).toBe(3)
  })

  it('never waits longer than what counts as far ahead', () => {
    for (let attempts = 1; attempts < 20; attempts += 1) {
      for (const failure of ['no_phone', 'unreachable'] as const) {
        const next = after(failure, attempts)
        if (next.state === 'waiting') expect(next.dueAt - now).toBeLessThanOrEqual(fetchAheadMaxMs)
      }
    }
  })
})

describe('a file that comes', () => {
  it('is fetched at once by kind and size', () => {
    const auto = { kinds: new Set(['image', 'audio'] as const), bytesMax: 1_000 }
    expect(isFetchedAtOnce(auto, { kind: 'image', bytes: 1_000 })).toBe(true)
    expect(isFetchedAtOnce(auto, { kind: 'image', bytes: 1_001 })).toBe(false)
    expect(isFetchedAtOnce(auto, { kind: 'video', bytes: 1 })).toBe(false)
    expect(isFetchedAtOnce(auto, { kind: 'audio', bytes: 0 })).toBe(true)
  })
})
