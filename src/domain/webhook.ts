/** Where events go outside of the gateway, which of them, and what follows from how an attempt went. */
import type { Random } from './backoff.ts'
import { matchesType } from './event-types.ts'
import type { Event } from './event.ts'
import { isoOrNull } from './iso.ts'

/** `removed` is gone for the API, `disabled` was stopped by the gateway itself; both get no new deliveries. */
export type EndpointState = 'active' | 'paused' | 'disabled' | 'removed'
export const endpointStates: readonly EndpointState[] = ['active', 'paused', 'disabled', 'removed']

/** `plain`: the two bodies of the system that the guide was written for; only received messages have one. */
export type PayloadFormat = 'event' | 'plain'
export const payloadFormats: readonly PayloadFormat[] = ['event', 'plain']

/** How files come with an event: by a link to them, or in base64 beside it when they are small enough. */
export type MediaWay = 'link' | 'inline'
export const mediaWays: readonly MediaWay[] = ['link', 'inline']

export type DeliveryState = 'waiting' | 'sending' | 'delivered' | 'failed' | 'cancelled'
export const deliveryStates: readonly DeliveryState[] = [
  'waiting',
  'sending',
  'delivered',
  'failed',
  'cancelled',
]

/** Why a delivery was made: the event came, somebody asked for it anew, or for a test. */
export type DeliveryOrigin = 'event' | 'replay' | 'test'
export const deliveryOrigins: readonly DeliveryOrigin[] = ['event', 'replay', 'test']

/** Which events an endpoint gets. Null is no limit. */
export interface EndpointFilter {
  /** Types, or all of a noun: `message.*`. */
  readonly events: readonly string[] | null
  readonly devices: readonly string[] | null
  /** Chats by JID; `*@g.us` is all groups. Events that are about no chat pass. */
  readonly chats: readonly string[] | null
  readonly notChats: readonly string[]
  /** Whether events about messages that the account's owner wrote count. */
  readonly ownMessages: boolean
}

/** All times are wall-clock ms. */
export interface Endpoint {
  /** `whk_…` */
  readonly id: string
  readonly url: string
  readonly description: string | null
  readonly state: EndpointState
  readonly disabledReason: string | null
  /** The newest event when it was disabled: those after it were not sent. */
  readonly disabledSeq: number | null
  /** `whsec_` and base64 of 24 to 64 bytes. */
  readonly secret: string
  /** After a rotation both sign for a while. */
  readonly previousSecret: string | null
  readonly previousSecretUntil: number | null
  readonly filter: EndpointFilter
  readonly headers: Readonly<Record<string, string>>
  readonly format: PayloadFormat
  readonly media: MediaWay
  /** The events of one device one after the other, each only when the one before is settled. */
  readonly ordered: boolean
  /** Attempts under way at a time. */
  readonly concurrency: number
  readonly failures: number
  readonly failingSince: number | null
  readonly notBefore: number | null
  readonly recoveredAt: number | null
  readonly createdAt: number
  readonly updatedAt: number
}

export interface DeliveryError {
  /** A word for programs, such as `timeout` or `status_500`. */
  readonly code: string
  readonly detail: string
}

export interface Delivery {
  /** `dlv_…` */
  readonly id: string
  readonly endpointId: string
  readonly eventSeq: number
  readonly eventId: string
  readonly eventType: Event['type']
  readonly deviceId: string | null
  readonly origin: DeliveryOrigin
  readonly state: DeliveryState
  /** In all. */
  readonly attempts: number
  readonly dueAt: number | null
  readonly lastStatus: number | null
  readonly error: DeliveryError | null
  readonly createdAt: number
  readonly attemptedAt: number | null
  readonly settledAt: number | null
}

/** What came of one attempt. */
export interface DeliveryAttempt {
  /** From 1. */
  readonly number: number
  readonly at: number
  readonly durationMs: number
  readonly status: number | null
  readonly responseHead: string | null
  readonly error: DeliveryError | null
}

/** How an attempt went, before anything follows from it. */
export type PostOutcome =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** What the answer asks for by Retry-After. */
      readonly retryAfterMs: number | null
      readonly head: string
    }
  /** Nothing arrived, or nobody can say. */
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Standard Webhooks 1.0: how long to wait before each attempt, the first included. */
export const attemptDelaysMs: readonly number[] = [
  0,
  5 * secondMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
]
/** Waits are longer by up to this part, so that what failed together does not come back together. */
export const delayJitterPart = 0.1
export const retryAfterMaxMs = dayMs
/** What is due later than any wait reaches is due at once: the wall clock was put back since. */
export const deliveryDueAheadMaxMs = 36 * hourMs

/** So many of a line are claimed together. */
export const lineRunMax = 16

/** An endpoint at which nothing has arrived for so long is disabled. */
export const failingMaxMs = 5 * dayMs
/** From so many failures in a row one attempt at a time finds out whether the endpoint is back, with pauses between. */
export const probingFromFailures = 5
/** Of many attempts at a time five may fail by chance, one after the other: it must have gone on for so long. */
export const probingFromMs = 500
const probePauseMinMs = secondMs
export const probePauseMaxMs = minuteMs

/** An answer with such a status says that the endpoint as a whole cannot take more now. */
const overloaded: ReadonlySet<number> = new Set([429, 502, 503, 504])
const gone = 410

/** What an attempt means for the delivery. `dueAt`: tried again then. */
export type AfterPost =
  | { readonly state: 'delivered' }
  | { readonly state: 'failed'; readonly error: DeliveryError }
  | { readonly state: 'waiting'; readonly dueAt: number; readonly error: DeliveryError }

export type EndpointHealth = Pick<
  Endpoint,
  'state' | 'disabledReason' | 'failures' | 'failingSince' | 'notBefore' | 'recoveredAt'
>

const errorOf = (outcome: PostOutcome): DeliveryError => {
  if (outcome.kind === 'failed') return { code: outcome.code, detail: outcome.detail }
  const { status } = outcome
  const why = status >= 300 && status < 400 ? '; redirects are not followed' : ''
  return { code: `status_${status}`, detail: `the endpoint answered with status ${status}${why}` }
}

const jittered = (ms: number, random: Random): number => Math.round(ms * (1 + delayJitterPart * random()))

const probePauseMs = (failures: number): number =>
  Math.min(probePauseMaxMs, probePauseMinMs * 2 ** Math.max(0, failures - probingFromFailures))

const failuresAfter = (before: EndpointHealth, failingSince: number, now: number): number => {
  const { failures, notBefore } = before
  // What was under way when the endpoint turned out to be away tells nothing new.
  if (failures >= probingFromFailures && notBefore !== null && now < notBefore) return failures
  return now - failingSince < probingFromMs ? Math.min(failures + 1, probingFromFailures - 1) : failures + 1
}

const healthAfterFailure = (
  before: EndpointHealth,
  outcome: PostOutcome,
  now: number,
  random: Random,
): EndpointHealth => {
  const failingSince = before.failingSince ?? now
  const failures = failuresAfter(before, failingSince, now)
  const answered = outcome.kind === 'answered' ? outcome : undefined
  const asked =
    answered !== undefined && overloaded.has(answered.status)
      ? Math.min(answered.retryAfterMs ?? 0, retryAfterMaxMs)
      : 0
  const pause = failures < probingFromFailures ? 0 : jittered(probePauseMs(failures), random)
  const notBefore = Math.max(asked, pause) === 0 ? before.notBefore : now + Math.max(asked, pause)
  const failing: EndpointHealth = { ...before, failures, failingSince, notBefore }
  if (before.state === 'removed' || before.state === 'disabled') return failing
  if (answered?.status === gone) {
    return { ...failing, state: 'disabled', disabledReason: 'it answered with status 410 (gone)' }
  }
  return now - failingSince < failingMaxMs
    ? failing
    : { ...failing, state: 'disabled', disabledReason: 'every attempt has failed for 5 days' }
}

/**
 * What follows from an attempt, for the delivery and for its endpoint. `attempts` are those of the present round, this one
 * included. When an endpoint is back that was away, all that waits is tried soon (`recoveredAt`); one failure among many
 * successes is no such absence: what fails for a reason of its own keeps to its times.
 */
export const afterPost = (
  outcome: PostOutcome,
  attempts: number,
  endpoint: EndpointHealth,
  now: number,
  random: Random,
  delaysMs: readonly number[] = attemptDelaysMs,
): { readonly delivery: AfterPost; readonly endpoint: EndpointHealth } => {
  if (outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300) {
    const recoveredAt = endpoint.failures < probingFromFailures ? endpoint.recoveredAt : now
    return {
      delivery: { state: 'delivered' },
      endpoint: { ...endpoint, failures: 0, failingSince: null, notBefore: null, recoveredAt },
    }
  }
  const error = errorOf(outcome)
  const health = healthAfterFailure(endpoint, outcome, now, random)
  const delayMs = delaysMs[attempts]
  const isGone = outcome.kind === 'answered' && outcome.status === gone
  if (delayMs === undefined || isGone) return { delivery: { state: 'failed', error }, endpoint: health }
  const asked = outcome.kind === 'answered' ? Math.min(outcome.retryAfterMs ?? 0, retryAfterMaxMs) : 0
  const dueAt = now + Math.max(jittered(delayMs, random), asked)
  return { delivery: { state: 'waiting', dueAt, error }, endpoint: health }
}

/** How many attempts may be under way at an endpoint that is in this state. */
export const attemptsAtATime = ({
  concurrency,
  failures,
}: Pick<Endpoint, 'concurrency' | 'failures'>): number => (failures >= probingFromFailures ? 1 : concurrency)

/** A URL without its query, in which there may be keys. */
export const shownUrl = (url: string): string => url.replace(/[?#].*$/s, '?…')

/** What audit entries say of an endpoint: nothing that is secret. */
export const endpointSummary = ({
  url,
  description,
  state,
  filter,
  headers,
  format,
  media,
  ordered,
  concurrency,
  previousSecretUntil,
}: Endpoint): Record<string, unknown> => ({
  url: shownUrl(url),
  description,
  state,
  filter,
  headers: Object.keys(headers),
  format,
  media,
  ordered,
  concurrency,
  previousSecretUntil: isoOrNull(previousSecretUntil),
})

const matchesChat = (pattern: string, chats: readonly string[]): boolean =>
  pattern.startsWith('*') ? chats.some((chat) => chat.endsWith(pattern.slice(1))) : chats.includes(pattern)

const chatsOf = (data: Event['data']): readonly string[] =>
  'chat' in data ? ['chatLid' in data ? data.chatLid : null, data.chat].flatMap((jid) => jid ?? []) : []

/** Does an endpoint get this event? A test goes only where it was asked for. */
export const wants = (
  { filter, format }: Pick<Endpoint, 'filter' | 'format'>,
  { type, deviceId, data }: Pick<Event, 'type' | 'deviceId' | 'data'>,
): boolean => {
  if (type === 'webhook.tested') return false
  if (format === 'plain' && type !== 'message.received') return false
  if (filter.events !== null && !filter.events.some((pattern) => matchesType(pattern, type))) return false
  if (filter.devices !== null && (deviceId === null || !filter.devices.includes(deviceId))) return false
  if (!filter.ownMessages && 'fromMe' in data && data.fromMe) return false
  const chats = chatsOf(data)
  if (chats.length === 0) return true
  if (filter.chats !== null && !filter.chats.some((pattern) => matchesChat(pattern, chats))) return false
  return !filter.notChats.some((pattern) => matchesChat(pattern, chats))
}
