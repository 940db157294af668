import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../src/domain/backoff.ts'
import { GatewayError } from '../../src/domain/errors.ts'
import {
  afterAttempt,
  ageMaxMs,
  type AttemptOutcome,
  attemptsMax,
  cancelledError,
  onCancel,
  onRetry,
  type OutboxState,
} from '../../src/domain/outbox.ts'
import { minute, noLuck, second, t0 } from './fixtures.ts'

const after = (outcome: AttemptOutcome, attempts = 1, ageMs = minute) =>
  afterAttempt(outcome, { attempts, since: t0 - ageMs }, t0, noLuck)

const unknown: AttemptOutcome = { kind: 'unknown', detail: 'no ack' }
const retryable: readonly AttemptOutcome[] = [
  unknown,
  { kind: 'not_sent', detail: 'Connection Closed' },
  { kind: 'rejected', code: 429 },
  { kind: 'rejected', code: 479 },
  { kind: 'rejected', code: 500 },
  { kind: 'rejected', code: 503 },
]

describe('after an attempt to send', () => {
  it("a message that the server has acknowledged is sent, at the server's time", () => {
    expect(after({ kind: 'acked', at: t0 - 5 })).toEqual({ state: 'sent', at: t0 - 5 })
  })

  it('an ack counts however many attempts and days it took', () => {
    expect(after({ kind: 'acked', at: t0 }, attemptsMax + 5, 2 * ageMaxMs)).toEqual({ state: 'sent', at: t0 })
  })

  it.each([400, 401, 403, 404, 406, 463, 475, 0])(
    'a message refused with code %i has failed for good',
    (code) => {
      expect(after({ kind: 'rejected', code })).toMatchObject({
        state: 'failed',
        error: { code: `nack_${code}` },
      })
    },
  )

  it('a refusal with 463 says in words what it means', () => {
    expect(after({ kind: 'rejected', code: 463 })).toMatchObject({
      error: { detail: expect.stringMatching(/no new chats/) },
    })
  })

  it('what can never be sent has failed with its own code', () => {
    expect(after({ kind: 'impossible', code: 'not_on_whatsapp', detail: 'not there' })).toEqual({
      state: 'failed',
      error: { code: 'not_on_whatsapp', detail: 'not there' },
    })
  })

  it.each(retryable)('it is tried again after %o', (outcome) => {
    const next = after(outcome)
    expect(next.state).toBe('queued')
    expect(next).toMatchObject({ notBefore: t0 + second })
  })

  it('what never left this machine is tried again, however often', () => {
    expect(after({ kind: 'not_sent', detail: 'offline' }, 100 * attemptsMax).state).toBe('queued')
  })

  const counted = retryable.filter((outcome) => outcome.kind !== 'not_sent')
  it.each(counted)('it is given up as failed after too many times of %o', (outcome) => {
    expect(after(outcome, attemptsMax - 1).state).toBe('queued')
    expect(after(outcome, attemptsMax)).toMatchObject({ state: 'failed' })
  })

  it.each(retryable)('it is given up as failed when it is a day old, after %o', (outcome) => {
    expect(after(outcome, 1, ageMaxMs - 1).state).toBe('queued')
    expect(after(outcome, 1, ageMaxMs)).toMatchObject({ state: 'failed' })
  })

  it('what it was given up for stands in its error', () => {
    expect(after(unknown, attemptsMax)).toEqual({
      state: 'failed',
      error: { code: 'unknown_outcome', detail: `given up after ${attemptsMax} attempts: no ack` },
    })
  })

  it('the waits grow from a second to a minute', () => {
    const waits = Array.from({ length: attemptsMax - 1 }, (_, i) => {
      const next = after(unknown, i + 1)
      return next.state === 'queued' ? next.notBefore - t0 : 0
    })
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * second))
  })
})

describe('what a person asks of a message', () => {
  const outcomeOf = (ask: () => string): string => {
    try {
      return ask()
    } catch (error) {
      return error instanceof GatewayError ? error.code : String(error)
    }
  }
  const table: readonly [OutboxState, string, string][] = [
    ['queued', 'hasten', 'cancel'],
    ['sending', 'nothing', 'message_in_flight'],
    ['sent', 'message_settled', 'message_settled'],
    ['failed', 'queue', 'cancel'],
    ['cancelled', 'queue', 'nothing'],
  ]

  it.each(table)('of one that is %s: a retry comes to %s, a cancel to %s', (state, retry, cancel) => {
    expect([outcomeOf(() => onRetry(state)), outcomeOf(() => onCancel(state))]).toEqual([retry, cancel])
  })

  it('what was known of the fate of a cancelled message stays in its error', () => {
    expect(cancelledError({ code: 'unknown', detail: 'no ack' })).toEqual({
      code: 'cancelled',
      detail: expect.stringContaining('no ack'),
    })
    expect(cancelledError(null)).toMatchObject({ code: 'cancelled' })
  })
})

describe('a backoff', () => {
  const limits = { baseMs: second, maxMs: minute }
  const luck = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it('lies between half of the full wait and all of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), luck, (attempt, random) => {
        const full = Math.min(minute, second * 2 ** Math.min(attempt - 1, 30))
        const ms = backoffMs(attempt, limits, () => random)
        expect(ms).toBeGreaterThanOrEqual(Math.round(full / 2))
        expect(ms).toBeLessThanOrEqual(full)
      }),
    )
  })

  it('is a whole number of ms, and never none', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 10_000 }), luck, (attempt, random) => {
        const ms = backoffMs(attempt, limits, () => random)
        expect(Number.isSafeInteger(ms)).toBe(true)
        expect(ms).toBeGreaterThanOrEqual(second / 2)
      }),
    )
  })

  it('does not get shorter with more failures, luck being equal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), luck, (attempt, random) => {
        const of = (n: number): number => backoffMs(n, limits, () => random)
        expect(of(attempt + 1)).toBeGreaterThanOrEqual(of(attempt))
      }),
    )
  })
})
