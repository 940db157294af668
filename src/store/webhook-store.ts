/** Endpoints, what is on its way to them, and how each attempt went. See store.ts for what holds for all verbs. */
import type { Origin } from '../domain/audit.ts'
import type { Event, EventType } from '../domain/event.ts'
import type { Lease } from '../domain/lease.ts'
import type {
  AfterPost,
  Delivery,
  DeliveryAttempt,
  DeliveryState,
  Endpoint,
  EndpointHealth,
} from '../domain/webhook.ts'
import type { Page } from './store.ts'

/** What there is to do at an endpoint. */
export interface Work {
  readonly endpoint: Endpoint
  /** When its next delivery is due; null when none waits. */
  readonly nextDue: number | null
  /** Only the tests among its deliveries may be tried: it is paused or disabled. */
  readonly testsOnly: boolean
}

/** A delivery that a dispatcher has claimed and must now try. */
export interface ClaimedDelivery {
  readonly delivery: Delivery
  /** Attempts of the present round, this one included. */
  readonly round: number
  /** Undefined when the event is not kept any more. */
  readonly event: Event | undefined
  /** It may be tried only when the one before it in the list was taken; else it is given back. */
  readonly follows: boolean
}

export interface DeliveryFilter {
  readonly endpointId: string
  readonly state?: DeliveryState
  readonly type?: EventType
  readonly deviceId?: string
  /** Created at or after, before (ms). */
  readonly after?: number
  readonly before?: number
}

export interface WebhookStore {
  /** Throws what `admit` throws, which sees how many endpoints there are that are not removed. */
  create(endpoint: Endpoint, admit: (count: number) => void, origin: Origin, now: number): Promise<Endpoint>
  get(id: string): Promise<Endpoint | undefined>
  /** All that are not removed, oldest first. */
  list(): Promise<readonly Endpoint[]>
  /**
   * Runs a pure decision on the row and writes what it returns. Undefined when there is none, or it was removed. One that is
   * removed has its waiting deliveries cancelled and its secrets wiped.
   */
  change(
    id: string,
    action:
      | 'webhook.change'
      | 'webhook.pause'
      | 'webhook.resume'
      | 'webhook.rotate_secret'
      | 'webhook.remove',
    decide: (before: Endpoint) => Endpoint,
    origin: Origin,
    now: number,
  ): Promise<Endpoint | undefined>

  /** Newest first. */
  deliveries(filter: DeliveryFilter, page: { limit: number; cursor?: string }): Promise<Page<Delivery>>
  delivery(id: string): Promise<Delivery | undefined>
  /** Oldest first, the newest `limit` of them. */
  attempts(deliveryId: string, limit: number): Promise<readonly DeliveryAttempt[]>
  /** How many deliveries of an endpoint are in which state, up to `countMax` each. */
  counts(endpointId: string, countMax: number): Promise<Readonly<Record<DeliveryState, number>>>

  /** A delivery is due at once, in a fresh round; one that waits is hastened. Undefined when there is none, or it is being sent. */
  redeliver(deliveryId: string, origin: Origin, now: number): Promise<Delivery | undefined>
  /** The same for those that have failed since (created at or after) and have a `seq` above `afterSeq`, at most `limit`. */
  redeliverFailed(
    endpointId: string,
    range: { readonly since: number; readonly afterSeq: number; readonly limit: number },
    origin: Origin,
    now: number,
  ): Promise<{ readonly count: number; readonly lastSeq: number | null }>
  /**
   * Makes new deliveries of what is in the log with `after < seq <= until`, as far as the endpoint wants it; looks through `limit`
   * events at most. `lastSeq` is the last one that it has looked at.
   */
  replay(
    endpointId: string,
    range: { readonly after: number; readonly until: number; readonly limit: number },
    origin: Origin,
    now: number,
  ): Promise<{ readonly count: number; readonly lastSeq: number | null }>
  /** Writes the event `webhook.tested` and its delivery. Undefined when there is no such endpoint. */
  test(endpointId: string, origin: Origin, now: number): Promise<Delivery | undefined>

  /** The endpoints at which anything waits. */
  work(now: number): Promise<readonly Work[]>
  /**
   * Marks due deliveries as `sending`, oldest due first; those of an endpoint that has come back (`recoveredAt`) soon after. Of
   * an endpoint that wants an order and is well, those that come next in the line follow, `lineRunMax` in a row at most: each would
   * wait for two commits else.
   */
  claim(
    lease: Lease,
    wanted: readonly { readonly endpointId: string; readonly limit: number; readonly testsOnly: boolean }[],
    now: number,
  ): Promise<readonly ClaimedDelivery[]>
  /**
   * Writes how attempts went, and what follows for their endpoint: `decide` is run on it as it is now. An endpoint that is
   * disabled by it says so in an event and an audit entry. A delivery that is not `sending` any more is left alone.
   */
  record(
    lease: Lease,
    deliveryId: string,
    attempt: Omit<DeliveryAttempt, 'number'>,
    decide: (endpoint: Endpoint) => { readonly delivery: AfterPost; readonly endpoint: EndpointHealth },
    origin: Origin,
    now: number,
  ): Promise<void>
  /** Gives claimed deliveries back untried: they are due at `dueAt`, and the attempt counts for nothing. */
  giveBack(lease: Lease, deliveryIds: readonly string[], dueAt: number, now: number): Promise<void>
  /** What an earlier epoch left `sending` is due again: it may have arrived. Resolves with how many there were. */
  recover(lease: Lease, now: number): Promise<number>
}
