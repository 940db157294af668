import { describe, expect, it } from 'vitest'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { plainPlan, planAheadMaxMs, type Plan } from '../../../src/domain/plan.ts'
import type { Store } from '../../../src/store/store.ts'
import {
  alice,
  bob,
  claim,
  deviceId,
  enqueue,
  messageOf,
  nothing,
  origin,
  outgoing,
  retryAt,
  second,
  sentAt,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const batch = 100
const later = t0 + 60 * second

const planned = (store: Store, id: string, plan: Partial<Plan>, chat = alice): Promise<unknown> => {
  const message = outgoing(id, { chat })
  return store.outbox.enqueue({ message, plan: { ...plainPlan, ...plan } }, () => message, origin, t0)
}

export const describeSchedule = (open: OpenStores): void => {
  describe('a message with a sendAt', () => {
    const world = useWorld(open)
    const advance = (now: number, limit = batch) =>
      world.store.schedule.advance(world.lease, limit, origin, now)

    it('is queued, and in nobody’s way until its time has come', async () => {
      const trace = await traced(world.store, () => planned(world.store, 'S1', { sendAt: later }))
      expect(trace).toEqual({ error: undefined, events: ['message.scheduled'], audits: ['message.enqueue'] })
      await enqueue(world.store, 'A1')
      expect(await messageOf(world.other, 'S1')).toMatchObject({ status: 'queued' })
      expect(await claim(world.store, world.lease)).toEqual(['A1'])
      expect(await world.other.outbox.nextDue(deviceId)).toBeNull()
    })

    it('comes into line when its time has come, not before, and however far ahead that is', async () => {
      const far = t0 + planAheadMaxMs
      await planned(world.store, 'S1', { sendAt: far })
      expect(await advance(far - 1)).toBe(far)
      expect(await claim(world.store, world.lease, far - 1)).toEqual([])
      const trace = await traced(world.store, () => advance(far))
      expect(trace).toEqual({ error: undefined, events: ['message.queued'], audits: ['message.release'] })
      const [claimed] = await world.store.outbox.claim(world.lease, { deviceId, limit: 1 }, origin, far)
      expect(claimed).toMatchObject({ attempts: 1, since: far, message: { id: 'S1' } })
    })

    it('waits on though the clock is put back', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      expect(await advance(t0 - 3_600 * second)).toBe(later)
      expect(await claim(world.store, world.lease, t0 - 3_600 * second)).toEqual([])
    })

    it('comes into line at the place of its acceptance', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await claim(world.store, world.lease)
      await advance(later)
      expect(await claim(world.store, world.lease, later)).toEqual([])
      await world.store.outbox.record(world.lease, 'A1', sentAt(later), origin, later)
      expect(await claim(world.store, world.lease, later)).toEqual(['S1'])
    })

    it('that is not the oldest of its chat leaves a retry its time', async () => {
      await enqueue(world.store, 'A1')
      await planned(world.store, 'S1', { sendAt: t0 + second })
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'A1', retryAt(t0 + 30 * second), origin, t0)
      await advance(t0 + second)
      expect(await world.other.outbox.nextDue(deviceId)).toBe(t0 + 30 * second)
      expect(await claim(world.store, world.lease, t0 + second)).toEqual([])
    })

    it('so many come into line at a time', async () => {
      for (const id of ['S1', 'S2', 'S3']) await planned(world.store, id, { sendAt: later }, bob)
      expect(await advance(later, 2)).toBe(later)
      expect(await advance(later, 2)).toBeNull()
    })

    it('can be listed, soonest first, in pages', async () => {
      await planned(world.store, 'S1', { sendAt: later + 2 })
      await planned(world.store, 'S2', { sendAt: later })
      await planned(world.store, 'S3', { sendAt: later }, bob)
      await enqueue(world.store, 'A1')
      const first = await world.other.schedule.list(deviceId, { limit: 2 })
      expect(first.items.map(({ message }) => message.id)).toEqual(['S2', 'S3'])
      expect(first.items[0]?.plan).toMatchObject({ sendAt: later, parkedFor: 'time' })
      const cursor = first.nextCursor ?? ''
      const second = await world.other.schedule.list(deviceId, { limit: 2, cursor })
      expect(second).toMatchObject({ items: [{ message: { id: 'S1' } }], nextCursor: null })
      await expect(world.other.schedule.list(deviceId, { limit: 2, cursor: 'x' })).rejects.toMatchObject({
        code: 'invalid_query',
      })
    })

    it('can be cancelled', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      await world.store.outbox.cancel('S1', origin, t0)
      expect(await messageOf(world.other, 'S1')).toMatchObject({ error: { code: 'cancelled' } })
      expect(await advance(later)).toBeNull()
    })

    it('is given up with its device', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      await enqueue(world.store, 'A1')
      const error = { code: 'device_removed', detail: 'gone' }
      expect(await world.store.outbox.cancelAll(world.lease, deviceId, error, origin, t0)).toBe(2)
      expect(await messageOf(world.other, 'S1')).toMatchObject({ status: 'failed', error })
    })

    it('says another thing, and at another time, when it is changed', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      const trace = await traced(world.store, () =>
        world.store.schedule.change(
          'S1',
          (message, plan) => {
            expect(message.text).toBe('text of S1')
            const said = { type: 'text', text: 'new', body: null, targetId: null } as const
            return {
              said: { ...said, content: Buffer.from('new') },
              plan: { ...plan, sendAt: later + second, priority: 'high' },
            }
          },
          origin,
          t0,
        ),
      )
      expect(trace).toEqual({ error: undefined, events: ['message.scheduled'], audits: ['message.change'] })
      expect(await messageOf(world.other, 'S1')).toMatchObject({ text: 'new' })
      expect(await world.other.messages.contentOf('S1')).toEqual(Buffer.from('new'))
      expect(await world.other.schedule.plan('S1')).toMatchObject({
        sendAt: later + second,
        priority: 'high',
      })
      expect(await advance(later)).toBe(later + second)
    })

    it('goes at once when its time is taken away', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      const change = (_: unknown, plan: Plan) => ({ plan: { ...plan, sendAt: null } })
      const trace = await traced(world.store, () => world.store.schedule.change('S1', change, origin, t0))
      expect(trace).toMatchObject({ events: ['message.queued'], audits: ['message.change'] })
      expect(await claim(world.store, world.lease)).toEqual(['S1'])
      await expect(world.store.schedule.change('S1', change, origin, t0)).rejects.toMatchObject({
        code: 'message_not_scheduled',
      })
    })

    it('is left as it is by a change that is refused', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      const { error, ...trace } = await traced(world.store, () =>
        world.store.schedule.change(
          'S1',
          () => {
            throw new Error('no')
          },
          origin,
          t0,
        ),
      )
      expect(error).toMatchObject({ message: 'no' })
      expect(trace).toEqual(nothing)
    })

    it('of a message that is in no outbox nothing is known, and nothing can be changed', async () => {
      expect(await world.other.schedule.plan('x')).toBeUndefined()
      expect(
        await world.other.schedule.change(
          'x',
          () => {
            throw new Error('never asked')
          },
          origin,
          t0,
        ),
      ).toBeUndefined()
    })

    it('a stale lease brings nothing into line', async () => {
      await planned(world.store, 'S1', { sendAt: later })
      const stale = { ...world.lease, epoch: world.lease.epoch - 1 }
      await expect(world.store.schedule.advance(stale, batch, origin, later)).rejects.toThrow(StaleLeaseError)
    })
  })

  describe('a message with an expiresAt', () => {
    const world = useWorld(open)
    const advance = (now: number) => world.store.schedule.advance(world.lease, batch, origin, now)

    it('is given up at that time, and the next of its chat has its turn', async () => {
      await planned(world.store, 'E1', { expiresAt: later })
      await enqueue(world.store, 'A1')
      expect(await advance(later - 1)).toBe(later)
      const trace = await traced(world.store, () => advance(later))
      expect(trace).toEqual({ error: undefined, events: ['message.failed'], audits: ['message.expire'] })
      expect(await messageOf(world.other, 'E1')).toMatchObject({
        status: 'failed',
        error: { code: 'expired' },
      })
      expect(await claim(world.store, world.lease, later)).toEqual(['A1'])
    })

    it('is not claimed after it, though nobody has given it up yet', async () => {
      await planned(world.store, 'E1', { expiresAt: later })
      expect(await claim(world.store, world.lease, later)).toEqual([])
      expect(await messageOf(world.other, 'E1')).toMatchObject({ error: { code: 'expired' } })
    })

    it('is given up while it waits for its retry, and says when it may have arrived', async () => {
      await planned(world.store, 'E1', { expiresAt: later })
      await planned(world.store, 'E2', { expiresAt: later }, bob)
      await claim(world.store, world.lease)
      const notSent = { ...retryAt(later + 1), error: { code: 'not_sent', detail: 'closed' } }
      await world.store.outbox.record(world.lease, 'E1', retryAt(t0 + 1), origin, t0)
      await world.store.outbox.record(world.lease, 'E2', notSent, origin, t0)
      await world.store.outbox.claim(world.lease, { deviceId, limit: 1 }, origin, t0 + 1)
      await world.store.outbox.record(world.lease, 'E1', notSent, origin, t0 + 1)
      await advance(later)
      expect(await messageOf(world.other, 'E1')).toMatchObject({ error: { code: 'expired_unknown_outcome' } })
      expect(await messageOf(world.other, 'E2')).toMatchObject({ error: { code: 'expired' } })
    })

    it('may have arrived when its connector died with it', async () => {
      await planned(world.store, 'E1', { expiresAt: later })
      await claim(world.store, world.lease)
      const next = await world.store.leases.claim(world.lease.name, 'c2', 30 * second, t0, 'c1')
      if (next === undefined) throw new Error('the lease was refused')
      await world.store.outbox.recover(next, deviceId, origin, t0)
      await world.store.schedule.advance(next, batch, origin, later)
      expect(await messageOf(world.other, 'E1')).toMatchObject({ error: { code: 'expired_unknown_outcome' } })
    })

    it('is left alone while it is being sent', async () => {
      await planned(world.store, 'E1', { expiresAt: later })
      const [claimed] = await world.store.outbox.claim(world.lease, { deviceId, limit: 1 }, origin, t0)
      expect(claimed).toMatchObject({ expiresAt: later, uncertain: false })
      expect(await advance(later)).toBeNull()
      expect(await messageOf(world.other, 'E1')).toMatchObject({ status: 'sending' })
    })

    it('is given up before its sendAt, if the clock was put forward over both', async () => {
      await planned(world.store, 'E1', { sendAt: later, expiresAt: later + 1 })
      await advance(later + 2)
      expect(await messageOf(world.other, 'E1')).toMatchObject({ error: { code: 'expired' } })
    })
  })

  describe('priority', () => {
    const world = useWorld(open)
    const chat = (n: number) => ({ pn: `4915100000${n}@s.whatsapp.net`, lid: null })

    it('of the chats that are due the more urgent goes first, then the longest due', async () => {
      await planned(world.store, 'L1', { priority: 'low' }, chat(1))
      await planned(world.store, 'N1', {}, chat(2))
      await planned(world.store, 'N2', {}, chat(3))
      await planned(world.store, 'H1', { priority: 'high' }, chat(4))
      expect(await claim(world.store, world.lease, t0, 2)).toEqual(['H1', 'N1'])
      expect(await world.other.outbox.nextDue(deviceId)).toBe(t0)
      expect(await claim(world.store, world.lease)).toEqual(['N2', 'L1'])
    })

    it('within a chat the order is that of acceptance', async () => {
      await planned(world.store, 'L1', { priority: 'low' })
      await planned(world.store, 'H1', { priority: 'high' })
      expect(await claim(world.store, world.lease)).toEqual(['L1'])
    })
  })
}
