/** What the owner of the account does to messages for the own devices alone: stars, deletions, what was read. */
import { type Receipt } from './accounted.ts'
import { eq } from './drizzle.ts'
import type { Origin } from '../../domain/audit.ts'
import { iso } from '../../domain/iso.ts'
import { marked, type Message, type MessageMark, seen } from '../../domain/message.ts'
import { messageEvent, type MessageQueries } from './message-rows.ts'
import { messages } from './schema.ts'
import { assign, directWrite, param, type Db } from './statements.ts'
import type { Tracer } from './trace.ts'

/** Both run inside the transaction of their verb; null when they changed nothing. */
export interface MessageMarks {
  mark(before: Message, mark: MessageMark, origin: Origin, now: number): Receipt | null
  /** A received message was read or played here. */
  see(before: Message, status: 'read' | 'played', origin: Origin, now: number): Receipt | null
}

export const createMessageMarks = (db: Db, tracer: Tracer, queries: MessageQueries): MessageMarks => {
  const update = directWrite(
    db,
    db
      .update(messages)
      .set(assign(messages, 'starredAt', 'deletedForMeAt'))
      .where(eq(messages.id, param('id'))),
  )
  const audit = (
    { id }: Message,
    change: { readonly before: Record<string, unknown>; readonly after: Record<string, unknown> },
    origin: Origin,
    now: number,
  ): Receipt =>
    tracer.audit({ origin, action: 'message.mark', target: { kind: 'message', id }, ...change }, now)

  return {
    mark(before, mark, origin, now) {
      const message = marked(before, mark, now)
      if (message === null) return null
      const { id, starredAt, deletedForMeAt } = message
      update({ id, starredAt, deletedForMeAt })
      tracer.event(messageEvent(`message.${mark}`, message), now)
      const change = {
        before: { starredAt: before.starredAt, deletedForMeAt: before.deletedForMeAt },
        after: { starredAt, deletedForMeAt },
      }
      return audit(message, change, origin, now)
    },
    see(before, status, origin, now) {
      const message = seen(before, status, now)
      if (message === null) return null
      queries.update(message)
      tracer.event(messageEvent(`message.${status}`, message, { at: iso(now) }), now)
      return audit(message, { before: { status: before.status }, after: { status } }, origin, now)
    },
  }
}
