/** Most of this is for the compiler: each `@ts-expect-error` fails the check of types when the next line compiles. */
import BetterSqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import type { NewAuditEntry } from '../../src/domain/audit.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import {
  audited,
  unaudited,
  unchanged,
  type Accounted,
  type Receipt,
} from '../../src/store/sqlite/accounted.ts'
import { createEngine, engineLimits } from '../../src/store/sqlite/engine.ts'
import type { Tracer } from '../../src/store/sqlite/trace.ts'

const entry: NewAuditEntry = {
  origin: { actor: { kind: 'api' }, requestId: 'req_1' },
  action: 'device.start',
  target: { kind: 'device', id: 'a' },
  before: null,
  after: null,
}

it('a verb that does not answer for what it has written does not compile', async () => {
  const client = new BetterSqlite(':memory:')
  client.exec('create table a (id integer)')
  const engine = createEngine(client, { clock: systemClock, limits: engineLimits, onCommit: () => undefined })
  const insert = (): number => client.prepare('insert into a values (1)').run().changes
  const told: NewAuditEntry[] = []
  const tracer: Pick<Tracer, 'audit'> = {
    audit(given) {
      told.push(given)
      return 'aud_1' as Receipt
    },
  }

  const refused = [
    // @ts-expect-error: nothing is said of the write
    () => engine.write(() => insert()),
    // @ts-expect-error: a quiet write is none the less a write
    () => engine.writeQuietly(() => insert()),
    // @ts-expect-error: nor is one that does not wait
    () => engine.writeNow(() => insert()),
    // @ts-expect-error: one of its ways out says nothing
    () => engine.write(() => (insert() > 0 ? 1 : unchanged(0))),
    // @ts-expect-error: what looks like it was not given for an entry
    () => engine.write((): Accounted<number> => ({ value: insert() })),
    // @ts-expect-error: any id is no receipt
    () => engine.write(() => audited('aud_1', insert())),
    // @ts-expect-error: why is one of few reasons
    () => engine.write(() => unaudited('because', insert())),
  ]
  expect(refused).toHaveLength(7)

  expect(await engine.write(() => audited(tracer.audit(entry, 1), insert()))).toBe(1)
  expect(await engine.write(() => audited([tracer.audit(entry, 1), tracer.audit(entry, 2)], 2))).toBe(2)
  expect(await engine.write(() => audited(audited(tracer.audit(entry, 1), 'part'), 'whole'))).toBe('whole')
  expect(await engine.write(() => unchanged('nothing'))).toBe('nothing')
  expect(await engine.writeQuietly(() => unaudited('keys', insert()))).toBe(1)
  expect(told).toHaveLength(4)
  await engine.close()
})
