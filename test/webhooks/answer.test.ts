import { describe, expect, it } from 'vitest'
import { headCharsMax, headOf, retryAfterMs } from '../../src/webhooks/answer.ts'

const now = Date.parse('2027-01-15T08:00:00Z')

describe('what is kept of an answer', () => {
  it('is its status, some headers and the beginning of its body', () => {
    const headers = { 'content-type': 'text/plain', 'set-cookie': 'session=geheim', location: ['/a', '/b'] }
    expect(headOf(302, 'Found', headers, [Buffer.from('moved '), Buffer.from('away')])).toBe(
      'HTTP 302 Found\ncontent-type: text/plain\nlocation: /a\n\nmoved away',
    )
    expect(headOf(204, '', {}, [])).toBe('HTTP 204')
  })

  it('is bounded, and well-formed text whatever the bytes are', () => {
    const head = headOf(500, 'x'.repeat(headCharsMax - 11), {}, [Buffer.from('🎉'.repeat(50))])
    expect(head.length).toBe(headCharsMax)
    expect(head.isWellFormed()).toBe(true)
    const garbage = headOf(500, 'No', { 'content-type': 'y'.repeat(9_999) }, [Buffer.from([0, 255, 216, 65])])
    expect(garbage).toMatch(/\uFFFD\uFFFD\uFFFDA$/)
    expect(garbage.length).toBeLessThan(300)
  })
})

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    [' 7 ', 7_000],
    ['Fri, 15 Jan 2027 08:01:00 GMT', 60_000],
    ['Fri, 15 Jan 2027 07:00:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
    ['', null],
    ['99999999999999999999', null],
  ])('%j is %j ms', (value, ms) => {
    expect(retryAfterMs({ 'retry-after': value }, now)).toBe(ms)
  })

  it('is none when there is none, and the first of several', () => {
    expect(retryAfterMs({}, now)).toBeNull()
    expect(retryAfterMs({ 'retry-after': ['3', '9'] }, now)).toBe(3_000)
  })
})
