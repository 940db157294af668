import { expect, it } from 'vitest'
import { isFresh, numberAbsentTtlMs, numberKnownTtlMs } from '../../src/domain/numbers.ts'
import { t0 } from './fixtures.ts'

it.each([
  ['x@s.whatsapp.net', numberKnownTtlMs],
  [null, numberAbsentTtlMs],
])('that a number is %s is believed for %s ms', (jid, ttlMs) => {
  expect(isFresh({ jid, checkedAt: t0 }, t0)).toBe(true)
  expect(isFresh({ jid, checkedAt: t0 }, t0 + ttlMs - 1)).toBe(true)
  expect(isFresh({ jid, checkedAt: t0 }, t0 + ttlMs)).toBe(false)
})

it('an answer of after the clock was put back is not believed', () => {
  expect(isFresh({ jid: null, checkedAt: t0 + 1 }, t0)).toBe(false)
})
