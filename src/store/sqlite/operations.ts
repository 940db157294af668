import { audited, unaudited, unchanged, type Receipt } from './accounted.ts'
import { and, asc, eq, getTableColumns, isNotNull, lt, min, ne, or, sql } from './drizzle.ts'
import type { NewAuditEntry, Origin } from '../../domain/audit.ts'
import { assert } from '../../domain/errors.ts'
import {
  afterLoss,
  type AfterOperation,
  checkOpenOperations,
  expiredError,
  isExpired,
  type Operation,
  operationDueAheadMaxMs,
  type OperationInput,
  type OperationKind,
  openOperationsMax,
  operationRules,
  type OperationResult,
  subjectOf,
} from '../../domain/operation.ts'
import type { EnqueuedOperation } from '../operation-store.ts'
import type { OperationStore } from '../store.ts'
import type { DeviceQueries } from './devices.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import type { MessageMarks } from './message-marks.ts'
import type { MessageQueries } from './message-rows.ts'
import type { CheckRoom } from './room.ts'
import { operations } from './schema.ts'
import { assign, everyColumn, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

type OperationRow = typeof operations.$inferSelect

const readKinds = sql.raw(
  (Object.keys(operationRules) as OperationKind[])
    .filter((kind) => operationRules[kind].reads)
    .map((kind) => `'${kind}'`)
    .join(', '),
)

const toOperation = (row: OperationRow): Operation => ({
  id: row.id,
  deviceId: row.deviceId,
  // Both were written as JSON of these types; the kind stands in a column of its own too.
  input: JSON.parse(row.input) as OperationInput,
  result: row.result === null ? null : (JSON.parse(row.result) as OperationResult),
  state: row.state,
  error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
  attempts: row.attempts,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
})

const createQueries = (db: Db) => {
  const columns = getTableColumns(operations)
  const all = () => db.select(columns).from(operations)
  const ofDevice = eq(operations.deviceId, param('deviceId'))
  const isOpen = sql`${operations.state} in ('queued', 'running')`
  const isRunning = sql`${operations.state} = 'running'`
  const byId = eq(operations.id, param('id'))
  const otherLease = or(ne(operations.owner, param('owner')), ne(operations.epoch, param('epoch')))
  return {
    insert: db.insert(operations).values(everyColumn(operations)).prepare(),
    byId: all().where(byId).prepare(),
    byKey: all()
      .where(and(ofDevice, eq(operations.idempotencyKey, param('idempotencyKey'))))
      .prepare(),
    open: all().where(and(ofDevice, isOpen)).orderBy(asc(operations.seq)).limit(upTo('limit')).prepare(),
    countOpen: db
      .select({ open: sql<number>`count(*)` })
      .from(operations)
      .where(and(ofDevice, isOpen))
      .prepare(),
    lost: all()
      .where(and(ofDevice, isOpen, isRunning, otherLease))
      .orderBy(asc(operations.seq))
      .prepare(),
    nextDue: db
      .select({ dueAt: min(operations.dueAt) })
      .from(operations)
      .where(and(ofDevice, isNotNull(operations.dueAt)))
      .prepare(),
    update: db
      .update(operations)
      .set(
        assign(
          operations,
          'state',
          'result',
          'dueAt',
          'owner',
          'epoch',
          'attempts',
          'errorCode',
          'errorDetail',
          'updatedAt',
        ),
      )
      .where(byId)
      .prepare(),
    prune: db
      .delete(operations)
      .where(
        and(
          ofDevice,
          sql`${operations.kind} in (${readKinds})`,
          sql`not ${isOpen}`,
          lt(operations.updatedAt, param('before')),
        ),
      )
      .prepare(),
  }
}

export const createOperations = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    checkRoom,
    devices,
    messages,
    marks,
  }: {
    fence: Fence
    tracer: Tracer
    checkRoom: CheckRoom
    devices: DeviceQueries
    messages: MessageQueries
    marks: MessageMarks
  },
): OperationStore => {
  const queries = createQueries(db)

  const auditOf = (
    action: NewAuditEntry['action'],
    before: Operation | null,
    after: Operation,
    origin: Origin,
  ): NewAuditEntry => ({
    origin,
    action,
    target: { kind: 'operation', id: after.id },
    before: before === null ? null : { state: before.state, attempts: before.attempts },
    after: {
      ...(before === null ? { deviceId: after.deviceId, input: after.input } : {}),
      state: after.state,
      attempts: after.attempts,
      error: after.error?.code ?? null,
    },
  })

  /** Writes a change; those that somebody may wait for are events. */
  const change = (
    before: Operation,
    next: Pick<Operation, 'state'> & Partial<Pick<Operation, 'result' | 'error' | 'attempts'>>,
    at: { readonly dueAt: number | null; readonly owner: string | null; readonly epoch: number | null },
    now: number,
  ): Operation => {
    const after: Operation = { ...before, error: null, ...next, updatedAt: now }
    queries.update.run({
      id: after.id,
      state: after.state,
      result: after.result === null ? null : JSON.stringify(after.result),
      ...at,
      attempts: after.attempts,
      errorCode: after.error?.code ?? null,
      errorDetail: after.error?.detail ?? null,
      updatedAt: now,
    })
    return after
  }
  const told = (operation: Operation, now: number): void => {
    const { id: operationId, deviceId, input, state, error } = operation
    if (state === 'running') return
    tracer.event(
      { type: `operation.${state}`, deviceId, data: { operationId, kind: input.kind, error } },
      now,
    )
  }

  /** What is true of messages since an operation is done. */
  const takeEffect = ({ input }: Operation, origin: Origin, now: number): void => {
    switch (input.kind) {
      case 'star':
      case 'delete_for_me': {
        const message = messages.get(input.messageId)
        const starred = input.kind === 'star' && input.starred ? 'starred' : 'unstarred'
        const mark = input.kind === 'star' ? starred : 'deleted_for_me'
        if (message !== undefined) marks.mark(message, mark, origin, now)
        return
      }
      case 'mark_read':
        for (const id of input.messageIds) {
          const message = messages.get(id)
          if (message !== undefined) marks.see(message, input.played ? 'played' : 'read', origin, now)
        }
        return
      case 'typing':
      case 'group_create':
      case 'group_leave':
      case 'group_info':
      case 'group_list':
      case 'numbers_check':
    }
  }

  const nowhere = { dueAt: null, owner: null, epoch: null }

  const settle = (
    before: Operation,
    after: AfterOperation,
    action: NewAuditEntry['action'],
    origin: Origin,
    now: number,
  ): Receipt => {
    const operation =
      after.state === 'queued'
        ? change(before, after, { ...nowhere, dueAt: after.notBefore }, now)
        : change(before, after, nowhere, now)
    if (after.state === 'done') takeEffect(operation, origin, now)
    if (after.state !== 'queued') told(operation, now)
    return tracer.audit(auditOf(action, before, operation, origin), now)
  }

  const openRows = (deviceId: string): OperationRow[] =>
    queries.open.all({ deviceId, limit: openOperationsMax })

  /** Those that are too old to be begun come to their end; the others are what is really open. */
  const withoutExpired = (rows: readonly OperationRow[], origin: Origin, now: number): OperationRow[] =>
    rows.filter((row) => {
      const operation = toOperation(row)
      if (row.state !== 'queued' || !isExpired(operation, now)) return true
      settle(operation, { state: 'failed', error: expiredError }, 'operation.cancel', origin, now)
      return false
    })

  const isDue = ({ dueAt }: OperationRow, now: number): boolean =>
    dueAt !== null && (dueAt <= now || dueAt > now + operationDueAheadMaxMs)

  /** The due ones that no earlier open one of the same subject holds back. */
  const claimable = (rows: readonly OperationRow[], now: number): OperationRow[] => {
    const busy = new Set<string>()
    return rows.filter((row) => {
      const subject = subjectOf(toOperation(row).input)
      const first = subject === null || !busy.has(subject)
      if (subject !== null) busy.add(subject)
      return first && row.state === 'queued' && isDue(row, now)
    })
  }

  return {
    enqueue: ({ id, deviceId, input, idempotency }, admit, origin, now) =>
      engine.write(() => {
        const known =
          idempotency === undefined
            ? undefined
            : queries.byKey.get({ deviceId, idempotencyKey: idempotency.key })
        if (known !== undefined) {
          const kind = known.requestHash === idempotency?.requestHash ? 'repeated' : 'conflict'
          return unchanged<EnqueuedOperation>({ kind, operation: toOperation(known) })
        }
        admit(devices.get(deviceId))
        checkRoom()
        // A full queue alone is worth a look at what of it is too old.
        if ((queries.countOpen.get({ deviceId })?.open ?? 0) >= openOperationsMax) {
          checkOpenOperations(withoutExpired(openRows(deviceId), origin, now).length, deviceId)
        }
        const operation: Operation = {
          id,
          deviceId,
          input,
          state: 'queued',
          result: null,
          error: null,
          attempts: 0,
          createdAt: now,
          updatedAt: now,
        }
        queries.insert.run({
          id,
          deviceId,
          kind: input.kind,
          input: JSON.stringify(input),
          state: 'queued',
          result: null,
          dueAt: now,
          owner: null,
          epoch: null,
          attempts: 0,
          errorCode: null,
          errorDetail: null,
          createdAt: now,
          updatedAt: now,
          idempotencyKey: idempotency?.key ?? null,
          requestHash: idempotency?.requestHash ?? null,
        })
        told(operation, now)
        const receipt = tracer.audit(auditOf('operation.enqueue', null, operation, origin), now)
        return audited<EnqueuedOperation>(receipt, { kind: 'accepted', operation })
      }),

    get: (id) =>
      engine.read(() => {
        const row = queries.byId.get({ id })
        return row === undefined ? undefined : toOperation(row)
      }),

    claim: (lease, { deviceId, limit }, origin, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const rows = withoutExpired(openRows(deviceId), origin, now)
        const claimed = claimable(rows, now)
          .slice(0, limit)
          .map((row) => {
            const before = toOperation(row)
            const { owner, epoch } = lease
            const next = { state: 'running', attempts: before.attempts + 1 } as const
            const operation = change(before, next, { dueAt: null, owner, epoch }, now)
            const entry = auditOf('operation.attempt', before, operation, origin)
            return audited(tracer.audit(entry, now), operation)
          })
        return audited(
          claimed,
          claimed.map(({ value }) => value),
        )
      }),

    record: (lease, id, after, origin, now) =>
      engine.write(() => {
        fence(lease)
        const row = queries.byId.get({ id })
        assert(row, `operation ${id} does not exist`)
        return row.state === 'running'
          ? audited(settle(toOperation(row), after, 'operation.attempt', origin, now), undefined)
          : unchanged(undefined)
      }),

    recover: (lease, deviceId, origin, now) =>
      engine.write(() => {
        fence(lease)
        const { owner, epoch } = lease
        const lost = queries.lost.all({ deviceId, owner, epoch }).map(toOperation)
        const receipts = lost.map((operation) =>
          settle(operation, afterLoss(operation, now), 'operation.attempt', origin, now),
        )
        return audited(receipts, lost.length)
      }),

    cancelAll: (lease, deviceId, error, origin, now) =>
      engine.write(() => {
        fence(lease)
        const open = openRows(deviceId).map(toOperation)
        const receipts = open.map((operation) =>
          settle(operation, { state: 'failed', error }, 'operation.cancel', origin, now),
        )
        return audited(receipts, open.length)
      }),

    nextDue: (deviceId) => engine.read(() => queries.nextDue.get({ deviceId })?.dueAt ?? null),

    prune: (deviceId, before) =>
      engine.writeQuietly(() => unaudited('prune', queries.prune.run({ deviceId, before }).changes)),
  }
}
