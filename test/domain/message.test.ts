import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  advance,
  type Message,
  messageStatuses,
  momentIn,
  momentOf,
  type ReceiptStatus,
} from '../../src/domain/message.ts'
import { minute, second, t0 } from './fixtures.ts'

type Steps = Pick<
  Message,
  'status' | 'createdAt' | 'sendingAt' | 'sentAt' | 'deliveredAt' | 'readAt' | 'playedAt' | 'error'
>

const steps = (more: Partial<Steps> = {}): Steps => ({
  createdAt: t0,
  sendingAt: null,
  status: 'sending',
  sentAt: null,
  deliveredAt: null,
  readAt: null,
  playedAt: null,
  error: null,
  ...more,
})
const stepped = (before: Steps, to: ReceiptStatus, at: number): Steps => ({
  ...before,
  ...advance(before, to, at),
})
const order = ['queued', 'sending', 'sent', 'delivered', 'read', 'played'] as const
const receipts: readonly ReceiptStatus[] = ['sent', 'delivered', 'read', 'played']

describe('a receipt', () => {
  const pairs = order.flatMap((from) => receipts.map((to) => [from, to] as const))

  it.each(pairs)('takes a message that is %s only forwards to %s', (from, to) => {
    const after = advance(steps({ status: from }), to, t0)
    expect(after?.status).toBe(order.indexOf(to) > order.indexOf(from) ? to : undefined)
  })

  it.each(receipts)('brings a failed message back to life as %s, without its error', (to) => {
    const failed = steps({ status: 'failed', error: { code: 'unknown_outcome', detail: 'given up' } })
    expect(advance(failed, to, t0)).toMatchObject({ status: to, error: null })
  })

  it('gives the steps that were skipped the time of the first sign of them', () => {
    expect(stepped(steps(), 'read', t0)).toEqual(
      steps({ status: 'read', sentAt: t0, deliveredAt: t0, readAt: t0 }),
    )
    expect(stepped(steps(), 'played', t0)).toEqual(
      steps({ status: 'played', sentAt: t0, deliveredAt: t0, readAt: t0, playedAt: t0 }),
    )
  })

  it('leaves the times alone that are known', () => {
    const sent = steps({ status: 'sent', sentAt: t0 })
    expect(stepped(sent, 'delivered', t0 + second)).toEqual(
      steps({ status: 'delivered', sentAt: t0, deliveredAt: t0 + second }),
    )
  })
})

describe('the times of a message', () => {
  const anyTime = fc.integer({ min: t0 - 60 * minute, max: t0 + 60 * minute })

  it('run forwards through all its steps, wherever the clocks were set meanwhile', () => {
    fc.assert(
      fc.property(anyTime, fc.array(fc.tuple(fc.constantFrom(...receipts), anyTime)), (sendingAt, all) => {
        let message = steps({ sendingAt: momentIn(steps(), sendingAt) })
        for (const [to, at] of all) message = stepped(message, to, at)
        const { createdAt, sentAt, deliveredAt, readAt, playedAt } = message
        const times = [createdAt, message.sendingAt, sentAt, deliveredAt, readAt, playedAt]
        const known = times.filter((at) => at !== null)
        expect(known).toEqual(known.toSorted((a, b) => a - b))
      }),
    )
  })

  it('are what the clock says while nobody sets it', () => {
    expect(momentIn(steps({ sendingAt: t0 + second }), t0 + minute)).toBe(t0 + minute)
    expect(momentIn(steps({ sendingAt: t0 + second }), t0 - minute)).toBe(t0 + second)
  })
})

describe('receipts in any order, any number of times', () => {
  const received = fc.array(fc.constantFrom(...receipts), { maxLength: 12 })
  const initial = fc.constantFrom(...messageStatuses.filter((status) => status !== 'failed'))

  it('never take a message backwards, and end at the farthest of them', () => {
    fc.assert(
      fc.property(initial, received, (status, all) => {
        let message = steps({ status })
        for (const [i, to] of all.entries()) {
          const before = order.findIndex((step) => step === message.status)
          message = stepped(message, to, t0 + i)
          expect(order.findIndex((step) => step === message.status)).toBeGreaterThanOrEqual(before)
        }
        const reached = Math.max(
          ...[status, ...all].map((step) => order.findIndex((known) => known === step)),
        )
        expect(message.status).toBe(order[reached])
      }),
    )
  })

  it('fill in the times of all steps up to the status, each once and in order', () => {
    fc.assert(
      fc.property(received, (all) => {
        let message = steps()
        for (const [i, to] of all.entries()) {
          const { sentAt, deliveredAt, readAt, playedAt } = message
          const known = { sentAt, deliveredAt, readAt, playedAt }
          message = stepped(message, to, t0 + i)
          for (const [name, at] of Object.entries(known)) {
            if (at !== null) expect(message[name as keyof typeof known]).toBe(at)
          }
        }
        const times = [message.sentAt, message.deliveredAt, message.readAt, message.playedAt]
        const set = times.filter((at) => at !== null)
        expect(set).toHaveLength(Math.max(0, order.indexOf(message.status as 'sent') - 1))
        expect(set).toEqual(set.toSorted((a, b) => a - b))
        expect(times.slice(0, set.length)).toEqual(set)
      }),
    )
  })
})

describe('the moment of something that WhatsApp dates to the second', () => {
  it('is its own second when it lies back', () => {
    expect(momentOf((t0 - minute - 123) / second, t0)).toBe(t0 - minute - 123)
  })

  it.each([
    ['of this very moment', (t0 - (t0 % second)) / second],
    ['two seconds old', t0 / second - 2],
    ['of the future', t0 / second + 60],
    ['missing', 0],
    ['negative', -1],
    ['no number', Number.NaN],
    ['endless', Number.POSITIVE_INFINITY],
  ])('is now when it is %s', (_, seconds) => {
    expect(momentOf(seconds, t0)).toBe(t0)
  })

  it('is never in the future', () => {
    fc.assert(
      fc.property(fc.double(), (seconds) => {
        expect(momentOf(seconds, t0)).toBeLessThanOrEqual(t0)
      }),
    )
  })
})
