import type { NewAuditEntry, Origin } from '../../domain/audit.ts'
import { assert } from '../../domain/errors.ts'
import { type Message, type MessageFailure, momentIn } from '../../domain/message.ts'
import { audited, type Accounted } from './accounted.ts'
import { messageEvent, type MessageQueries } from './message-rows.ts'
import type { OutboxQueue, OutboxRow } from './outbox-queue.ts'
import type { Tracer } from './trace.ts'

export const attemptAudit = (before: Message, after: Message, origin: Origin): NewAuditEntry => ({
  origin,
  action: 'message.attempt',
  target: { kind: 'message', id: after.id },
  before: { status: before.status, attempts: before.attempts },
  after: { status: after.status, attempts: after.attempts, error: after.error?.code ?? null },
})

/** Gives up a message that is not sent; returns it as it is now. */
export type Cancel = (
  row: OutboxRow,
  errorOf: (before: Message) => MessageFailure,
  origin: Origin,
  now: number,
) => Accounted<Message>

export const createCancel =
  ({ tracer, messages, queue }: { tracer: Tracer; messages: MessageQueries; queue: OutboxQueue }): Cancel =>
  (row, errorOf, origin, now) => {
    const before = messages.get(row.messageId)
    assert(before, `message ${row.messageId} of the outbox does not exist`)
    const error = errorOf(before)
    const message: Message = { ...before, status: 'failed', error, failedAt: momentIn(before, now) }
    messages.update(message)
    queue.settle(row, { state: 'cancelled', error }, now)
    tracer.event(messageEvent('message.cancelled', message, { error }), now)
    const receipt = tracer.audit({ ...attemptAudit(before, message, origin), action: 'message.cancel' }, now)
    return audited(receipt, message)
  }
