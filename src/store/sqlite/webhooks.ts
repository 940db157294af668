/** Endpoints of webhooks, and what is on its way to them. */
import type { NewAuditEntry, Origin } from '../../domain/audit.ts'
import { assert } from '../../domain/errors.ts'
import {
  deliveryDueAheadMaxMs,
  deliveryStates,
  endpointSummary,
  lineRunMax,
  shownUrl,
  wants,
  type AfterPost,
  type Endpoint,
  type EndpointHealth,
} from '../../domain/webhook.ts'
import type { Lease } from '../../domain/lease.ts'
import type { ClaimedDelivery, WebhookStore } from '../webhook-store.ts'
import { audited, unaudited, unchanged, type Receipt } from './accounted.ts'
import type { Engine } from './engine.ts'
import { toEvent } from './events.ts'
import { type FanOut, testDueAt } from './fan-out.ts'
import type { Fence } from './fence.ts'
import { parseCursor, toPage } from './pages.ts'
import type { Tracer } from './trace.ts'
import {
  toAttempt,
  toDelivery,
  toEndpoint,
  toEndpointRow,
  type DeliveryRow,
  type WebhookQueries,
} from './webhook-rows.ts'

const sameHealth = (a: EndpointHealth, b: EndpointHealth): boolean =>
  a.state === b.state &&
  a.failures === b.failures &&
  a.failingSince === b.failingSince &&
  a.notBefore === b.notBefore &&
  a.recoveredAt === b.recoveredAt

const isOf = ({ owner, epoch }: Pick<DeliveryRow, 'owner' | 'epoch'>, lease: Lease): boolean =>
  owner === lease.owner && epoch === lease.epoch

export const createWebhooks = (
  engine: Engine,
  {
    fence,
    tracer,
    queries,
    fanOut,
  }: {
    fence: Fence
    tracer: Tracer
    queries: WebhookQueries
    fanOut: FanOut
  },
): WebhookStore => {
  const get = (id: string): Endpoint | undefined => {
    const row = queries.endpoint({ id })
    return row === undefined ? undefined : toEndpoint(row)
  }

  const put = (endpoint: Endpoint, now: number): void => {
    queries.updateEndpoint({ ...toEndpointRow(endpoint), updatedAt: now })
    fanOut.changed(now)
  }

  const audit = (
    action: NewAuditEntry['action'],
    id: string,
    change: Pick<NewAuditEntry, 'before' | 'after'>,
    origin: Origin,
    now: number,
  ): Receipt => tracer.audit({ origin, action, target: { kind: 'webhook', id }, ...change }, now)

  /** Writes a delivery; the columns that are not given stay. */
  const update = (row: DeliveryRow, change: Partial<DeliveryRow>): DeliveryRow => {
    const after = { ...row, ...change }
    queries.update({ ...after })
    return after
  }

  /** When a delivery that waits again may go: in a line only the first may, whatever came in between. */
  const turnOf = ({ ordered }: Endpoint, row: DeliveryRow, now: number): number | null => {
    if (!ordered) return now
    const { endpointId, deviceId } = row
    const head = queries.lineHead({ endpointId, deviceId })
    if (head === undefined) return now
    if (head.seq < row.seq || head.state === 'sending') return null
    queries.setDue({ seq: head.seq, dueAt: null })
    return now
  }

  const reopen = (endpoint: Endpoint, row: DeliveryRow, now: number): DeliveryRow =>
    row.state === 'waiting'
      ? update(row, { dueAt: row.dueAt === null ? null : Math.min(row.dueAt, now) })
      : update(row, {
          dueAt: turnOf(endpoint, row, now),
          state: 'waiting',
          roundFrom: row.attempts,
          settledAt: null,
        })

  const settle = (row: DeliveryRow, change: Partial<DeliveryRow>, ordered: boolean, now: number): void => {
    update(row, { ...change, dueAt: null, owner: null, epoch: null, settledAt: now })
    if (ordered) queries.releaseNext(row.endpointId, row.deviceId, now)
  }

  const applyPost = (
    row: DeliveryRow,
    endpoint: Endpoint,
    after: AfterPost,
    status: number | null,
    now: number,
  ) => {
    const said = { lastStatus: status ?? row.lastStatus, attemptedAt: now }
    switch (after.state) {
      case 'delivered':
        return settle(
          row,
          { ...said, state: 'delivered', errorCode: null, errorDetail: null },
          endpoint.ordered,
          now,
        )
      case 'failed': {
        const { code: errorCode, detail: errorDetail } = after.error
        return settle(row, { ...said, state: 'failed', errorCode, errorDetail }, endpoint.ordered, now)
      }
      case 'waiting': {
        const { code: errorCode, detail: errorDetail } = after.error
        // Nobody tests for tomorrow.
        if (row.origin === 'test')
          return settle(row, { ...said, state: 'failed', errorCode, errorDetail }, false, now)
        update(row, {
          ...said,
          state: 'waiting',
          dueAt: after.dueAt,
          owner: null,
          epoch: null,
          errorCode,
          errorDetail,
        })
      }
    }
  }

  const applyHealth = (
    before: Endpoint,
    health: EndpointHealth,
    origin: Origin,
    now: number,
  ): Receipt | undefined => {
    if (sameHealth(before, health)) return undefined
    const isDisabled = health.state === 'disabled' && before.state !== 'disabled'
    const after: Endpoint = {
      ...before,
      ...health,
      disabledSeq: isDisabled ? (queries.latestEvent({})?.seq ?? null) : before.disabledSeq,
    }
    queries.updateEndpoint({ ...toEndpointRow(after) })
    if (!isDisabled) return undefined
    fanOut.changed(now)
    const reason = health.disabledReason ?? ''
    tracer.event(
      {
        type: 'webhook.endpoint_disabled',
        deviceId: null,
        data: { endpointId: after.id, url: shownUrl(after.url), reason },
      },
      now,
    )
    const change = { before: { state: before.state }, after: { state: after.state, reason } }
    return audit('webhook.disable', after.id, change, origin, now)
  }

  /** Those that are due; then those that failed while the endpoint was away, as far as there is room. */
  const dueRows = (endpoint: Endpoint, limit: number, testsOnly: boolean, now: number): DeliveryRow[] => {
    const of = { endpointId: endpoint.id, testsOnly: testsOnly ? 1 : 0 }
    const rows = queries.due({ ...of, now, limit })
    const room = (): number => limit - rows.length
    if (room() > 0)
      rows.push(...queries.dueTooLate({ ...of, latest: now + deliveryDueAheadMaxMs, limit: room() }))
    const { recoveredAt } = endpoint
    if (recoveredAt === null || testsOnly || room() === 0) return rows
    const left = queries.failedBefore({ endpointId: endpoint.id, now, recoveredAt, limit: room() })
    const known = new Set(rows.map(({ seq }) => seq))
    if (left.length === 0) queries.updateEndpoint({ ...toEndpointRow(endpoint), recoveredAt: null })
    return [...rows, ...left.filter(({ seq }) => !known.has(seq))]
  }

  const claim = (row: DeliveryRow, { owner, epoch }: Lease, follows: boolean): ClaimedDelivery => {
    const claimed = update(row, { state: 'sending', dueAt: null, owner, epoch, attempts: row.attempts + 1 })
    const event = queries.event({ seq: row.eventSeq })
    return {
      delivery: toDelivery(claimed),
      round: claimed.attempts - claimed.roundFrom,
      event: event === undefined ? undefined : toEvent(event),
      follows,
    }
  }

  /** The first of a line, and as many as there is room for of those behind it. */
  const claimRun = (
    endpoint: Endpoint,
    first: DeliveryRow,
    lease: Lease,
    room: number,
  ): ClaimedDelivery[] => {
    const { endpointId, deviceId, seq } = first
    const isRun =
      endpoint.ordered && endpoint.failures === 0 && first.attempts === 0 && first.origin !== 'test'
    const limit = Math.min(room, lineRunMax - 1)
    const rest = isRun && limit > 0 ? queries.behind({ endpointId, deviceId, seq, limit }) : []
    return [claim(first, lease, false), ...rest.map((row) => claim(row, lease, true))]
  }

  const claimAt = (endpoint: Endpoint, rows: readonly DeliveryRow[], limit: number, lease: Lease) => {
    let room = limit - rows.length
    return rows.flatMap((row) => {
      const run = claimRun(endpoint, row, lease, room)
      room -= run.length - 1
      return run
    })
  }

  /** Untried, or nobody can say: it waits again, in a line behind those before it. */
  const release = (row: DeliveryRow, dueAt: number, change: Partial<DeliveryRow>): void => {
    const { endpointId, deviceId } = row
    const inLine = row.origin !== 'test' && get(endpointId)?.ordered === true
    update(row, {
      ...change,
      state: 'waiting',
      dueAt: row.origin === 'test' ? testDueAt : inLine ? null : dueAt,
      owner: null,
      epoch: null,
    })
    if (inLine) queries.releaseNext(endpointId, deviceId, dueAt)
  }

  const changeOrder = (before: Endpoint, after: Endpoint, now: number): void => {
    if (before.ordered === after.ordered) return
    if (after.ordered) queries.line({ endpointId: after.id })
    else queries.unline({ endpointId: after.id, dueAt: now })
  }

  return {
    create: (endpoint, admit, origin, now) =>
      engine.write(() => {
        admit(queries.countEndpoints({})?.total ?? 0)
        queries.insertEndpoint({ ...toEndpointRow(endpoint) })
        fanOut.changed(now)
        const change = { before: null, after: endpointSummary(endpoint) }
        return audited(audit('webhook.create', endpoint.id, change, origin, now), endpoint)
      }),

    get: (id) => engine.read(() => get(id)),

    list: () => engine.read(() => queries.endpoints.all().map(toEndpoint)),

    change: (id, action, decide, origin, now) =>
      engine.write(() => {
        const before = get(id)
        if (before === undefined || before.state === 'removed') return unchanged(undefined)
        const wanted = decide(before)
        const isRemoved = wanted.state === 'removed'
        const after: Endpoint = isRemoved
          ? { ...wanted, secret: '', previousSecret: null, previousSecretUntil: null, headers: {} }
          : wanted
        put(after, now)
        if (isRemoved) queries.cancelOpen({ endpointId: id, settledAt: now })
        else changeOrder(before, after, now)
        const change = { before: endpointSummary(before), after: isRemoved ? null : endpointSummary(after) }
        return audited(audit(action, id, change, origin, now), { ...after, updatedAt: now })
      }),

    async deliveries(filter, { limit, cursor }) {
      const before = parseCursor(cursor)
      const page = toPage(await engine.read(() => queries.list(filter, limit + 1, before)), limit)
      return { ...page, items: page.items.map(toDelivery) }
    },

    delivery: (id) =>
      engine.read(() => {
        const row = queries.delivery({ id })
        return row === undefined ? undefined : toDelivery(row)
      }),

    attempts: async (deliveryId, limit) =>
      (await engine.read(() => queries.attempts.all({ deliveryId, limit }))).map(toAttempt).toReversed(),

    counts: (endpointId, countMax) =>
      engine.read(() => {
        const entries = deliveryStates.map((state) => [state, queries.count(endpointId, state, countMax)])
        return Object.fromEntries(entries) as Record<(typeof deliveryStates)[number], number>
      }),

    redeliver: (deliveryId, origin, now) =>
      engine.write(() => {
        const row = queries.delivery({ id: deliveryId })
        const endpoint = row === undefined ? undefined : get(row.endpointId)
        if (row === undefined || row.state === 'sending' || endpoint === undefined) {
          return unchanged(undefined)
        }
        const after = reopen(endpoint, row, now)
        const receipt = tracer.audit(
          {
            origin,
            action: 'webhook.redeliver',
            target: { kind: 'delivery', id: deliveryId },
            before: { state: row.state },
            after: { state: after.state, endpointId: endpoint.id },
          },
          now,
        )
        return audited(receipt, toDelivery(after))
      }),

    redeliverFailed: (endpointId, range, origin, now) =>
      engine.write(() => {
        const endpoint = get(endpointId)
        const rows = endpoint === undefined ? [] : queries.failedSince.all({ endpointId, ...range })
        const lastSeq = rows.at(-1)?.seq ?? null
        if (endpoint === undefined || lastSeq === null) return unchanged({ count: 0, lastSeq })
        for (const row of rows) reopen(endpoint, row, now)
        const after = { deliveries: rows.length, from: rows[0]?.id, to: rows.at(-1)?.id }
        const receipt = audit('webhook.redeliver', endpointId, { before: null, after }, origin, now)
        return audited(receipt, { count: rows.length, lastSeq })
      }),

    replay: (endpointId, { after, until, limit }, origin, now) =>
      engine.write(() => {
        const endpoint = get(endpointId)
        const rows = endpoint === undefined ? [] : queries.eventsAfter({ after, until, limit })
        const lastSeq = rows.at(-1)?.seq ?? null
        if (endpoint === undefined || lastSeq === null) return unchanged({ count: 0, lastSeq })
        const wanted = rows.map(toEvent).filter((event) => wants(endpoint, event))
        for (const event of wanted) fanOut.add(endpoint, event, 'replay', now)
        const change = { before: null, after: { after, until: lastSeq, deliveries: wanted.length } }
        const receipt = audit('webhook.replay', endpointId, change, origin, now)
        return audited(receipt, { count: wanted.length, lastSeq })
      }),

    test: (endpointId, origin, now) =>
      engine.write(() => {
        const endpoint = get(endpointId)
        if (endpoint === undefined || endpoint.state === 'removed') return unchanged(undefined)
        const event = tracer.event({ type: 'webhook.tested', deviceId: null, data: { endpointId } }, now)
        const id = fanOut.add(endpoint, event, 'test', now)
        const receipt = audit(
          'webhook.test',
          endpointId,
          { before: null, after: { deliveryId: id } },
          origin,
          now,
        )
        const row = queries.delivery({ id })
        assert(row, `the delivery ${id} was not written`)
        return audited(receipt, toDelivery(row))
      }),

    work: (now) =>
      engine.read(() =>
        queries.endpoints.all().flatMap((row) => {
          const endpoint = toEndpoint(row)
          const dueAt = queries.nextDue({ endpointId: endpoint.id })?.dueAt ?? null
          if (dueAt === null) return []
          const testsOnly = endpoint.state !== 'active'
          if (testsOnly && dueAt !== testDueAt) return []
          const isTooLate = dueAt > now + deliveryDueAheadMaxMs
          return [{ endpoint, nextDue: isTooLate || endpoint.recoveredAt !== null ? now : dueAt, testsOnly }]
        }),
      ),

    claim: (lease, wanted, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const claimed = wanted.flatMap(({ endpointId, limit, testsOnly }) => {
          const endpoint = get(endpointId)
          if (endpoint === undefined || endpoint.state === 'removed') return []
          const onlyTests = testsOnly || endpoint.state !== 'active'
          return claimAt(endpoint, dueRows(endpoint, limit, onlyTests, now), limit, lease)
        })
        return unaudited('step', claimed)
      }),

    record: (lease, deliveryId, attempt, decide, origin, now) =>
      engine.write(() => {
        fence(lease)
        const row = queries.delivery({ id: deliveryId })
        if (row?.state !== 'sending' || !isOf(row, lease)) return unchanged(undefined)
        const endpoint = get(row.endpointId)
        assert(endpoint, `the endpoint ${row.endpointId} of a delivery does not exist`)
        const { error, ...seen } = attempt
        queries.insertAttempt({
          ...seen,
          deliveryId,
          number: row.attempts,
          errorCode: error?.code ?? null,
          errorDetail: error?.detail ?? null,
        })
        const after = decide(endpoint)
        applyPost(row, endpoint, after.delivery, attempt.status, now)
        const receipt = applyHealth(endpoint, after.endpoint, origin, now)
        return receipt === undefined ? unaudited('delivery', undefined) : audited(receipt, undefined)
      }),

    giveBack: (lease, deliveryIds, dueAt) =>
      engine.writeQuietly(() => {
        fence(lease)
        for (const id of deliveryIds) {
          const row = queries.delivery({ id })
          if (row?.state !== 'sending' || !isOf(row, lease)) continue
          release(row, dueAt, { attempts: row.attempts - 1 })
        }
        return unaudited('step', undefined)
      }),

    recover: (lease, now) =>
      engine.write(() => {
        fence(lease)
        const left = queries.sending.all().filter((row) => !isOf(row, lease))
        for (const row of left) release(row, now, {})
        return unaudited('step', left.length)
      }),
  }
}
