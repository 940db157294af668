import type { NewAuditEntry } from '../../domain/audit.ts'
import type { Event, NewEvent } from '../../domain/event.ts'
import { newId } from '../../runtime/ids.ts'
import type { FanOut } from './fan-out.ts'
import { auditEntries, events } from './schema.ts'
import { directInsert, directWrite, everyColumn, type Db } from './statements.ts'

/** Writes what a mutation leaves behind; runs inside its transaction. */
export interface Tracer {
  /** Puts it on its way to the endpoints of webhooks that want it, too. */
  event(event: NewEvent, at: number): Event
  audit(entry: NewAuditEntry, at: number): void
}

const json = (value: Readonly<Record<string, unknown>> | null): string | null =>
  value === null ? null : JSON.stringify(value)

export const createTracer = (db: Db, fanOut: FanOut): Tracer => {
  const insertEvent = directInsert(db, db.insert(events).values(everyColumn(events)))
  const insertAudit = directWrite(db, db.insert(auditEntries).values(everyColumn(auditEntries)))
  return {
    event(event, at) {
      const { type, deviceId, data } = event
      const id = newId('evt', at)
      const seq = insertEvent({ id, at, type, deviceId, data: JSON.stringify(data) })
      const written: Event = { ...event, seq, id, at }
      fanOut.spread(written)
      return written
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
