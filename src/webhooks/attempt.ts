/** One claimed delivery: its body is made, sent, and what came of it is written. */
import type { Origin } from '../domain/audit.ts'
import { backoffMs, type Random } from '../domain/backoff.ts'
import type { Event } from '../domain/event.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import {
  afterPost,
  type DeliveryAttempt,
  type Endpoint,
  type EndpointHealth,
  type PostOutcome,
  probingFromFailures,
  shownUrl,
} from '../domain/webhook.ts'
import type { Clock } from '../runtime/clock.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import type { ClaimedDelivery, WebhookStore } from '../store/store.ts'
import type { FileForEvent, LoadFile } from './event-file.ts'
import { requestHeaders } from './headers.ts'
import { payloadOf } from './payload.ts'
import type { Poster } from './post.ts'

export interface AttemptDeps {
  readonly webhooks: Pick<WebhookStore, 'record' | 'giveBack'>
  readonly loadFile: LoadFile
  readonly poster: Poster
  readonly clock: Clock
  readonly random: Random
  readonly origin: () => Origin
  /** `whatsapp-api-gateway/1.0.0` */
  readonly userAgent: string
  readonly log: Log
}

/** `cut`: the signal came first, and nothing was written. */
export type Tried = 'settled' | 'cut'

/** Between tries to write an outcome: the attempt was made, and must not be forgotten while the lease is held. */
const recordBackoff = { baseMs: 100, maxMs: 5_000 }

/** A delivery whose file the store could not tell of is tried again so soon. */
const loadAgainMs = 1_000

type Decide = Parameters<WebhookStore['record']>[3]

const errorOf = (outcome: PostOutcome, round: number, endpoint: EndpointHealth): DeliveryAttempt['error'] => {
  const { delivery } = afterPost(outcome, round, endpoint, 0, () => 0)
  return delivery.state === 'delivered' ? null : delivery.error
}

const tell = (log: Log, { id, url }: Endpoint, before: EndpointHealth, after: EndpointHealth): void => {
  const fields = { endpoint: id, url: shownUrl(url) }
  const { failures, disabledReason: reason } = after
  if (after.state === 'disabled' && before.state !== 'disabled') {
    log.warn({ ...fields, reason }, 'webhook endpoint was disabled')
  } else if (before.failures < probingFromFailures && failures >= probingFromFailures) {
    log.warn({ ...fields, failures }, 'webhook endpoint fails')
  } else if (before.failures >= probingFromFailures && failures === 0) {
    log.info(fields, 'webhook endpoint is back')
  }
}

export const createAttempt = (deps: AttemptDeps) => {
  const { webhooks, loadFile, poster, clock, random, origin, userAgent, log } = deps

  /** Writes until it is written, or the signal comes. */
  const insist = async (write: () => Promise<void>, signal: AbortSignal): Promise<Tried> => {
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        await write()
        return 'settled'
      } catch (error) {
        if (error instanceof StaleLeaseError) return 'cut'
        log.error({ err: error }, 'webhook attempt was not recorded')
        await sleep(backoffMs(tries, recordBackoff, random), signal)
      }
    }
    return 'cut'
  }

  const record = async (
    lease: Lease,
    deliveryId: string,
    attempt: Omit<DeliveryAttempt, 'number'>,
    decide: Decide,
    signal: AbortSignal,
  ): Promise<Tried> => {
    let seen: { readonly before: Endpoint; readonly after: EndpointHealth } | undefined
    const watched: Decide = (before) => {
      const decision = decide(before)
      seen = { before, after: decision.endpoint }
      return decision
    }
    const tried = await insist(
      () => webhooks.record(lease, deliveryId, attempt, watched, origin(), clock.now()),
      signal,
    )
    if (tried === 'settled' && seen !== undefined) tell(log, seen.before, seen.before, seen.after)
    return tried
  }

  /** What cannot be sent any more: the endpoint is not to blame. */
  const forget = (lease: Lease, { delivery }: ClaimedDelivery, signal: AbortSignal): Promise<Tried> => {
    const error = { code: 'event_not_kept', detail: 'the event is not in the log any more' }
    const attempt = { at: clock.now(), durationMs: 0, status: null, responseHead: null, error }
    const decide: Decide = (endpoint) => ({ delivery: { state: 'failed', error }, endpoint })
    return record(lease, delivery.id, attempt, decide, signal)
  }

  const load = async (event: Event, endpoint: Endpoint): Promise<FileForEvent> => {
    try {
      return await loadFile(event, endpoint)
    } catch (error) {
      log.error({ err: error }, 'the file of a webhook was not looked up')
      return { kind: 'later', at: clock.now() + loadAgainMs }
    }
  }

  return async (
    lease: Lease,
    endpoint: Endpoint,
    claimed: ClaimedDelivery,
    signal: AbortSignal,
  ): Promise<Tried> => {
    const { delivery, round, event } = claimed
    if (event === undefined) return forget(lease, claimed, signal)
    const loaded = await load(event, endpoint)
    if (loaded.kind === 'later') {
      return insist(() => webhooks.giveBack(lease, [delivery.id], loaded.at, clock.now()), signal)
    }
    let outcome: PostOutcome
    const at = clock.now()
    const began = clock.monotonic()
    try {
      const body = payloadOf(event, endpoint.format, loaded.file)
      const headers = requestHeaders(endpoint, { eventId: event.id, body, now: at, userAgent })
      outcome = await poster.post({ endpointId: endpoint.id, url: endpoint.url, headers, body, signal })
    } finally {
      loaded.release()
    }
    // Whether it has arrived nobody can say then.
    if (signal.aborted) return 'cut'
    const attempt = {
      at,
      durationMs: Math.round(clock.monotonic() - began),
      status: outcome.kind === 'answered' ? outcome.status : null,
      responseHead: outcome.kind === 'answered' ? outcome.head : null,
      error: errorOf(outcome, round, endpoint),
    }
    const ended = clock.now()
    return record(lease, delivery.id, attempt, (now) => afterPost(outcome, round, now, ended, random), signal)
  }
}
