import { asc, gt } from './drizzle.ts'
import type { Actor } from '../../domain/audit.ts'
import type { AuditEntry, AuditStore } from '../store.ts'
import type { Engine } from './engine.ts'
import { auditEntries } from './schema.ts'
import { param, type Db, upTo } from './statements.ts'

type AuditRow = typeof auditEntries.$inferSelect

const toActor = ({ actorKind: kind, actorId }: AuditRow): Actor =>
  kind === 'connector' || kind === 'dispatcher' ? { kind, id: actorId ?? '' } : { kind }

const parse = (json: string | null): Record<string, unknown> | null =>
  json === null ? null : (JSON.parse(json) as Record<string, unknown>)

const toEntry = (row: AuditRow): AuditEntry => ({
  seq: row.seq,
  id: row.id,
  at: row.at,
  origin: { actor: toActor(row), requestId: row.requestId },
  action: row.action,
  target: { kind: row.targetKind, id: row.targetId },
  before: parse(row.before),
  after: parse(row.after),
})

export const createAudit = (db: Db, engine: Engine): AuditStore => {
  const select = db
    .select()
    .from(auditEntries)
    .where(gt(auditEntries.seq, param('after')))
    .orderBy(asc(auditEntries.seq))
    .limit(upTo('limit'))
    .prepare()
  return {
    after: (after, limit) => engine.read(() => select.all({ after, limit }).map(toEntry)),
  }
}
