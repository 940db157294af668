import { readFileSync, writeFileSync } from 'node:fs'
import { z } from '@hono/zod-openapi'
import { describe, expect, test } from 'vitest'
import { eventTypes } from '../../src/domain/event-types.ts'
import { eventKinds, eventSchema } from '../../src/http/wire/events/all.ts'
import { createApi } from './api.ts'
import { fingerprintOf, type Fingerprints, unsaid, updateCommand } from './event-fingerprints.ts'
import { brokenPromise } from './promised-events.ts'

describe.each(eventKinds)('$type', ({ type, schema, example, meaning }) => {
  test('has an example that is as promised, and a meaning in words', () => {
    expect(brokenPromise(example)).toBeUndefined()
    expect(eventSchema.safeParse(example).success).toBe(true)
    expect(meaning).toMatch(/^[A-Z].+\.$/s)
  })

  test('promises nothing that is not said', () => {
    expect(schema.safeParse({ ...example, more: 1 }).success).toBe(false)
    expect(schema.safeParse({ ...example, data: { ...example.data, more: 1 } }).success).toBe(false)
    expect(schema.safeParse({ ...example, type: 'message.exploded' }).success).toBe(false)
    expect(brokenPromise({ ...example, at: '2025-11-16' })).toContain(type)
  })
})

test('the document has each type as a webhook, with its schema and its example', async () => {
  const { get } = await createApi()
  const { json } = await get('/openapi.json')
  interface Webhook {
    readonly post: {
      readonly summary: string
      readonly description: string
      readonly requestBody: {
        readonly content: {
          readonly 'application/json': { readonly schema: object; readonly example: unknown }
        }
      }
    }
  }
  const { webhooks } = json as { webhooks: Record<string, Webhook> }
  expect(Object.keys(webhooks).toSorted()).toEqual([...eventTypes].toSorted())
  for (const { type, version, example, meaning } of eventKinds) {
    const { summary, description, requestBody } = webhooks[type]?.post ?? {}
    expect({ type, summary }).toEqual({ type, summary: meaning })
    expect(description).toContain(`Version ${version}.`)
    expect(requestBody?.content['application/json']).toMatchObject({
      schema: { $ref: expect.stringMatching(/Event$/) },
      example: JSON.parse(JSON.stringify(example)),
    })
  }
})

describe('what was promised', () => {
  const file = new URL('event-schemas.json', import.meta.url)
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Fingerprints
  const now: Fingerprints = Object.fromEntries(eventKinds.map((kind) => [kind.type, fingerprintOf(kind)]))

  test('is not changed without a new version and a note', () => {
    expect(unsaid(kept, now)).toEqual([])
    if (process.env['UPDATE_EVENT_SCHEMAS'] === '1') {
      writeFileSync(file, `${JSON.stringify(now, undefined, 2)}\n`)
    } else expect(kept, `test/http/event-schemas.json is out of date: run ${updateCommand}`).toEqual(now)
  })

  const first = { version: 1, schema: z.strictObject({ a: z.string() }) }
  const second = { version: 1, schema: z.strictObject({ a: z.string(), b: z.string().optional() }) }

  test('shows a change, and says what to do about it', () => {
    const before = { 'a.b': fingerprintOf(first) }
    const words = unsaid(before, { 'a.b': fingerprintOf(second) })
    expect(words).toEqual([expect.stringMatching(/a\.b has changed.*notes.*version 2.*UPDATE_EVENT_SCHEMAS/)])
    expect(unsaid(before, { 'a.b': fingerprintOf({ ...second, version: 2 }) })).toEqual([])
    expect(unsaid(before, { 'a.b': fingerprintOf(first), 'a.c': fingerprintOf(second) })).toEqual([])
  })

  test('is the same in other words and in another order', () => {
    const said = z.strictObject({ b: z.string().optional().openapi({ description: 'b' }), a: z.string() })
    expect(fingerprintOf({ version: 1, schema: said })).toEqual(fingerprintOf(second))
  })
})
