/** Endpoints of webhooks and their deliveries as rows. */
import { and, asc, desc, eq, getTableColumns, gt, gte, isNotNull, lt, lte, max, min, sql } from './drizzle.ts'
import type { SQL } from 'drizzle-orm'
import type {
  Delivery,
  DeliveryAttempt,
  DeliveryState,
  Endpoint,
  EndpointFilter,
} from '../../domain/webhook.ts'
import type { DeliveryFilter } from '../webhook-store.ts'
import { events, isTold } from './schema.ts'
import { assign, directAll, directGet, directWrite, everyColumn, param, type Db, upTo } from './statements.ts'
import { webhookAttempts, webhookDeliveries, webhookEndpoints } from './webhook-schema.ts'

type EndpointRow = typeof webhookEndpoints.$inferSelect
export type DeliveryRow = typeof webhookDeliveries.$inferSelect
type AttemptRow = typeof webhookAttempts.$inferSelect

export const toEndpoint = (row: EndpointRow): Endpoint => {
  const { seq: _, filter, headers, ordered, ...rest } = row
  return {
    ...rest,
    // Both were written as JSON of these types.
    filter: JSON.parse(filter) as EndpointFilter,
    headers: JSON.parse(headers) as Record<string, string>,
    ordered: ordered === 1,
  }
}

export const toEndpointRow = ({
  filter,
  headers,
  ordered,
  ...endpoint
}: Endpoint): Omit<EndpointRow, 'seq'> => ({
  ...endpoint,
  filter: JSON.stringify(filter),
  headers: JSON.stringify(headers),
  ordered: ordered ? 1 : 0,
})

export const toDelivery = (row: DeliveryRow): Delivery => ({
  id: row.id,
  endpointId: row.endpointId,
  eventSeq: row.eventSeq,
  eventId: row.eventId,
  eventType: row.eventType,
  deviceId: row.deviceId,
  origin: row.origin,
  state: row.state,
  attempts: row.attempts,
  dueAt: row.dueAt,
  lastStatus: row.lastStatus,
  error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
  createdAt: row.createdAt,
  attemptedAt: row.attemptedAt,
  settledAt: row.settledAt,
})

export const toAttempt = (row: AttemptRow): DeliveryAttempt => ({
  number: row.number,
  at: row.at,
  durationMs: row.durationMs,
  status: row.status,
  responseHead: row.responseHead,
  error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
})

const deliveryColumns = getTableColumns(webhookDeliveries)
const isOpen = sql`${webhookDeliveries.state} in ('waiting', 'sending')`
/** A test is in no line: it must show what happens now. */
const isInLine = and(isOpen, sql`${webhookDeliveries.origin} <> 'test'`)

const createList = (db: Db) => {
  const conditions = {
    state: eq(webhookDeliveries.state, param('state')),
    type: eq(webhookDeliveries.eventType, param('type')),
    deviceId: eq(webhookDeliveries.deviceId, param('deviceId')),
    after: gte(webhookDeliveries.createdAt, param('after')),
    before: lt(webhookDeliveries.createdAt, param('before')),
  }
  type Condition = keyof typeof conditions
  const names = Object.keys(conditions) as Condition[]
  const prepare = (given: readonly Condition[]) =>
    db
      .select(deliveryColumns)
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.endpointId, param('endpointId')),
          lt(webhookDeliveries.seq, param('beforeSeq')),
          ...given.map((name) => conditions[name]),
        ),
      )
      .orderBy(desc(webhookDeliveries.seq))
      .limit(upTo('limit'))
      .prepare()
  const prepared = new Map<string, ReturnType<typeof prepare>>()
  return (filter: DeliveryFilter, limit: number, beforeSeq: number): readonly DeliveryRow[] => {
    const given = names.filter((name) => filter[name] !== undefined)
    const key = given.join()
    const query = prepared.get(key) ?? prepare(given)
    prepared.set(key, query)
    return query.all({ ...filter, limit, beforeSeq })
  }
}

export const createWebhookQueries = (db: Db) => {
  const endpointColumns = getTableColumns(webhookEndpoints)
  const endpointById = eq(webhookEndpoints.id, param('id'))
  const deliveryById = eq(webhookDeliveries.id, param('id'))
  const ofEndpoint = eq(webhookDeliveries.endpointId, param('endpointId'))
  const isDueRow = isNotNull(webhookDeliveries.dueAt)
  const onlyTests = sql`(+${sql.placeholder('testsOnly')} = 0 or ${webhookDeliveries.origin} = 'test')`
  // NULL is a line too: that of what is about no device.
  const sameLine = sql`${webhookDeliveries.deviceId} is ${param('deviceId')}`
  const byDue = [asc(webhookDeliveries.dueAt), asc(webhookDeliveries.seq)] as const
  const deliveries = () => db.select(deliveryColumns).from(webhookDeliveries)

  /** What may be tried once its time has come, soonest first. */
  const dueRows = (...conditions: readonly SQL[]) =>
    directAll(
      db,
      deliveryColumns,
      deliveries()
        .where(and(ofEndpoint, isDueRow, ...conditions))
        .orderBy(...byDue)
        .limit(upTo('limit')),
    )

  const one = { seq: webhookDeliveries.seq }
  const head = { seq: webhookDeliveries.seq, state: webhookDeliveries.state, dueAt: webhookDeliveries.dueAt }
  const next = { dueAt: min(webhookDeliveries.dueAt) }
  const count = { total: sql<number>`count(*)` }
  const eventColumns = getTableColumns(events)
  const latest = { seq: max(events.seq) }
  const some = db
    .select(one)
    .from(webhookDeliveries)
    .where(and(ofEndpoint, eq(webhookDeliveries.state, param('state'))))
    .limit(upTo('limit'))
    .as('some')
  const selectCount = directGet(db, count, db.select(count).from(some))
  const setDue = directWrite(
    db,
    db
      .update(webhookDeliveries)
      .set(assign(webhookDeliveries, 'dueAt'))
      .where(eq(webhookDeliveries.seq, param('seq'))),
  )
  const lineHead = directGet(
    db,
    head,
    db
      .select(head)
      .from(webhookDeliveries)
      .where(and(ofEndpoint, sameLine, isInLine))
      .orderBy(asc(webhookDeliveries.seq))
      .limit(upTo(1)),
  )

  return {
    insertEndpoint: directWrite(db, db.insert(webhookEndpoints).values(everyColumn(webhookEndpoints))),
    endpoint: directGet(
      db,
      endpointColumns,
      db.select(endpointColumns).from(webhookEndpoints).where(endpointById),
    ),
    endpoints: db
      .select()
      .from(webhookEndpoints)
      .where(sql`${webhookEndpoints.state} <> 'removed'`)
      .orderBy(asc(webhookEndpoints.seq))
      .prepare(),
    countEndpoints: directGet(
      db,
      count,
      db.select(count).from(webhookEndpoints).where(sql`${webhookEndpoints.state} <> 'removed'`),
    ),
    updateEndpoint: directWrite(
      db,
      db
        .update(webhookEndpoints)
        .set(
          assign(
            webhookEndpoints,
            'url',
            'description',
            'state',
            'disabledReason',
            'disabledSeq',
            'secret',
            'previousSecret',
            'previousSecretUntil',
            'filter',
            'headers',
            'format',
            'media',
            'ordered',
            'concurrency',
            'failures',
            'failingSince',
            'notBefore',
            'recoveredAt',
            'updatedAt',
          ),
        )
        .where(endpointById),
    ),

    insert: directWrite(db, db.insert(webhookDeliveries).values(everyColumn(webhookDeliveries))),
    delivery: directGet(db, deliveryColumns, deliveries().where(deliveryById)),
    list: createList(db),
    update: directWrite(
      db,
      db
        .update(webhookDeliveries)
        .set(
          assign(
            webhookDeliveries,
            'state',
            'attempts',
            'roundFrom',
            'dueAt',
            'owner',
            'epoch',
            'lastStatus',
            'errorCode',
            'errorDetail',
            'attemptedAt',
            'settledAt',
          ),
        )
        .where(eq(webhookDeliveries.seq, param('seq'))),
    ),
    setDue,

    /** Due by now, and what would be due later than any wait reaches. */
    due: dueRows(lte(webhookDeliveries.dueAt, param('now')), onlyTests),
    dueTooLate: dueRows(gt(webhookDeliveries.dueAt, param('latest')), onlyTests),
    /** What waits since an attempt before the endpoint came back. */
    failedBefore: dueRows(
      gt(webhookDeliveries.dueAt, param('now')),
      sql`${webhookDeliveries.attemptedAt} < ${param('recoveredAt')}`,
    ),
    nextDue: directGet(db, next, db.select(next).from(webhookDeliveries).where(and(ofEndpoint, isDueRow))),
    lineHead,
    /** The next of a line may go once the one before it is settled. */
    releaseNext: (endpointId: string, deviceId: string | null, now: number): void => {
      const first = lineHead({ endpointId, deviceId })
      if (first?.state === 'waiting' && first.dueAt === null) setDue({ seq: first.seq, dueAt: now })
    },
    /** What comes next in a line. */
    behind: directAll(
      db,
      deliveryColumns,
      deliveries()
        .where(
          and(
            ofEndpoint,
            sameLine,
            isInLine,
            // The sign keeps SQLite from looking through all that waits, whatever its line.
            sql`+${webhookDeliveries.state} = 'waiting'`,
            gt(webhookDeliveries.seq, param('seq')),
          ),
        )
        .orderBy(asc(webhookDeliveries.seq))
        .limit(upTo('limit')),
    ),
    hasLine: directGet(
      db,
      one,
      db
        .select(one)
        .from(webhookDeliveries)
        .where(and(ofEndpoint, sameLine, isInLine))
        .limit(upTo(1)),
    ),
    sending: deliveries().where(sql`${webhookDeliveries.state} = 'sending'`).prepare(),
    failedSince: deliveries()
      .where(
        and(
          ofEndpoint,
          sql`${webhookDeliveries.state} = 'failed'`,
          gte(webhookDeliveries.createdAt, param('since')),
          gt(webhookDeliveries.seq, param('afterSeq')),
        ),
      )
      .orderBy(asc(webhookDeliveries.seq))
      .limit(upTo('limit'))
      .prepare(),
    cancelOpen: directWrite(
      db,
      db
        .update(webhookDeliveries)
        .set({
          state: 'cancelled',
          dueAt: null,
          owner: null,
          epoch: null,
          ...assign(webhookDeliveries, 'settledAt'),
        })
        .where(and(ofEndpoint, isOpen)),
    ),
    /** Everything that waits may be tried; or only the first of each device. */
    unline: directWrite(
      db,
      db
        .update(webhookDeliveries)
        .set(assign(webhookDeliveries, 'dueAt'))
        .where(
          and(ofEndpoint, sql`${webhookDeliveries.state} = 'waiting' and ${webhookDeliveries.dueAt} is null`),
        ),
    ),
    line: directWrite(
      db,
      db
        .update(webhookDeliveries)
        .set({ dueAt: null })
        .where(
          and(
            ofEndpoint,
            sql`${webhookDeliveries.state} = 'waiting'`,
            isInLine,
            sql`${webhookDeliveries.seq} not in (select min(d.seq) from ${webhookDeliveries} d
              where d.endpoint_id = ${param('endpointId')} and d.state in ('waiting', 'sending') and d.origin <> 'test'
              group by d.device_id)`,
          ),
        ),
    ),
    count: (endpointId: string, state: DeliveryState, countMax: number): number =>
      selectCount({ endpointId, state, limit: countMax })?.total ?? 0,

    insertAttempt: directWrite(db, db.insert(webhookAttempts).values(everyColumn(webhookAttempts))),
    attempts: db
      .select()
      .from(webhookAttempts)
      .where(eq(webhookAttempts.deliveryId, param('deliveryId')))
      .orderBy(desc(webhookAttempts.seq))
      .limit(upTo('limit'))
      .prepare(),

    eventsAfter: directAll(
      db,
      eventColumns,
      db
        .select(eventColumns)
        .from(events)
        .where(and(gt(events.seq, param('after')), lte(events.seq, param('until')), isTold))
        .orderBy(asc(events.seq))
        .limit(upTo('limit')),
    ),
    latestEvent: directGet(db, latest, db.select(latest).from(events)),
    event: directGet(
      db,
      eventColumns,
      db
        .select(eventColumns)
        .from(events)
        .where(and(eq(events.seq, param('seq')), isTold)),
    ),
  }
}

export type WebhookQueries = ReturnType<typeof createWebhookQueries>
