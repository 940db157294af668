import { describe, expect, it } from 'vitest'
import { afterAttempt, expiredError, type AttemptOutcome } from '../../src/domain/outbox.ts'
import { checkPlan, plainPlan, planAheadMaxMs, typingMaxMs, typingMsOf } from '../../src/domain/plan.ts'
import { noLuck, t0 } from './fixtures.ts'

describe('a plan', () => {
  it('keeps times that lie ahead', () => {
    const plan = { ...plainPlan, sendAt: t0 + 1, expiresAt: t0 + 2 }
    expect(checkPlan(plan, t0)).toEqual(plan)
  })

  it('takes a sendAt that has passed for now', () => {
    expect(checkPlan({ ...plainPlan, sendAt: t0 }, t0)).toEqual(plainPlan)
  })

  it.each([
    [{ sendAt: t0 + planAheadMaxMs + 1 }, /366 days/],
    [{ expiresAt: t0 + planAheadMaxMs + 1 }, /366 days/],
    [{ expiresAt: t0 }, /passed already/],
    [{ sendAt: t0 + 5, expiresAt: t0 + 5 }, /after sendAt/],
  ])('refuses %o', (more, detail) => {
    expect(() => checkPlan({ ...plainPlan, ...more }, t0)).toThrow(detail)
  })

  it('lies a year ahead at most', () => {
    const plan = { ...plainPlan, sendAt: t0 + planAheadMaxMs }
    expect(checkPlan(plan, t0)).toEqual(plan)
  })
})

describe('typing', () => {
  it('takes as long as the text, within limits', () => {
    expect(typingMsOf({ type: 'text', text: 'x' })).toBe(1_000)
    expect(typingMsOf({ type: 'text', text: 'x'.repeat(100) })).toBe(6_000)
    expect(typingMsOf({ type: 'text', text: 'x'.repeat(10_000) })).toBe(typingMaxMs)
    expect(typingMsOf({ type: 'sticker', media: { uploadId: 'm' } })).toBe(3_000)
  })
})

describe('an attempt that ends after expiresAt', () => {
  const after = (outcome: AttemptOutcome, uncertain: boolean, expiresAt: number | null) =>
    afterAttempt(outcome, { attempts: 1, since: t0, expiresAt, uncertain }, t0, noLuck)
  const unknown: AttemptOutcome = { kind: 'unknown', detail: 'no ack' }
  const notSent: AttemptOutcome = { kind: 'not_sent', detail: 'closed' }

  it('is not tried again', () => {
    expect(after(notSent, false, t0)).toEqual({ state: 'failed', error: expiredError(false) })
    expect(after({ kind: 'rejected', code: 503 }, false, t0)).toMatchObject({ error: { code: 'expired' } })
  })

  it('says that the message may have arrived, when it, or an earlier one, may', () => {
    expect(after(unknown, false, t0)).toMatchObject({ error: { code: 'expired_unknown_outcome' } })
    expect(after(notSent, true, t0)).toMatchObject({ error: { code: 'expired_unknown_outcome' } })
  })

  it('is sent when the server has it', () => {
    expect(after({ kind: 'acked', at: t0 }, false, t0 - 1)).toEqual({ state: 'sent', at: t0 })
  })

  it('keeps the reason of what is refused for good', () => {
    expect(after({ kind: 'rejected', code: 463 }, false, t0)).toMatchObject({ error: { code: 'nack_463' } })
  })

  it('is tried again before that time', () => {
    expect(after(unknown, false, t0 + 1)).toMatchObject({ state: 'queued' })
    expect(after(unknown, false, null)).toMatchObject({ state: 'queued' })
  })
})
