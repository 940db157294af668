import { describe, expect, it } from 'vitest'
import { type FilePart, partOf } from '../../src/http/byte-range.ts'
import { dispositionOf } from '../../src/http/disposition.ts'

const etag = '"abc"'
const ask = (range?: string, more: { ifRange?: string; ifNoneMatch?: string } = {}, bytes = 100): FilePart =>
  partOf({ range, ifRange: more.ifRange, ifNoneMatch: more.ifNoneMatch }, etag, bytes)
const part = (start: number, end: number): FilePart => ({ kind: 'part', start, end })

describe('the part of a file that is asked for', () => {
  it.each([
    [undefined, { kind: 'whole' }],
    ['bytes=0-0', part(0, 0)],
    ['bytes=0-99', part(0, 99)],
    ['bytes=10-19', part(10, 19)],
    ['bytes=10-', part(10, 99)],
    ['bytes=10-5000', part(10, 99)],
    ['bytes=-1', part(99, 99)],
    ['bytes=-5000', part(0, 99)],
    ['BYTES = 1-2', { kind: 'whole' }],
    ['Bytes= 1 - 2 ', part(1, 2)],
    ['bytes=100-', { kind: 'unsatisfiable' }],
    ['bytes=99999999999999999999-', { kind: 'unsatisfiable' }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
    ['bytes=5-4', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['bytes=0-1,5-6', { kind: 'whole' }],
    ['items=0-1', { kind: 'whole' }],
    ['nonsense', { kind: 'whole' }],
  ] as const)('%s', (range, expected) => {
    expect(ask(range)).toEqual(expected)
  })

  it('of an empty file is none', () => {
    expect(ask('bytes=0-0', {}, 0)).toEqual({ kind: 'unsatisfiable' })
    expect(ask('bytes=-5', {}, 0)).toEqual({ kind: 'unsatisfiable' })
    expect(ask(undefined, {}, 0)).toEqual({ kind: 'whole' })
  })

  it('is the whole when the rest of it was of another file', () => {
    expect(ask('bytes=5-9', { ifRange: etag })).toEqual(part(5, 9))
    for (const ifRange of ['"other"', 'W/"abc"', 'Wed, 21 Oct 2015 07:28:00 GMT']) {
      expect(ask('bytes=5-9', { ifRange })).toEqual({ kind: 'whole' })
    }
  })

  it('is nothing when the client has the file', () => {
    for (const ifNoneMatch of [etag, `"x", ${etag}`, 'W/"abc"', '*']) {
      expect(ask('bytes=5-9', { ifNoneMatch })).toEqual({ kind: 'not_modified' })
    }
    expect(ask(undefined, { ifNoneMatch: '"x"' })).toEqual({ kind: 'whole' })
  })
})

describe('the name that a file is offered under', () => {
  it.each([
    ['image/png', null, 'inline'],
    ['image/png', 'cat.png', 'inline; filename="cat.png"'],
    ['image/svg+xml', 'a.svg', 'attachment; filename="a.svg"'],
    ['text/html', 'a.html', 'attachment; filename="a.html"'],
    [
      'application/pdf',
      'Ré sumé.pdf',
      `attachment; filename="R_ sum_.pdf"; filename*=UTF-8''R%C3%A9%20sum%C3%A9.pdf`,
    ],
    [
      'video/mp4',
      '日本(1).mp4',
      `inline; filename="__(1).mp4"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%281%29.mp4`,
    ],
    ['application/pdf', '../../etc/passwd', 'attachment; filename="passwd"'],
    ['application/pdf', 'C:\\x\\y.pdf', 'attachment; filename="y.pdf"'],
    [
      'application/pdf',
      'a"b\r\nSet-Cookie: x.pdf',
      `attachment; filename="a_bSet-Cookie: x.pdf"; filename*=UTF-8''a%22bSet-Cookie%3A%20x.pdf`,
    ],
    ['application/pdf', '\ud800.pdf', `attachment; filename="_.pdf"; filename*=UTF-8''%EF%BF%BD.pdf`],
    ['application/pdf', '/', 'attachment'],
  ] as const)('%s %s', (mimetype, filename, expected) => {
    expect(dispositionOf(mimetype, filename)).toBe(expected)
  })
})
