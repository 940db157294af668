import type { NewAuditEntry } from '../../domain/audit.ts'
import type { NewEvent } from '../../domain/event.ts'
import { newId } from '../../runtime/ids.ts'
import { auditEntries, events } from './schema.ts'
import { directWrite, everyColumn, type Db } from './statements.ts'

/** Writes what a mutation leaves behind; runs inside its transaction. */
export interface Tracer {
  event(event: NewEvent, at: number): void
  audit(entry: NewAuditEntry, at: number): void
}

const json = (value: Readonly<Record<string, unknown>> | null): string | null =>
  value === null ? null : JSON.stringify(value)

export const createTracer = (db: Db): Tracer => {
  const insertEvent = directWrite(db, db.insert(events).values(everyColumn(events)))
  const insertAudit = directWrite(db, db.insert(auditEntries).values(everyColumn(auditEntries)))
  return {
    event({ type, deviceId, data }, at) {
      insertEvent({ id: newId('evt', at), at, type, deviceId, data: JSON.stringify(data) })
    },
    audit({ origin, action, target, before, after }, at) {
      insertAudit({
        id: newId('aud', at),
        at,
        actorKind: origin.actor.kind,
        actorId: 'id' in origin.actor ? origin.actor.id : null,
        requestId: origin.requestId,
        action,
        targetKind: target.kind,
        targetId: target.id,
        before: json(before),
        after: json(after),
        address: origin.address ?? null,
        salt: null,
        contentHash: null,
        hash: null,
        erasedBy: null,
      })
    },
  }
}
