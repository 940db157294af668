import { backoffMs, type Random } from './backoff.ts'
import type { MessageFailure } from './message.ts'

/** `cancelled` and `failed` are final by a decision, `sent` by the server's ack. */
export type OutboxState = 'queued' | 'sending' | 'sent' | 'failed' | 'cancelled'

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
 * Decides after an attempt. `attempts` counts this one. An unknown outcome, or a refusal that may pass, is retried under
 * the same WhatsApp id, bounded in count and age, and then parked as failed with a reason: never under a fresh id. What
 * never left this machine costs nobody anything, and is bounded in age alone.
 */
export const afterAttempt = (
  outcome: AttemptOutcome,
  { attempts, createdAt }: { readonly attempts: number; readonly createdAt: number },
  now: number,
  random: Random,
): AfterAttempt => {
  const retry = (error: MessageFailure, countMax: number, finalCode: string): AfterAttempt =>
    attempts >= countMax || now - createdAt >= ageMaxMs
      ? {
          state: 'failed',
          error: { code: finalCode, detail: `given up after ${attempts} attempts: ${error.detail}` },
        }
      : {
          state: 'queued',
          notBefore: now + backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs }, random),
          error,
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
