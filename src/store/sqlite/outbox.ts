import type { Origin } from '../../domain/audit.ts'
import { assert } from '../../domain/errors.ts'
import { iso } from '../../domain/iso.ts'
import { advance, type Message, momentIn } from '../../domain/message.ts'
import { cancelledError, onCancel, onRetry, type AfterAttempt } from '../../domain/outbox.ts'
import { audited, unaudited, unchanged } from './accounted.ts'
import { attemptAudit, type Cancel } from './outbox-cancel.ts'
import type { Expire } from './outbox-schedule.ts'
import type { ClaimedMessage, Enqueued, OutboxStore } from '../store.ts'
import type { ActQueries } from './acts.ts'
import type { AddressQueries } from './addresses.ts'
import type { DeviceQueries } from './devices.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { arrivalEvent, messageEvent, newMessage, type MessageQueries } from './message-rows.ts'
import type { OutboxQueue, OutboxRow } from './outbox-queue.ts'
import type { CheckRoom } from './room.ts'
import type { Tracer } from './trace.ts'

/** Messages that one transaction gives up: it must not hold up the event loop. */
const cancelBatchRows = 500

/** What a connector is given of a message that it has just taken. */
export const claimedOf = (
  row: OutboxRow,
  message: Message,
  content: Uint8Array | null,
  since = row.retriedAt ?? message.createdAt,
): ClaimedMessage => ({
  message,
  content,
  attempts: row.attempts + 1,
  since,
  expiresAt: row.expiresAt,
  typingMs: row.typingMs,
  uncertain: row.uncertain === 1,
})

export const createOutbox = (
  engine: Engine,
  {
    fence,
    tracer,
    checkRoom,
    devices,
    messages,
    addresses,
    queue,
    acts,
    expire,
    cancel,
  }: {
    fence: Fence
    tracer: Tracer
    checkRoom: CheckRoom
    devices: DeviceQueries
    messages: MessageQueries
    addresses: AddressQueries
    queue: OutboxQueue
    acts: ActQueries
    expire: Expire
    cancel: Cancel
  },
): OutboxStore => {
  const messageOf = (id: string): Message => {
    const message = messages.get(id)
    assert(message, `message ${id} of the outbox does not exist`)
    return message
  }

  /** Writes what an attempt came to on both rows; returns the message as it is now. */
  const applyAttempt = (
    row: OutboxRow,
    before: Message,
    after: AfterAttempt,
    origin: Origin,
    now: number,
  ): Message => {
    switch (after.state) {
      case 'sent': {
        const message = { ...before, ...advance(before, 'sent', after.at) }
        messages.update(message)
        queue.settle(row, { state: 'sent', error: null }, now)
        tracer.event(messageEvent('message.sent', message, { at: iso(after.at) }), now)
        acts.sent(message, origin, now)
        return message
      }
      case 'queued': {
        const message: Message = { ...before, status: 'queued', error: after.error }
        messages.update(message)
        const uncertain = after.error.code === 'unknown'
        queue.requeue(row, message, { dueAt: after.notBefore, error: after.error, uncertain }, now)
        return message
      }
      case 'failed': {
        const message: Message = {
          ...before,
          status: 'failed',
          error: after.error,
          failedAt: momentIn(before, now),
        }
        messages.update(message)
        queue.settle(row, { state: 'failed', error: after.error }, now)
        tracer.event(messageEvent('message.failed', message, { error: after.error }), now)
        return message
      }
    }
  }

  const retry = (row: OutboxRow, before: Message, step: 'queue' | 'hasten', now: number): Message => {
    if (step === 'hasten') {
      queue.hasten(row, now)
      return before
    }
    const message: Message = { ...before, status: 'queued', error: null, failedAt: null }
    messages.update(message)
    queue.again(row, message, now)
    tracer.event(messageEvent('message.queued', message), now)
    return message
  }

  return {
    enqueue: ({ message: input, idempotency, plan }, admit, origin, now) =>
      engine.write(() => {
        const { deviceId } = input
        const known = idempotency === undefined ? undefined : queue.byKey(deviceId, idempotency.key)
        if (known !== undefined) {
          const kind = known.requestHash === idempotency?.requestHash ? 'repeated' : 'conflict'
          return unchanged<Enqueued>({ kind, message: messageOf(known.messageId) })
        }
        const { sender, senderName } = admit(devices.get(deviceId))
        checkRoom()
        const whole = {
          ...input,
          chat: addresses.complete(deviceId, input.chat),
          sender: addresses.complete(deviceId, sender),
          senderName,
        }
        const message = newMessage(whole, 'queued', null, now)
        messages.insert(message, input.content)
        queue.add(message, { idempotency, plan }, now)
        const sendAt = plan?.sendAt ?? null
        tracer.event(
          sendAt === null
            ? arrivalEvent('message.queued', message)
            : arrivalEvent('message.scheduled', message, { sendAt: iso(sendAt) }),
          now,
        )
        const receipt = tracer.audit(
          {
            origin,
            action: 'message.enqueue',
            target: { kind: 'message', id: message.id },
            before: null,
            after: { deviceId, status: message.status, type: message.type },
          },
          now,
        )
        return audited<Enqueued>(receipt, { kind: 'accepted', message })
      }),

    claim: (lease, { deviceId, limit }, origin, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const claimed: ClaimedMessage[] = []
        const receipts = queue.due(deviceId, now, limit).map(({ message: before, content, row }) => {
          if (row.expiresAt !== null && row.expiresAt <= now) return expire(row, before, origin, now)
          const attempts = row.attempts + 1
          const message: Message = {
            ...before,
            status: 'sending',
            attempts: before.attempts + 1,
            sendingAt: momentIn(before, now),
          }
          messages.update(message)
          queue.take(row, attempts, lease, now)
          claimed.push(claimedOf(row, message, content))
          return tracer.audit(attemptAudit(before, message, origin), now)
        })
        return audited(receipts, claimed)
      }),

    prepared: (lease, messageId, content) =>
      engine.writeQuietly(() => {
        fence(lease)
        return unaudited('step', messages.setContent(messageId, content))
      }),

    record: (lease, messageId, after, origin, now) =>
      engine.write(() => {
        fence(lease)
        const row = queue.get(messageId)
        if (row?.state !== 'sending') return unchanged(undefined)
        const before = messageOf(messageId)
        const message = applyAttempt(row, before, after, origin, now)
        return audited(tracer.audit(attemptAudit(before, message, origin), now), undefined)
      }),

    recover: (lease, deviceId, origin, now) =>
      engine.write(() => {
        fence(lease)
        const receipts = queue.lost(deviceId, lease).map((row) => {
          const before = messageOf(row.messageId)
          const message: Message = { ...before, status: 'queued' }
          messages.update(message)
          queue.requeue(row, message, { dueAt: now, error: message.error, uncertain: true }, now)
          return tracer.audit(attemptAudit(before, message, origin), now)
        })
        return audited(receipts, receipts.length)
      }),

    retry: (messageId, admit, origin, now) =>
      engine.write(() => {
        const row = queue.get(messageId)
        if (row === undefined) return unchanged(undefined)
        const before = messageOf(messageId)
        const step = onRetry(row.state)
        if (step === 'nothing') return unchanged(before)
        admit(devices.get(row.deviceId), before)
        const message = retry(row, before, step, now)
        const entry = { ...attemptAudit(before, message, origin), action: 'message.retry' } as const
        return audited(tracer.audit(entry, now), message)
      }),

    cancel: (messageId, origin, now) =>
      engine.write(() => {
        const row = queue.get(messageId)
        if (row === undefined) return unchanged(undefined)
        return onCancel(row.state) === 'nothing'
          ? unchanged(messageOf(messageId))
          : cancel(row, ({ error }) => cancelledError(error), origin, now)
      }),

    async cancelAll(lease, deviceId, error, origin, now) {
      let cancelled = 0
      for (;;) {
        const count = await engine.write(() => {
          fence(lease)
          const rows = queue.open(deviceId, cancelBatchRows)
          const given = rows.map((row) => cancel(row, () => error, origin, now))
          return audited(given, given.length)
        })
        cancelled += count
        if (count < cancelBatchRows) return cancelled
      }
    },

    nextDue: (deviceId) => engine.read(() => queue.nextDue(deviceId)),
  }
}
