/** Endpoints, and the part of a dispatcher that a test plays. */
import type { Lease } from '../../../src/domain/lease.ts'
import { afterPost, type Delivery, type Endpoint, type PostOutcome } from '../../../src/domain/webhook.ts'
import type { ClaimedDelivery, Store } from '../../../src/store/store.ts'
import { leaseTtlMs, origin, t0 } from './fixtures.ts'

export const endpointOf = (id: string, more: Partial<Endpoint> = {}): Endpoint => ({
  id,
  url: `https://example.com/${id}?token=geheim`,
  description: null,
  state: 'active',
  disabledReason: null,
  disabledSeq: null,
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  previousSecret: null,
  previousSecretUntil: null,
  filter: { events: ['message.queued'], devices: null, chats: null, notChats: [], ownMessages: true },
  headers: { Authorization: 'Bearer geheim' },
  format: 'event',
  media: 'link',
  ordered: false,
  concurrency: 10,
  failures: 0,
  failingSince: null,
  notBefore: null,
  recoveredAt: null,
  createdAt: t0,
  updatedAt: t0,
  ...more,
})

const answered = (status: number): PostOutcome => ({ kind: 'answered', status, retryAfterMs: null, head: '' })
export const ok = answered(200)
export const broken = answered(500)
export const gone = answered(410)

/** A new epoch each time. */
export const dispatcherLease = async (store: Store, owner = 'd1'): Promise<Lease> => {
  const lease = await store.leases.claim('webhooks', owner, leaseTtlMs, t0)
  if (lease === undefined) throw new Error('the lease was refused')
  return lease
}

export const claimDeliveries = (
  store: Store,
  lease: Lease,
  { endpointId = 'whk_1', limit = 10, now = t0, testsOnly = false } = {},
): Promise<readonly ClaimedDelivery[]> => store.webhooks.claim(lease, [{ endpointId, limit, testsOnly }], now)

export const recordPost = (
  store: Store,
  lease: Lease,
  deliveryId: string,
  outcome: PostOutcome,
  { round = 1, now = t0 } = {},
): Promise<void> =>
  store.webhooks.record(
    lease,
    deliveryId,
    {
      at: now,
      durationMs: 3,
      status: outcome.kind === 'answered' ? outcome.status : null,
      responseHead: outcome.kind === 'answered' ? `HTTP/1.1 ${outcome.status}` : null,
      error: null,
    },
    (endpoint) => afterPost(outcome, round, endpoint, now, () => 0),
    origin,
    now,
  )

/** Oldest first. */
export const deliveriesOf = async (store: Store, endpointId = 'whk_1'): Promise<readonly Delivery[]> =>
  (await store.webhooks.deliveries({ endpointId }, { limit: 1000 })).items.toReversed()
