import { backoffMs, type Random } from './backoff.ts'
import { GatewayError } from './errors.ts'
import type { MessageFailure } from './message.ts'

/** `cancelled` and `failed` are final by a decision, `sent` by the server's ack. */
export type OutboxState = 'queued' | 'sending' | 'sent' | 'failed' | 'cancelled'

/** Why a queued message is not in the line of its chat yet: its time has not come, or its bulk is paused. */
export type ParkedFor = 'time' | 'bulk'

/**
 * Why a message whose turn it is may not use it: the account may open no new chats for a while, or has opened as many as
 * its pacing allows.
 */
export type HeldFor = 'restricted' | 'new_chats'

/** What one attempt to send came to. */
export type AttemptOutcome =
  | { readonly kind: 'acked'; readonly at: number }
  /** The server refused the message, with WhatsApp's code. */
  | { readonly kind: 'rejected'; readonly code: number }
  /** It can never be sent, for a reason that is known before the first byte. */
  | { readonly kind: 'impossible'; readonly code: string; readonly detail: string }
  /** Nothing left this machine. */
  | { readonly kind: 'not_sent'; readonly detail: string }
  /** The bytes may have arrived: only the same id may be used again. */
  | { readonly kind: 'unknown'; readonly detail: string }

/** What becomes of a message after an attempt. */
export type AfterAttempt =
  | { readonly state: 'sent'; readonly at: number }
  | { readonly state: 'queued'; readonly notBefore: number; readonly error: MessageFailure }
  | { readonly state: 'failed'; readonly error: MessageFailure }

/** The server has this long to acknowledge a message before its fate counts as unknown. */
export const ackTimeoutMs = 45_000
/** A message whose fate stays unknown is parked after so many attempts, or when it is so old. */
export const attemptsMax = 10
export const ageMaxMs = 24 * 60 * 60 * 1000
const retryBaseMs = 1_000
const retryMaxMs = 60_000
/** Nothing waits longer: a time that lies further ahead was set before the wall clock was put back, and has come. */
export const dueAheadMaxMs = retryMaxMs

/**
 * Codes of a refused message that may pass on a second try: 479, the recipient's device list was stale; 429, too
 * fast; 500 and 503, the server's own trouble. Others are final: 463 above all, where retries make it worse
 * (Baileys, messages-recv.ts `handleBadAck`).
 */
const passingCodes: ReadonlySet<number> = new Set([429, 479, 500, 503])

const rejection = (code: number): MessageFailure => ({
  code: `nack_${code}`,
  detail:
    code === 463
      ? 'WhatsApp does not let this account write to this chat now (463): it may open no new chats for a while'
      : `WhatsApp's server refused the message with code ${code}`,
})

/**
 * Decides after an attempt. `attempts` counts this one, from the acceptance of the message or from the last time that a
 * person had it tried again, and `since` is when that was. An unknown outcome, or a refusal that may pass, is retried under
 * the same WhatsApp id, bounded in count and age, and then parked as failed with a reason: never under a fresh id. What
 * never left this machine costs nobody anything, and is bounded in age alone. After `expiresAt` nothing is retried;
 * `uncertain` says that an earlier attempt may have arrived.
 */
export const afterAttempt = (
  outcome: AttemptOutcome,
  {
    attempts,
    since,
    expiresAt = null,
    uncertain = false,
  }: {
    readonly attempts: number
    readonly since: number
    readonly expiresAt?: number | null
    readonly uncertain?: boolean
  },
  now: number,
  random: Random,
): AfterAttempt => {
  const retry = (error: MessageFailure, countMax: number, finalCode: string): AfterAttempt => {
    if (expiresAt !== null && now >= expiresAt) {
      return { state: 'failed', error: expiredError(uncertain || outcome.kind === 'unknown') }
    }
    return attempts >= countMax || now - since >= ageMaxMs
      ? {
          state: 'failed',
          error: { code: finalCode, detail: `given up after ${attempts} attempts: ${error.detail}` },
        }
      : {
          state: 'queued',
          notBefore: now + backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs }, random),
          error,
        }
  }
  switch (outcome.kind) {
    case 'acked':
      return { state: 'sent', at: outcome.at }
    case 'rejected': {
      const error = rejection(outcome.code)
      return passingCodes.has(outcome.code)
        ? retry(error, attemptsMax, error.code)
        : { state: 'failed', error }
    }
    case 'impossible':
      return { state: 'failed', error: { code: outcome.code, detail: outcome.detail } }
    case 'not_sent':
      return retry({ code: 'not_sent', detail: outcome.detail }, Number.POSITIVE_INFINITY, 'not_sent')
    case 'unknown':
      return retry({ code: 'unknown', detail: outcome.detail }, attemptsMax, 'unknown_outcome')
  }
}

/** A message was not sent in its time. `uncertain`: nobody can say whether an attempt has arrived. */
export const expiredError = (uncertain: boolean): MessageFailure =>
  uncertain
    ? {
        code: 'expired_unknown_outcome',
        detail:
          'its time ran out after an attempt of which nobody can say whether it arrived: it may be there',
      }
    : { code: 'expired', detail: 'it was not sent in its time (expiresAt)' }

const settled = (): GatewayError =>
  new GatewayError(
    'message_settled',
    "WhatsApp's server has the message: it cannot be sent again or taken back",
  )

/**
 * What becomes of a message that a person wants tried again: one that was given up on is queued anew, one that waits for
 * its next attempt need not wait, and one that is being sent is left alone. Throws `message_settled`.
 */
export const onRetry = (state: OutboxState): 'queue' | 'hasten' | 'nothing' => {
  switch (state) {
    case 'failed':
    case 'cancelled':
      return 'queue'
    case 'queued':
      return 'hasten'
    case 'sending':
      return 'nothing'
    case 'sent':
      throw settled()
  }
}

/**
 * What becomes of a message that a person wants given up. One in flight may be at the server already, so that nobody
 * could promise anything. Throws `message_in_flight` or `message_settled`.
 */
export const onCancel = (state: OutboxState): 'cancel' | 'nothing' => {
  switch (state) {
    case 'queued':
    case 'failed':
      return 'cancel'
    case 'cancelled':
      return 'nothing'
    case 'sending':
      throw new GatewayError(
        'message_in_flight',
        'the message is being sent at this moment; look at it again, and cancel it if it is queued or failed then',
      )
    case 'sent':
      throw settled()
  }
}

/** The error of a message that a person has given up; what was known of its fate stays in the words. */
export const cancelledError = (before: MessageFailure | null): MessageFailure => ({
  code: 'cancelled',
  detail:
    before === null
      ? 'it was cancelled before it was sent'
      : `it was cancelled; before that: ${before.detail}`,
})
