/** Audit entries as rows. */
import type { Actor, Origin } from '../../domain/audit.ts'
import type { AuditEntry } from '../audit-store.ts'
import { getTableColumns } from './drizzle.ts'
import { auditEntries } from './schema.ts'

export type AuditRow = typeof auditEntries.$inferSelect

export const auditColumns = getTableColumns(auditEntries)

const toActor = ({ actorKind: kind, actorId }: AuditRow): Actor =>
  kind === 'connector' || kind === 'dispatcher' ? { kind, id: actorId ?? '' } : { kind }

const toOrigin = (row: AuditRow): Origin => ({
  actor: toActor(row),
  requestId: row.requestId,
  ...(row.address === null ? {} : { address: row.address }),
})

const parse = (json: string | null): Record<string, unknown> | null =>
  json === null ? null : (JSON.parse(json) as Record<string, unknown>)

export const toEntry = (row: AuditRow): AuditEntry => ({
  seq: row.seq,
  id: row.id,
  at: row.at,
  origin: toOrigin(row),
  action: row.action,
  target: { kind: row.targetKind, id: row.targetId },
  before: parse(row.before),
  after: parse(row.after),
  erasedBy: row.erasedBy,
  contentHash: row.contentHash,
  hash: row.hash,
})
