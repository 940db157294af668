/** What was promised of each type of event, in short: the file beside this one, held against what is promised now. */
import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { EventKind } from '../../src/http/wire/events/all.ts'

export interface Fingerprint {
  readonly version: number
  /** Of the JSON Schema, without what it says in words. */
  readonly sha256: string
}
export type Fingerprints = Readonly<Record<string, Fingerprint>>

export const updateCommand = 'UPDATE_EVENT_SCHEMAS=1 npm test -- test/http/event-schemas.test.ts'

/** The order of members says nothing. */
const sorted = (_name: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value

export const fingerprintOf = ({ schema, version }: Pick<EventKind, 'schema' | 'version'>): Fingerprint => {
  const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), sorted)
  return { version, sha256: createHash('sha256').update(text).digest('hex') }
}

/** What must be done first, for each type whose schema has changed and whose version has not. */
export const unsaid = (kept: Fingerprints, now: Fingerprints): readonly string[] =>
  Object.entries(now).flatMap(([type, { version, sha256 }]) => {
    const before = kept[type]
    return before === undefined || before.sha256 === sha256 || version > before.version
      ? []
      : [
          `the schema of ${type} has changed, and those who read such events are not told: add a note to its \`notes\` in src/http/wire/events/, which makes it version ${before.version + 1}, then run ${updateCommand}`,
        ]
  })
