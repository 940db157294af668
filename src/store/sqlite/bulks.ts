/** Messages for many people at once: what waits is fed into the outbox a few at a time. */
import type { NewAuditEntry, Origin } from '../../domain/audit.ts'
import { bodyText, type MessageBody } from '../../domain/body.ts'
import {
  bulkQueuedMax,
  fillBody,
  onBulkVerb,
  type Bulk,
  type BulkVerb,
  type Variables,
} from '../../domain/bulk.ts'
import { assert, GatewayError } from '../../domain/errors.ts'
import type { NewEvent } from '../../domain/event.ts'
import { partyOf } from '../../domain/jid.ts'
import type { Message, MessageFailure } from '../../domain/message.ts'
import { cancelledError, expiredError } from '../../domain/outbox.ts'
import type { Plan } from '../../domain/plan.ts'
import type { BulkStore, CreatedBulk } from '../bulk-store.ts'
import { audited, unchanged, type Accounted, type Receipt } from './accounted.ts'
import type { AddressQueries } from './addresses.ts'
import { createBulkQueries, toBulk } from './bulk-rows.ts'
import type { bulkRecipients } from './bulk-schema.ts'
import type { DeviceQueries } from './devices.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { arrivalEvent, messageEvent, newMessage, type MessageQueries } from './message-rows.ts'
import type { Cancel } from './outbox-cancel.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import { parseCursor, toPage } from './pages.ts'
import type { CheckRoom } from './room.ts'
import type { Db } from './statements.ts'
import type { Tracer } from './trace.ts'

type RecipientRow = typeof bulkRecipients.$inferSelect

/** What a change of its state is called in the logs. */
const changes = {
  finish: { action: 'bulk.finish', event: 'bulk.finished' },
  pause: { action: 'bulk.pause', event: 'bulk.paused' },
  resume: { action: 'bulk.resume', event: 'bulk.resumed' },
  cancel: { action: 'bulk.cancel', event: 'bulk.cancelled' },
} as const

const eventOf = (type: Extract<NewEvent['type'], `bulk.${string}`>, bulk: Bulk): NewEvent => ({
  type,
  deviceId: bulk.deviceId,
  data: { bulkId: bulk.id, total: bulk.total },
})

const afterOf = (cursor: string | undefined): number => {
  if (cursor === undefined) return -1
  if (!/^\d{1,15}$/.test(cursor)) {
    throw new GatewayError('invalid_query', 'the cursor is none that an earlier page gave')
  }
  return Number(cursor)
}

export const createBulks = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    checkRoom,
    devices,
    messages,
    addresses,
    queue,
    cancel,
  }: {
    fence: Fence
    tracer: Tracer
    checkRoom: CheckRoom
    devices: DeviceQueries
    messages: MessageQueries
    addresses: AddressQueries
    queue: OutboxQueue
    cancel: Cancel
  },
): BulkStore => {
  const queries = createBulkQueries(db)

  const get = (id: string): Bulk | undefined => {
    const row = queries.get({ id })
    return row === undefined ? undefined : toBulk(row)
  }

  const update = (before: Bulk, change: Partial<Bulk>, now: number): Bulk => {
    const after: Bulk = { ...before, ...change, updatedAt: now }
    const { id, state, updatedAt, startedAt, endedAt } = after
    queries.update({ id, state, updatedAt, startedAt, endedAt })
    return after
  }

  const trace = (
    verb: keyof typeof changes,
    before: Bulk,
    after: Bulk,
    origin: Origin,
    now: number,
  ): Receipt => {
    tracer.event(eventOf(changes[verb].event, after), now)
    return tracer.audit(
      {
        origin,
        action: changes[verb].action,
        target: { kind: 'bulk', id: after.id },
        before: { state: before.state },
        after: { state: after.state },
      },
      now,
    )
  }

  /** Resolves with how many recipients there were. */
  const giveUpWaiting = (bulkId: string, { code, detail }: MessageFailure): number =>
    queries.giveUpWaiting.run({ bulkId, errorCode: code, errorDetail: detail }).changes

  /** Gives up what is queued; resolves with how many are in flight, of which nobody could promise anything. */
  const cancelQueued = (
    bulkId: string,
    errorOf: (before: Message) => MessageFailure,
    origin: Origin,
    now: number,
  ): number => {
    const rows = queries.openRows.all({ bulkId })
    const queued = rows.filter(({ state }) => state === 'queued')
    for (const row of queued) cancel(row, errorOf, origin, now)
    return rows.length - queued.length
  }

  const errorOfCancelled = ({ error }: Pick<Message, 'error'>): MessageFailure => cancelledError(error)

  const cancelBulk = (
    before: Bulk,
    errorOf: (before: Pick<Message, 'error'>) => MessageFailure,
    origin: Origin,
    now: number,
  ): Accounted<Bulk> => {
    giveUpWaiting(before.id, errorOf({ error: null }))
    const inFlight = cancelQueued(before.id, errorOf, origin, now)
    const after = update(before, { state: 'cancelled', endedAt: inFlight === 0 ? now : null }, now)
    return audited(trace('cancel', before, after, origin, now), after)
  }

  const park = (bulkId: string, now: number): void => {
    for (const row of queries.openRows.all({ bulkId })) {
      if (row.state === 'queued' && row.attempts === 0 && row.parkedFor === null) queue.park(row, now)
    }
  }

  const unpark = (bulkId: string, now: number): void => {
    for (const row of queries.openRows.all({ bulkId })) {
      if (row.parkedFor !== 'bulk') continue
      const message = messages.get(row.messageId)
      assert(message, `message ${row.messageId} of the outbox does not exist`)
      queue.join(row, message, now)
      tracer.event(messageEvent('message.queued', message), now)
    }
  }

  const put = (
    bulk: Bulk,
    { seq, chat, variables, messageId }: RecipientRow,
    origin: Origin,
    now: number,
  ): Receipt => {
    assert(chat, `recipient ${seq} of ${bulk.id} waits without an address`)
    const known = variables === null ? {} : (JSON.parse(variables) as Variables)
    const body: MessageBody = fillBody(bulk.body, known).body
    const message = newMessage(
      {
        id: messageId,
        deviceId: bulk.deviceId,
        whatsappId: messageId,
        direction: 'outbound',
        chat: addresses.complete(bulk.deviceId, partyOf(chat)),
        sender: addresses.complete(bulk.deviceId, bulk.sender),
        senderName: bulk.senderName,
        type: body.type,
        text: bodyText(body),
        body,
        whatsappAt: null,
        content: null,
      },
      'queued',
      null,
      now,
    )
    messages.insert(message, null)
    queue.add(message, { plan: { ...bulk.plan, sendAt: null }, bulkId: bulk.id }, now)
    queries.setFed({ bulkId: bulk.id, seq })
    tracer.event(arrivalEvent('message.queued', message), now)
    return tracer.audit(
      {
        origin,
        action: 'message.enqueue',
        target: { kind: 'message', id: message.id },
        before: null,
        after: { deviceId: bulk.deviceId, status: message.status, type: message.type, bulkId: bulk.id },
      },
      now,
    )
  }

  const isDue = ({ plan: { sendAt } }: Pick<Bulk, 'plan'>, now: number): boolean =>
    sendAt === null || sendAt <= now

  const hasExpired = ({ plan: { expiresAt } }: Pick<Bulk, 'plan'>, now: number): boolean =>
    expiresAt !== null && expiresAt <= now

  /** Is there nothing to do for it now? Asked before a transaction is begun for it. */
  const isIdle = (bulk: Pick<Bulk, 'id' | 'state' | 'plan'>, now: number): boolean => {
    const { open = 0, sending = 0 } = queries.countOpen({ bulkId: bulk.id }) ?? {}
    if (bulk.state === 'cancelled') return open > 0 && open === sending
    if (bulk.state === 'paused' && !hasExpired(bulk, now)) return true
    if (!isDue(bulk, now) || (open >= bulkQueuedMax && !hasExpired(bulk, now))) return true
    return open > 0 && queries.hasWaiting({ bulkId: bulk.id }) === undefined
  }

  /** What happens to a bulk by itself, without an event. */
  const note = (
    action: 'bulk.finish' | 'bulk.expire',
    { id }: Bulk,
    change: Pick<NewAuditEntry, 'before' | 'after'>,
    origin: Origin,
    now: number,
  ): Receipt => tracer.audit({ origin, action, target: { kind: 'bulk', id }, ...change }, now)

  /** The last message of one that was cancelled has come to its end. */
  const endCancelled = (bulk: Bulk, origin: Origin, now: number): Receipt => {
    const { state } = update(bulk, { endedAt: now }, now)
    return note('bulk.finish', bulk, { before: { state }, after: { state, endedAt: now } }, origin, now)
  }

  const expireWaiting = (bulk: Bulk, origin: Origin, now: number): Receipt[] => {
    const error = expiredError(false)
    const givenUp = giveUpWaiting(bulk.id, error)
    if (givenUp === 0) return []
    const after = { givenUp, error: error.code, expiresAt: bulk.plan.expiresAt }
    return [note('bulk.expire', bulk, { before: null, after }, origin, now)]
  }

  /** Resolves with how many messages it has put into the outbox. */
  const advance = (bulk: Bulk, origin: Origin, now: number): Accounted<number> => {
    if (bulk.state === 'cancelled') {
      const inFlight = cancelQueued(bulk.id, errorOfCancelled, origin, now)
      return audited(inFlight === 0 ? endCancelled(bulk, origin, now) : [], 0)
    }
    if (!isDue(bulk, now) || (bulk.state === 'paused' && !hasExpired(bulk, now))) return unchanged(0)
    const receipts = hasExpired(bulk, now) ? expireWaiting(bulk, origin, now) : []
    const open = queries.openRows.all({ bulkId: bulk.id }).length
    const limit = Math.max(0, bulkQueuedMax - open)
    const next = queries.waiting.all({ bulkId: bulk.id, limit })
    if (next.length > 0) checkRoom()
    for (const row of next) receipts.push(put(bulk, row, origin, now))
    if (next.length > 0 && bulk.startedAt === null) update(bulk, { startedAt: now }, now)
    if (open === 0 && next.length === 0) {
      const after = update(bulk, { state: 'done', endedAt: now }, now)
      receipts.push(trace('finish', bulk, after, origin, now))
    }
    return audited(receipts, next.length)
  }

  const change = (before: Bulk, verb: BulkVerb, origin: Origin, now: number): Accounted<Bulk> => {
    const state = onBulkVerb(before.state, verb)
    if (state === before.state) return unchanged(before)
    if (verb === 'cancel') return cancelBulk(before, errorOfCancelled, origin, now)
    if (verb === 'pause') park(before.id, now)
    else unpark(before.id, now)
    const after = update(before, { state }, now)
    return audited(trace(verb, before, after, origin, now), after)
  }

  return {
    create: ({ bulk: given, recipients, idempotency }, admit, origin, now) =>
      engine.write(() => {
        const { deviceId } = given
        const known =
          idempotency === undefined
            ? undefined
            : queries.byKey.get({ deviceId, idempotencyKey: idempotency.key })
        if (known !== undefined) {
          const kind = known.requestHash === idempotency?.requestHash ? 'repeated' : 'conflict'
          return unchanged<CreatedBulk>({ kind, bulk: toBulk(known) })
        }
        const { sender, senderName } = admit(devices.get(deviceId))
        checkRoom()
        const bulk: Bulk = {
          ...given,
          state: 'running',
          sender,
          senderName,
          total: recipients.length,
          createdAt: now,
          updatedAt: now,
          startedAt: null,
          endedAt: null,
        }
        assert(sender.pn, `the account of ${deviceId} has no number`)
        queries.insert({
          ...bulk,
          body: JSON.stringify(bulk.body),
          plan: JSON.stringify(bulk.plan),
          senderPn: sender.pn,
          senderLid: sender.lid,
          idempotencyKey: idempotency?.key ?? null,
          requestHash: idempotency?.requestHash ?? null,
        })
        queries.insertRecipients(bulk.id, recipients)
        tracer.event(eventOf('bulk.created', bulk), now)
        const receipt = tracer.audit(
          {
            origin,
            action: 'bulk.create',
            target: { kind: 'bulk', id: bulk.id },
            before: null,
            after: { deviceId, state: bulk.state, type: bulk.body.type, total: bulk.total },
          },
          now,
        )
        return audited<CreatedBulk>(receipt, { kind: 'accepted', bulk })
      }),

    get: (id) => engine.read(() => get(id)),

    async list(deviceId, { limit, cursor }) {
      const before = parseCursor(cursor)
      const rows = await engine.read(() => queries.list.all({ deviceId, before, limit: limit + 1 }))
      const { items, nextCursor } = toPage(rows, limit)
      return { items: items.map(toBulk), nextCursor }
    },

    counts: (id) => engine.read(() => queries.counts(id)),

    async recipients(id, { limit, cursor, status }) {
      const after = afterOf(cursor)
      return toPage(
        await engine.read(() => queries.recipients(id, { after, status, limit: limit + 1 })),
        limit,
      )
    },

    change: (id, verb, origin, now) =>
      engine.write(() => {
        const before = get(id)
        return before === undefined ? unchanged(undefined) : change(before, verb, origin, now)
      }),

    async cancelAll(lease, deviceId, error, origin, now) {
      let cancelled = 0
      for (const { id } of await engine.read(() => queries.openOfDevice.all({ deviceId }))) {
        cancelled += await engine.write(() => {
          fence(lease)
          const before = get(id)
          if (before === undefined || before.state === 'cancelled' || before.endedAt !== null) {
            return unchanged(0)
          }
          return audited(
            cancelBulk(before, () => error, origin, now),
            1,
          )
        })
      }
      return cancelled
    },

    async feed(lease, origin, now) {
      const open = await engine.read(() =>
        (['running', 'paused', 'cancelled'] as const).flatMap((state) =>
          queries.open
            .all({ state })
            .map((row) => ({ ...row, plan: JSON.parse(row.plan) as Plan }))
            .filter((bulk) => !isIdle(bulk, now)),
        ),
      )
      let fed = 0
      for (const { id } of open) {
        fed += await engine.write(() => {
          fence(lease)
          const bulk = get(id)
          return bulk?.endedAt === null ? advance(bulk, origin, now) : unchanged(0)
        })
      }
      return fed
    },
  }
}
