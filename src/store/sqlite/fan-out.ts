/** Which endpoints an event goes to: a row for each, in the transaction of the event itself. */
import { eq } from './drizzle.ts'
import type { Event } from '../../domain/event.ts'
import { type Delivery, type Endpoint, wants } from '../../domain/webhook.ts'
import { newId } from '../../runtime/ids.ts'
import { meta } from './schema.ts'
import { directGet, everyColumn, directWrite, excluded, param, type Db } from './statements.ts'
import { toEndpoint, type WebhookQueries } from './webhook-rows.ts'

export interface FanOut {
  /** Runs inside the transaction that has written the event. */
  spread(event: Event): void
  /** Puts an event on its way to one endpoint. */
  add(
    endpoint: Pick<Endpoint, 'id' | 'ordered'>,
    event: Event,
    origin: Delivery['origin'],
    now: number,
  ): string
  /** The endpoints are not what they were: this process and all others read them anew. */
  changed(now: number): void
}

const revisionKey = 'webhooks_revision'
/** Before all that waits: a test is to show what happens now. */
export const testDueAt = 0

export const createFanOut = (db: Db, queries: WebhookQueries): FanOut => {
  const value = { value: meta.value }
  const selectRevision = directGet(
    db,
    value,
    db
      .select(value)
      .from(meta)
      .where(eq(meta.key, param('key'))),
  )
  const upsertRevision = directWrite(
    db,
    db
      .insert(meta)
      .values(everyColumn(meta))
      .onConflictDoUpdate({ target: meta.key, set: excluded(meta, 'value') }),
  )
  let known: { readonly revision: string | undefined; readonly endpoints: readonly Endpoint[] } = {
    revision: undefined,
    endpoints: [],
  }

  /** One look at a row tells whether those that are known still hold: most events find them unchanged. */
  const endpoints = (): readonly Endpoint[] => {
    const revision = selectRevision({ key: revisionKey })?.value
    if (revision !== known.revision) {
      const all = queries.endpoints.all().map(toEndpoint)
      known = { revision, endpoints: all.filter(({ state }) => state === 'active' || state === 'paused') }
    }
    return known.endpoints
  }

  const add: FanOut['add'] = ({ id: endpointId, ordered }, event, origin, now) => {
    const { deviceId } = event
    const id = newId('dlv', now)
    const mustWait = ordered && origin !== 'test' && queries.hasLine({ endpointId, deviceId }) !== undefined
    queries.insert({
      id,
      endpointId,
      eventSeq: event.seq,
      eventId: event.id,
      eventType: event.type,
      deviceId,
      origin,
      state: 'waiting',
      attempts: 0,
      roundFrom: 0,
      dueAt: origin === 'test' ? testDueAt : mustWait ? null : now,
      owner: null,
      epoch: null,
      lastStatus: null,
      errorCode: null,
      errorDetail: null,
      createdAt: now,
      attemptedAt: null,
      settledAt: null,
    })
    return id
  }

  return {
    spread(event) {
      for (const endpoint of endpoints()) if (wants(endpoint, event)) add(endpoint, event, 'event', event.at)
    },
    add,
    // By chance, not by number: one that was counted in a transaction which was undone must not be met again.
    changed: (now) => upsertRevision({ key: revisionKey, value: newId('rev', now) }),
  }
}
