import { describe, expect, it } from 'vitest'
import type { GivenBody } from '../../src/domain/body.ts'
import {
  fillBody,
  hasPlaceholderInUrl,
  isCaptionTooLong,
  onBulkVerb,
  type BulkState,
  type BulkVerb,
} from '../../src/domain/bulk.ts'

const media = { uploadId: 'med_1' }

describe('a body is filled', () => {
  it.each<[string, Record<string, string>, string, string[]]>([
    ['no names', { name: 'x' }, 'no names', []],
    ['Hi {{name}}', { name: 'Ada' }, 'Hi Ada', []],
    ['{{ name }}, {{name}}', { name: 'Ada' }, 'Ada, Ada', []],
    ['{{größe}} {{a.b-c_1}}', { größe: 'L', 'a.b-c_1': '2' }, 'L 2', []],
    ['{{a}} {{b}} {{b}}', { a: '1' }, '1 {{b}} {{b}}', ['b']],
    ['{{a}}', { a: '{{b}}', b: 'no' }, '{{b}}', []],
    ['{{a}}', { a: '$& $1' }, '$& $1', []],
    ['{{a}}', { a: '' }, '', []],
    ['{{toString}} {{__proto__}}', {}, '{{toString}} {{__proto__}}', ['toString', '__proto__']],
    ['{name} {{}} {{two words}}', { name: 'x' }, '{name} {{}} {{two words}}', []],
  ])('%s with %j', (text, variables, wanted, missing) => {
    expect(fillBody({ type: 'text', text }, variables)).toEqual({
      body: { type: 'text', text: wanted },
      missing,
    })
    expect(fillBody({ type: 'image', media, caption: text }, variables)).toEqual({
      body: { type: 'image', media, caption: wanted },
      missing,
    })
  })

  it('in nothing else than its text and its caption', () => {
    const poll: GivenBody = { type: 'poll', question: '{{a}}', options: ['{{a}}', 'b'], selectable: 1 }
    expect(fillBody(poll, { a: 'x' })).toEqual({ body: poll, missing: [] })
    expect(fillBody({ type: 'image', media }, {})).toEqual({
      body: { type: 'image', media },
      missing: [],
    })
  })
})

it('a caption may have 4,096 characters', () => {
  const captioned = (length: number): GivenBody => ({ type: 'image', media, caption: 'x'.repeat(length) })
  expect([4_096, 4_097].map((length) => isCaptionTooLong(captioned(length)))).toEqual([false, true])
})

it.each([
  ['see https://example.com/{{id}}', true],
  ['{{name}}, see https://example.com/', false],
  ['https://example.com/ {{name}}', false],
])('%s has a name in its URL: %s', (text, wanted) => {
  expect(hasPlaceholderInUrl(text)).toBe(wanted)
})

it.each<[BulkState, BulkVerb, BulkState | 'bulk_ended']>([
  ['running', 'pause', 'paused'],
  ['running', 'resume', 'running'],
  ['running', 'cancel', 'cancelled'],
  ['paused', 'pause', 'paused'],
  ['paused', 'resume', 'running'],
  ['paused', 'cancel', 'cancelled'],
  ['cancelled', 'cancel', 'cancelled'],
  ['cancelled', 'pause', 'bulk_ended'],
  ['cancelled', 'resume', 'bulk_ended'],
  ['done', 'pause', 'bulk_ended'],
  ['done', 'resume', 'bulk_ended'],
  ['done', 'cancel', 'bulk_ended'],
])('a bulk that is %s comes by %s to %s', (state, verb, wanted) => {
  const after = (): string => {
    try {
      return onBulkVerb(state, verb)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect(after()).toBe(wanted)
})
