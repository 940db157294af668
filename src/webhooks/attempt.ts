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
import type { Lane } from './lane.ts'
import { type FileParts, payloadOf } from './payload.ts'
import type { Poster } from './post.ts'

export interface AttemptDeps {
  readonly webhooks: Pick<WebhookStore, 'record' | 'giveBack'>
  readonly loadFile: LoadFile
  readonly poster: Poster
  readonly clock: Clock
  readonly random: Random
  /** How long to wait before each attempt, the first included. */
  readonly attemptDelaysMs: readonly number[]
  readonly origin: () => Origin
  /** Resolves when outcomes are written together. */
  readonly gathered: () => Promise<void>
  /** `whatsapp-api-gateway/1.0.0` */
  readonly userAgent: string
  readonly log: Log
}

/** Where a delivery stands in its line. */
export interface Place {
  /** Was the one before it taken? Then it may be tried. */
  readonly before: Promise<boolean>
  /** Tells the next one. Only the first word counts. */
  readonly taken: (isTaken: boolean) => void
}

/** What one attempt came to, and when it was made. */
interface Sent {
  readonly outcome: PostOutcome
  readonly at: number
  readonly durationMs: number
  readonly endedAt: number
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
  const { webhooks, loadFile, poster, clock, random, attemptDelaysMs, origin, gathered, userAgent, log } =
    deps

  /** Writes until it is written, or the signal comes. */
  const insist = async (write: () => Promise<void>, signal: AbortSignal): Promise<Tried> => {
    for (let tries = 1; ; tries += 1) {
      await gathered()
      if (signal.aborted) return 'cut'
      try {
        await write()
        return 'settled'
      } catch (error) {
        if (error instanceof StaleLeaseError) return 'cut'
        log.error({ err: error }, 'webhook attempt was not recorded')
        await sleep(backoffMs(tries, recordBackoff, random), signal)
      }
    }
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

  const isWell = (outcome: PostOutcome): boolean =>
    outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300

  const send = async (
    event: Event,
    endpoint: Endpoint,
    file: FileParts | undefined,
    signal: AbortSignal,
  ): Promise<Sent> => {
    const at = clock.now()
    const began = clock.monotonic()
    const body = payloadOf(event, endpoint.format, file)
    const headers = requestHeaders(endpoint, { eventId: event.id, body, now: at, userAgent })
    const outcome = await poster.post({ endpointId: endpoint.id, url: endpoint.url, headers, body, signal })
    return { outcome, at, durationMs: Math.round(clock.monotonic() - began), endedAt: clock.now() }
  }

  /** When its turn has come. `later`: it is not to be tried before that time. */
  const attempt = async (
    event: Event,
    endpoint: Endpoint,
    lane: Lane,
    signal: AbortSignal,
  ): Promise<Sent | { readonly later: number } | 'cut'> => {
    const turn = await lane.enter(endpoint, signal)
    if (turn === undefined) return signal.aborted ? 'cut' : { later: clock.now() }
    try {
      const loaded = await load(event, endpoint)
      if (loaded.kind === 'later') return { later: loaded.at }
      try {
        const sent = await send(event, endpoint, loaded.file, signal)
        // Whether it has arrived nobody can say then.
        if (signal.aborted) return 'cut'
        lane.tried(isWell(sent.outcome), clock.monotonic())
        return sent
      } finally {
        loaded.release()
      }
    } finally {
      turn.end()
    }
  }

  return async (
    lease: Lease,
    endpoint: Endpoint,
    claimed: ClaimedDelivery,
    lane: Lane,
    { before, taken }: Place,
    signal: AbortSignal,
  ): Promise<Tried> => {
    const { delivery, round, event } = claimed
    const giveBack = (dueAt: number): Promise<Tried> =>
      insist(() => webhooks.giveBack(lease, [delivery.id], dueAt, clock.now()), signal)
    if (!(await before)) return giveBack(clock.now())
    if (event === undefined) {
      taken(true)
      return forget(lease, claimed, signal)
    }
    const sent = await attempt(event, endpoint, lane, signal)
    if (sent === 'cut') return sent
    if ('later' in sent) return giveBack(sent.later)
    const { outcome, at, durationMs, endedAt } = sent
    // Before it is written: should that be lost, it is sent once more, and the next one after it too.
    taken(isWell(outcome))
    const row = {
      at,
      durationMs,
      status: outcome.kind === 'answered' ? outcome.status : null,
      responseHead: outcome.kind === 'answered' ? outcome.head : null,
      error: errorOf(outcome, round, endpoint),
    }
    const decide: Decide = (now) => afterPost(outcome, round, now, endedAt, random, attemptDelaysMs)
    return record(lease, delivery.id, row, decide, signal)
  }
}
