/** An audit trail on one connection, so that a test can tamper with it in a transaction that it rolls back. */
import BetterSqlite, { type Database } from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import type { NewAuditEntry, Origin } from '../../src/domain/audit.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { sha256Hex } from '../../src/runtime/hash.ts'
import { createAudit } from '../../src/store/sqlite/audit.ts'
import { createAuditChain } from '../../src/store/sqlite/audit-chain.ts'
import { drizzle } from '../../src/store/sqlite/drizzle.ts'
import { createEngine, engineLimits } from '../../src/store/sqlite/engine.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { createFanOut } from '../../src/store/sqlite/fan-out.ts'
import { createTracer } from '../../src/store/sqlite/trace.ts'
import { createWebhookQueries } from '../../src/store/sqlite/webhook-rows.ts'
import type { AuditStore } from '../../src/store/store.ts'
import { newFile } from './files.ts'

export const t0 = 1_800_000_000_000
const origin: Origin = { actor: { kind: 'api' }, requestId: 'req_1', address: '127.0.0.1' }
const seat: Lease = { name: 'seat', owner: 'c1', epoch: 1, expiresMono: 0 }

export interface Trail {
  readonly client: Database
  readonly audit: AuditStore
  /** Writes so many entries, or one with these members; returns the id of the last one. */
  readonly write: (entries: number, more?: Partial<NewAuditEntry>) => string
  readonly checkpoint: (now?: number) => ReturnType<AuditStore['checkpoint']>
  /** Erases the content of entries as the gateway does. */
  readonly erase: (...seqs: readonly number[]) => string
  /** Removes all entries up to this one as the gateway does. */
  readonly sweep: (seq: number) => void
  /** Runs this in a transaction that is rolled back. */
  readonly tampered: <T>(tamper: (client: Database) => void, look: () => Promise<T>) => Promise<T>
}

export const openTrail = async (): Promise<Trail> => {
  const file = newFile()
  await (await openStore({ file })).close()
  const client = new BetterSqlite(file)
  onTestFinished(() => void client.close())
  client.pragma('synchronous = off')
  const db = drizzle(client)
  const engine = createEngine(client, {
    clock: systemClock,
    limits: engineLimits,
    onCommit: () => undefined,
  })
  const chain = createAuditChain(db)
  const fanOut = createFanOut(db, createWebhookQueries(db))
  const tracer = createTracer(db, { chain, fanOut })
  const audit = createAudit(db, engine, { fence: () => undefined, chain })
  let written = 0
  const write: Trail['write'] = (entries, more = {}) => {
    let id = ''
    for (let count = 0; count < entries; count++) {
      written += 1
      id = tracer.audit(
        {
          origin,
          action: 'message.enqueue',
          target: { kind: 'message', id: `M${written}` },
          before: written % 2 === 0 ? { status: 'queued' } : null,
          after: { status: `s${written}` },
          ...more,
        },
        t0 + written,
      )
    }
    return id
  }
  return {
    client,
    audit,
    write,
    checkpoint: (now = t0) => audit.checkpoint(seat, 0, now),
    erase: (...seqs) => {
      const digest = sha256Hex(seqs.join(','))
      const id = write(1, {
        action: 'person.erase',
        target: { kind: 'person', id: 'p1' },
        before: null,
        after: { entries: seqs.length, digest },
      })
      const mark = client.prepare(
        'update audit_entries set before = null, after = null, salt = null, address = null, erased_by = ? where seq = ?',
      )
      for (const seq of seqs) mark.run(id, seq)
      return id
    },
    sweep: (seq) => {
      const hash = client.prepare('select hash from audit_entries where seq = ?').pluck().get(seq)
      client
        .prepare('insert into audit_checkpoints (at, entry_seq, count, hash) values (?, ?, ?, ?)')
        .run(t0, seq, chain.countAt(seq), hash)
      client.prepare('delete from audit_entries where seq <= ?').run(seq)
    },
    async tampered(tamper, look) {
      client.exec('begin')
      try {
        tamper(client)
        return await look()
      } finally {
        client.exec('rollback')
      }
    },
  }
}
