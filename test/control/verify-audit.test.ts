import type { Database } from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verifyAudit, verifyBatchRows } from '../../src/control/verify-audit.ts'
import type { KeptPoint } from '../../src/domain/audit-chain.ts'
import { openTrail, type Trail } from '../store/trail.ts'

const verify = (trail: Trail, kept?: KeptPoint) => verifyAudit({ store: trail }, kept)

const brokenBy = async (trail: Trail, source: string, kept?: KeptPoint) =>
  (
    await trail.tampered(
      (client) => client.exec(source),
      () => verify(trail, kept),
    )
  ).broken

describe('a chain that nobody has touched', () => {
  it('is whole, over more entries than are read at a time, and says where it ends', async () => {
    const trail = await openTrail()
    trail.write(verifyBatchRows + 3)
    const last = (await trail.audit.after(verifyBatchRows + 2, 1))[0]
    expect(await verify(trail)).toEqual({
      entries: verifyBatchRows + 3,
      erased: 0,
      unchained: 0,
      first: 1,
      head: { seq: verifyBatchRows + 3, count: verifyBatchRows + 3, hash: last?.hash },
      checkpoints: 0,
      broken: null,
    })
  })

  it('is whole without any entry', async () => {
    expect(await verify(await openTrail())).toMatchObject({ entries: 0, head: null, broken: null })
  })

  it('begins behind entries from before it', async () => {
    const trail = await openTrail()
    trail.write(3)
    trail.client.exec('update audit_entries set salt = null, content_hash = null, hash = null')
    trail.write(2)
    const checkpoint = await trail.checkpoint()
    expect(checkpoint).toMatchObject({ seq: 5, count: 2 })
    expect(await verify(trail)).toMatchObject({
      entries: 2,
      unchained: 3,
      first: 4,
      head: { seq: 5, count: 2 },
      checkpoints: 1,
      broken: null,
    })
  })

  it('holds what any text says', async () => {
    const trail = await openTrail()
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.jsonValue(), (id, requestId, value) => {
        const origin = { actor: { kind: 'connector', id }, requestId } as const
        trail.write(1, { origin, target: { kind: 'message', id }, after: { [id]: value } })
      }),
    )
    trail.write(1, { target: { kind: 'message', id: '\ud800' }, after: { '\ud800': '\udfff' } })
    expect((await verify(trail)).broken).toBeNull()
  })
})

describe('what retention has removed', () => {
  it('is known by its checkpoint, and counted', async () => {
    const trail = await openTrail()
    trail.write(9)
    trail.sweep(4)
    trail.write(1)
    expect(await verify(trail)).toMatchObject({
      entries: 6,
      first: 5,
      head: { seq: 10, count: 10 },
      broken: null,
    })
    expect(await trail.checkpoint()).toMatchObject({ seq: 10, count: 10 })
    trail.sweep(10)
    expect(await verify(trail)).toMatchObject({ entries: 0, broken: null })
    trail.write(1)
    expect(await verify(trail)).toMatchObject({
      entries: 1,
      first: 11,
      head: { seq: 11, count: 11 },
      broken: null,
    })
  })

  it('is missing without one', async () => {
    const trail = await openTrail()
    trail.write(9)
    trail.sweep(4)
    expect(await brokenBy(trail, 'delete from audit_checkpoints')).toMatchObject({
      seq: 1,
      kind: 'entries_missing',
    })
    expect(await brokenBy(trail, 'delete from audit_entries where seq = 5')).toMatchObject({
      seq: 5,
      kind: 'entries_missing',
    })
    expect(await brokenBy(trail, 'delete from audit_entries')).toMatchObject({ kind: 'entries_missing' })
  })

  it('cannot be all of it, unless a checkpoint says so: what is written afterwards does not follow', async () => {
    const trail = await openTrail()
    trail.write(3)
    trail.client.exec('delete from audit_entries')
    trail.write(2)
    expect((await verify(trail)).broken).toMatchObject({ seq: 1, kind: 'entries_missing' })
  })
})

describe('erased entries', () => {
  it('stay in the chain, and are those that their entry speaks of', async () => {
    const trail = await openTrail()
    trail.write(6)
    const id = trail.erase(2, 3, 5)
    expect(await verify(trail)).toMatchObject({ entries: 7, erased: 3, broken: null })
    const hidden = (seq: number, by: string): string =>
      `update audit_entries set before = null, after = null, salt = null, address = null, erased_by = '${by}' where seq = ${seq}`
    expect(await brokenBy(trail, hidden(4, 'aud_nobody'))).toMatchObject({
      seq: 4,
      kind: 'erased_without_entry',
    })
    expect(await brokenBy(trail, hidden(4, id))).toMatchObject({ seq: 7, kind: 'erasure_differs' })
    expect(await brokenBy(trail, `${hidden(4, id)}; ${hidden(2, 'aud_nobody')}`)).toMatchObject({ seq: 2 })
    expect(await brokenBy(trail, `update audit_entries set after = '{}' where seq = 3`)).toMatchObject({
      seq: 3,
      kind: 'content_changed',
    })
    expect(await brokenBy(trail, `update audit_entries set erased_by = null where seq = 3`)).toMatchObject({
      seq: 3,
      kind: 'content_changed',
    })
    trail.write(1)
    expect(await brokenBy(trail, hidden(8, id))).toMatchObject({ kind: 'erased_without_entry' })
  })

  it('may be removed by retention later, and still no other can be marked in their place than so many', async () => {
    const trail = await openTrail()
    trail.write(6)
    const id = trail.erase(2, 3, 5)
    trail.sweep(2)
    expect(await verify(trail)).toMatchObject({ erased: 2, broken: null })
    expect(
      await brokenBy(
        trail,
        `update audit_entries set before = null, after = null, salt = null, address = null, erased_by = '${id}' where seq in (4, 6)`,
      ),
    ).toMatchObject({ kind: 'erasure_differs' })
  })
})

describe('a checkpoint', () => {
  it('of the database shows that the chain was written anew, or cut off together with what SQLite remembers', async () => {
    const trail = await openTrail()
    trail.write(5)
    const { hash = '' } = (await trail.checkpoint()) ?? {}
    expect(await verify(trail)).toMatchObject({ checkpoints: 1, broken: null })
    const forgotten = `delete from audit_entries where seq > 3; update sqlite_sequence set seq = 3 where name = 'audit_entries'`
    expect(await brokenBy(trail, forgotten)).toMatchObject({ seq: 4, kind: 'shorter_than_checkpoint' })
    expect(await brokenBy(trail, 'update audit_checkpoints set count = 4')).toMatchObject({
      seq: 5,
      kind: 'checkpoint_differs',
    })
    // Of the operator's own, when the database's are gone too.
    const all = `${forgotten}; delete from audit_checkpoints`
    expect(await brokenBy(trail, all)).toBeNull()
    expect(await brokenBy(trail, all, { seq: 5, hash })).toMatchObject({
      seq: 4,
      kind: 'shorter_than_checkpoint',
    })
    const anew = await trail.tampered(
      (client) => {
        client.exec('delete from audit_checkpoints; delete from audit_entries')
        client.exec(`delete from sqlite_sequence where name = 'audit_entries'`)
        trail.write(6)
      },
      async () => [await verify(trail), await verify(trail, { seq: 5, hash })],
    )
    expect(anew).toMatchObject([{ broken: null }, { broken: { seq: 5, kind: 'checkpoint_differs' } }])
    expect((await verify(trail, { seq: 5, hash })).broken).toBeNull()
  })

  it('that was kept is good for an entry that retention has removed, and no other', async () => {
    const trail = await openTrail()
    trail.write(5)
    const { hash = '' } = (await trail.checkpoint()) ?? {}
    trail.write(3)
    trail.sweep(6)
    expect((await verify(trail, { seq: 5, hash })).broken).toBeNull()
    expect((await verify(trail, { seq: 5, hash: 'a'.repeat(64) })).broken).toMatchObject({ seq: 5 })
    expect((await verify(trail, { seq: 4, hash })).broken).toMatchObject({
      seq: 4,
      kind: 'checkpoint_differs',
    })
  })
})

const entriesMax = 12
const seqs = fc.integer({ min: 1, max: entriesMax })
const columns = [
  'id',
  'at',
  'actor_kind',
  'actor_id',
  'request_id',
  'action',
  'target_kind',
  'target_id',
  'before',
  'after',
  'address',
  'salt',
  'content_hash',
  'hash',
  'erased_by',
] as const

interface Tampering {
  readonly tamper: (client: Database) => void
  /** The first entry that it concerns. */
  readonly seq: number
}

const change: fc.Arbitrary<Tampering> = fc
  .record({
    seq: seqs,
    column: fc.constantFrom(...columns),
    value: fc.oneof(fc.string(), fc.integer({ min: 0 }), fc.constant(null), fc.uint8Array({ maxLength: 8 })),
  })
  .map(({ seq, column, value }) => ({
    seq,
    tamper: (client) => {
      const isOptional = ![
        'id',
        'at',
        'actor_kind',
        'request_id',
        'action',
        'target_kind',
        'target_id',
      ].includes(column)
      const written = value === null && !isOptional ? 'x' : value
      const { changes } = client
        .prepare(`update audit_entries set "${column}" = ? where seq = ? and "${column}" is not ?`)
        .run(written, seq, written)
      fc.pre(changes === 1)
    },
  }))

const move: fc.Arbitrary<Tampering> = fc
  .record({
    seq: seqs,
    to: fc.oneof(fc.integer({ min: -3, max: 0 }), fc.integer({ min: entriesMax + 1, max: 99 })),
  })
  .map(({ seq, to }) => ({
    seq: Math.min(seq, to),
    tamper: (client) => client.prepare('update audit_entries set seq = ? where seq = ?').run(to, seq),
  }))

const removal: fc.Arbitrary<Tampering> = fc
  .tuple(seqs, seqs)
  .map(([a, b]) => ({ from: Math.min(a, b), until: Math.max(a, b) }))
  .map(({ from, until }) => ({
    seq: from,
    tamper: (client) =>
      client.prepare('delete from audit_entries where seq between ? and ?').run(from, until),
  }))

const swap: fc.Arbitrary<Tampering> = fc
  .uniqueArray(seqs, { minLength: 2, maxLength: 2 })
  .map(([a = 1, b = 2]) => ({
    seq: Math.min(a, b),
    tamper: (client) => {
      const set = client.prepare('update audit_entries set seq = ? where seq = ?')
      for (const [to, from] of [
        [99, a],
        [a, b],
        [b, 99],
      ])
        set.run(to, from)
    },
  }))

/** A copy of another entry, with a hash that follows or without. */
const insertion: fc.Arbitrary<Tampering> = fc
  .record({ seq: seqs, at: fc.integer({ min: entriesMax + 1, max: 50 }), hashed: fc.boolean() })
  .map(({ seq, at, hashed }) => ({
    seq: entriesMax + 1,
    tamper: (client) => {
      const names = columns.map((name) => `"${name}"`).join()
      const values = columns
        .map((name) => (hashed || !/hash|salt/.test(name) ? `"${name}"` : 'null'))
        .map((name) => (name === '"id"' ? `'aud_' || seq` : name))
        .join()
      client
        .prepare(
          `insert into audit_entries (seq, ${names}) select ?, ${values} from audit_entries where seq = ?`,
        )
        .run(at, seq)
    },
  }))

it('finds whatever is changed, removed, swapped or added by SQL, and names the first entry that it concerns', async () => {
  const trail = await openTrail()
  trail.write(entriesMax)
  expect((await verify(trail)).broken).toBeNull()
  await fc.assert(
    fc.asyncProperty(fc.oneof(change, move, removal, swap, insertion), async ({ tamper, seq }) => {
      const { broken } = await trail.tampered(tamper, () => verify(trail))
      expect(broken?.seq).toBe(seq)
    }),
    { numRuns: 1_000 },
  )
  expect((await verify(trail)).broken).toBeNull()
})

it('takes nothing for a break that is removed or erased while it reads', async () => {
  const trail = await openTrail()
  trail.write(verifyBatchRows + 20)
  let reads = 0
  const { audit } = trail
  const busy: Trail['audit'] = {
    ...audit,
    stored: async (after, limit) => {
      reads += 1
      if (reads === 2) {
        trail.sweep(verifyBatchRows + 5)
        trail.erase(verifyBatchRows + 8)
      }
      return audit.stored(after, limit)
    },
  }
  const verified = await verifyAudit({ store: { audit: busy } })
  expect(verified).toMatchObject({ first: verifyBatchRows + 6, erased: 1, broken: null })
  expect(reads).toBeGreaterThan(3)
})
