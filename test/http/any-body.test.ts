import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { routes } from '../../src/http/routes.ts'
import { createApi, linked } from './api.ts'

const runs = 100

const word = fc.oneof(
  fc.constantFrom(
    '1234567890',
    '+1 234 567 890',
    '1234567890@s.whatsapp.net',
    'x@g.us',
    '@',
    '',
    '\0',
    '\ud800',
  ),
  fc.string({ unit: 'binary' }),
)
/** Bodies that are nearly right, next to any JSON at all. */
const body = fc.oneof(
  fc.jsonValue({ maxDepth: 5 }),
  fc.record(
    { to: fc.oneof(word, fc.jsonValue()), message: fc.oneof(word, fc.jsonValue()), phone: word },
    { requiredKeys: [] },
  ),
  fc.record({ to: word, message: word }),
  fc.record({ phone: word }),
)
const header = fc.string({ unit: fc.constantFrom(...' !"~aZ09,;='.split('')), maxLength: 300 })

const posts = routes.filter(({ doc }) => doc.method === 'post').map(({ doc }) => doc.path)
/** A stream has no end that one could wait for. */
const isStream = (answer: object | undefined): boolean =>
  answer !== undefined && 'content' in answer && 'text/event-stream' in (answer.content as object)
const gets = routes
  .filter(({ doc }) => doc.method === 'get' && !isStream(doc.responses[200]))
  .map(({ doc }) => doc.path)

describe('no answer is a 500', () => {
  test.each(posts)('POST %s, whatever the body', async (path) => {
    const api = await createApi()
    await linked(api)
    const url = path.replace('{id}', 'myphone')
    await fc.assert(
      fc.asyncProperty(body, header, header, async (value, key, prefer) => {
        const answer = await api.post(url, value, { 'idempotency-key': key, prefer })
        expect(answer.status).not.toBe(500)
        expect(answer.json).toBeTypeOf('object')
        await api.post('/api/devices/myphone/start')
      }),
      { numRuns: runs },
    )
    expect(api.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  test.each(posts)('POST %s, whatever the bytes', async (path) => {
    const api = await createApi()
    const url = path.replace('{id}', 'myphone')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect((await api.request('POST', url, { body: new Uint8Array(bytes) })).status).not.toBe(500)
      }),
      { numRuns: runs },
    )
  })

  test.each(gets)('GET %s, whatever the id and the query', async (path) => {
    const api = await createApi()
    await linked(api)
    const name = fc.constantFrom(
      'limit',
      'cursor',
      'chat',
      'direction',
      'status',
      'after',
      'before',
      'format',
      'x',
    )
    const value = fc.oneof(
      word,
      fc.integer().map(String),
      fc.date({ noInvalidDate: true }).map((d) => d.toJSON()),
    )
    const id = fc.oneof(fc.constantFrom('myphone', 'nobody'), word)
    await fc.assert(
      fc.asyncProperty(id, fc.array(fc.tuple(name, value), { maxLength: 4 }), async (someId, query) => {
        const url = path.replace('{id}', encodeURIComponent(someId.toWellFormed()))
        const answer = await api.get(`${url}?${new URLSearchParams(query).toString()}`)
        expect(answer.status).not.toBe(500)
      }),
      { numRuns: runs },
    )
  })
})
