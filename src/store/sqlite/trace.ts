import type { NewAuditEntry } from '../../domain/audit.ts'
import { contentHashOf, hashAfter } from '../../domain/audit-chain.ts'
import type { Event, NewEvent } from '../../domain/event.ts'
import { sha256Hex } from '../../runtime/hash.ts'
import { newId, randomText } from '../../runtime/ids.ts'
import type { Receipt } from './accounted.ts'
import type { AuditChain } from './audit-chain.ts'
import { sql } from './drizzle.ts'
import type { FanOut } from './fan-out.ts'
import { auditEntries, events } from './schema.ts'
import { directInsert, directWrite, everyColumn, type Db } from './statements.ts'

/** Writes what a mutation leaves behind; runs inside its transaction. */
export interface Tracer {
  /** Puts it on its way to the endpoints of webhooks that want it, too. */
  event(event: NewEvent, at: number): Event
  /** Appends the entry to the chain; the receipt is its id. */
  audit(entry: NewAuditEntry, at: number): Receipt
}

/** 80 bits: nobody tries out so many. */
const saltChars = 16
const saltAlphabet = '0123456789abcdefghjkmnpqrstvwxyz'

const json = (value: Readonly<Record<string, unknown>> | null): string | null =>
  value === null ? null : JSON.stringify(value)

export const createTracer = (
  db: Db,
  { chain, fanOut }: { readonly chain: AuditChain; readonly fanOut: FanOut },
): Tracer => {
  const insertEvent = directInsert(db, db.insert(events).values(everyColumn(events)))
  const insertAudit = directWrite(
    db,
    db.insert(auditEntries).values({ ...everyColumn(auditEntries), seq: sql`${sql.placeholder('seq')}` }),
  )
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
      const last = chain.last()
      const content = {
        seq: last.seq + 1,
        id: newId('aud', at),
        at,
        actorKind: origin.actor.kind,
        actorId: 'id' in origin.actor ? origin.actor.id : null,
        // What cannot be written in UTF-8 would be read as something else than was hashed.
        requestId: origin.requestId.toWellFormed(),
        action,
        targetKind: target.kind,
        targetId: target.id.toWellFormed(),
        before: json(before),
        after: json(after),
        address: origin.address ?? null,
        salt: randomText(saltAlphabet, saltChars),
      }
      const contentHash = contentHashOf(content, sha256Hex)
      const hash = hashAfter(last.hash, contentHash, sha256Hex)
      insertAudit({ ...content, contentHash, hash, erasedBy: null })
      return content.id as Receipt
    },
  }
}
