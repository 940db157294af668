import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newId } from '../../src/runtime/ids.ts'

const now = Date.parse('2025-11-16T02:18:05.123Z')
/** The last that 10 characters of 5 bits can hold: the year 37,648. */
const lastMoment = 2 ** 50 - 1

describe('a new id', () => {
  it('is its prefix, the time in 10 characters and chance in 16', () => {
    expect(newId('evt', now)).toMatch(/^evt_[0-9abcdefghjkmnpqrstvwxyz]{26}$/)
  })

  it('says when it was made', () => {
    const [, id = ''] = newId('evt', now).split('_')
    const digits = Array.from(id.slice(0, 10), (char) => '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(char))
    expect(digits.reduce((sum, digit) => sum * 32 + digit, 0)).toBe(now)
  })

  it('sorts after those of every earlier millisecond', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: lastMoment - 1 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (at, ms) => {
          const later = Math.min(at + ms, lastMoment)
          expect(newId('a', at) < newId('a', later)).toBe(true)
        },
      ),
    )
  })

  it('is like no other, even of the same millisecond', () => {
    const ids = Array.from({ length: 10_000 }, () => newId('msg', now))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('takes every value of its random bits in each place', () => {
    const seen = Array.from({ length: 16 }, () => new Set<string>())
    for (let left = 1_000; left > 0; left -= 1) {
      for (const [i, char] of Array.from(newId('x', now).slice(-16)).entries()) seen[i]?.add(char)
    }
    expect(seen.map((chars) => chars.size)).toEqual(Array.from({ length: 16 }, () => 32))
  })
})
