import { describe, expect, it } from 'vitest'
import { cutOf, type SweptLog } from '../../../src/domain/retention.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import type { Store } from '../../../src/store/store.ts'
import { day, keepAll } from '../../domain/fixtures.ts'
import {
  admitAll,
  claim,
  deviceId,
  enqueue,
  incoming,
  nobody,
  nothing,
  type OpenStores,
  origin,
  outgoing,
  sentAt,
  t0,
  traced,
  useWorld,
} from './fixtures.ts'

const ageMs = 30 * day
const retention = {
  messagesMs: ageMs,
  eventsMs: ageMs,
  eventsMax: 1_000_000,
  deliveriesMs: ageMs,
  historyMs: ageMs,
  auditMs: ageMs,
}

export const describeRetention = (open: OpenStores): void => {
  describe('retention', () => {
    const world = useWorld(open)
    const later = t0 + ageMs + day

    /** A whole pass; resolves with how many rows went. */
    const sweep = async (log: SweptLog, now = later, limits = retention, limit = 3): Promise<number> => {
      const cut = cutOf(log, limits, now)
      if (cut === null) return 0
      let removed = 0
      for (let cursor: string | null = null, steps = 0; ; steps++) {
        const step = await world.store.retention.sweep(world.lease, log, { cut, limit, cursor }, origin, now)
        removed += step.removed
        cursor = step.next
        if (cursor === null) return removed
        expect(steps).toBeLessThan(1_000)
      }
    }
    const send = async (id: string, now = t0): Promise<void> => {
      await enqueue(world.store, id, {}, now)
      await claim(world.store, world.lease, now)
      await world.store.outbox.record(world.lease, id, sentAt(now), origin, now)
    }
    const receive = (id: string, more = {}, now = t0): Promise<unknown> =>
      world.store.inbound.promote(
        world.lease,
        { deviceId, stanzaKey: id, promotion: incoming(id, { whatsappId: id, ...more }) },
        origin,
        now,
      )
    const ids = async (store: Store = world.other): Promise<string[]> =>
      (await store.messages.list({ deviceId, acts: true }, { limit: 100 })).items
        .map(({ id }) => id)
        .toSorted()

    it('keeps all of what has no age', () => {
      for (const log of [
        'messages',
        'operations',
        'bulks',
        'numbers',
        'deliveries',
        'history',
        'audit',
      ] as const) {
        expect(cutOf(log, keepAll, t0)).toBeNull()
      }
      expect(cutOf('events', keepAll, t0)).toEqual({ before: null, keepMax: 1_000_000 })
    })

    it('old messages that are settled go, whoever wrote them, and those that wait stay', async () => {
      await send('SENT')
      await enqueue(world.store, 'WAITS')
      await receive('IN')
      await send('NEW', later)
      expect(await sweep('messages')).toBe(2)
      expect(await ids()).toEqual(['NEW', 'WAITS'])
    })

    it('a message goes with what was done to it, its place in the index and its idempotency key', async () => {
      const idempotency = { key: 'k', requestHash: 'h' }
      const input = { message: outgoing('M1'), idempotency }
      await world.store.outbox.enqueue(input, admitAll, origin, t0)
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'M1', sentAt(t0), origin, t0)
      await receive(
        'REACTION',
        {
          type: 'reaction',
          text: '👍',
          targetId: 'M1',
          targetWhatsappId: 'M1',
        },
        later,
      )
      await world.store.search.index(100)
      expect(await sweep('messages', later, retention, 1)).toBe(2)
      expect(await ids()).toEqual([])
      const again = await world.store.outbox.enqueue(input, admitAll, origin, later)
      expect(again.kind).toBe('accepted')
    })

    it('a message stays while something that was done to it is on its way', async () => {
      await send('M1')
      await enqueue(world.store, 'EDIT', { type: 'edit', targetId: 'M1' }, later)
      expect(await sweep('messages')).toBe(0)
      expect(await ids()).toEqual(['EDIT', 'M1'])
    })

    it('what was asked for again and may still come stays', async () => {
      const error = { code: 'awaiting_retry', detail: 'Bad MAC' }
      await receive('PENDING', { type: 'undecryptable', text: null, content: null, error })
      expect(await sweep('messages')).toBe(0)
      await world.store.inbound.giveUp(world.lease, { before: later, limit: 9 }, origin, t0)
      expect(await sweep('messages')).toBe(1)
    })

    it('the oldest events go, and the floor and the newest say where the log stands', async () => {
      await send('M1')
      const before = await world.other.events.after(0, { limit: 100 })
      await send('M2', later)
      expect(await sweep('events')).toBe(before.length)
      expect(await world.other.events.floor()).toBe(before.at(-1)?.seq)
      const [first] = await world.other.events.after(0, { limit: 1, types: ['message.queued'] })
      expect(first?.seq).toBe((before.at(-1)?.seq ?? 0) + 1)
      const latest = await world.other.events.latest()
      expect(await sweep('events', later * 2)).toBeGreaterThan(0)
      expect(await world.other.events.after(0, { limit: 100 })).toEqual([])
      expect(await world.other.events.latest()).toBe(latest)
      expect(await world.other.events.floor()).toBe(latest)
      await send('M3', later)
      const [next] = await world.other.events.after(latest, { limit: 1 })
      expect(next?.seq).toBe(latest + 1)
    })

    it('of the events only so many of the newest are kept', async () => {
      for (let at = 0; at < 5; at++) await send(`M${at}`)
      const all = await world.other.events.after(0, { limit: 100 })
      await sweep('events', t0, { ...retention, eventsMax: 4 })
      expect(await world.other.events.after(0, { limit: 100 })).toEqual(all.slice(-4))
    })

    it('the newest status of a device stays, however old it is', async () => {
      await world.store.devices.decide(deviceId, (device) => {
        if (device === undefined) throw new Error('there is no device')
        return {
          device: { ...device, status: 'connecting', reason: 'started' },
          events: [
            {
              type: 'device.status_changed',
              deviceId,
              data: { status: 'connecting', previous: 'starting', reason: 'started', detail: null },
            },
          ],
          audit: {
            origin,
            action: 'device.observe',
            target: { kind: 'device', id: deviceId },
            before: null,
            after: null,
          },
        } as never
      })
      expect(await sweep('history')).toBe(1)
      const { items } = await world.other.devices.history(deviceId, { limit: 10 })
      expect(items.map(({ status }) => status)).toEqual(['connecting'])
      expect(await sweep('history')).toBe(0)
    })

    it('the oldest audit entries go, and the sweep has its own', async () => {
      await send('M1')
      const before = (await world.other.audit.after(0, 100)).length
      expect(await sweep('audit')).toBe(before)
      expect(
        (await world.other.audit.after(0, 100)).map(({ action, target, after }) => ({
          action,
          target,
          after,
        })),
      ).toEqual([
        {
          action: 'retention.sweep',
          target: { kind: 'log', id: 'audit' },
          after: { removed: before, until: new Date(t0).toISOString() },
        },
      ])
    })

    it('a pass tells in one entry of all that it has removed, and in none of nothing', async () => {
      for (let at = 0; at < 7; at++) await receive(`IN${at}`)
      const { audits } = await traced(world.store, () => sweep('messages'))
      expect(audits).toEqual(['retention.sweep'])
      const entry = (await world.other.audit.after(0, 100)).at(-1)
      expect(entry).toMatchObject({ target: { kind: 'log', id: 'messages' }, after: { removed: 7 } })
      expect(await traced(world.store, () => sweep('messages'))).toMatchObject({
        ...nothing,
        error: undefined,
      })
    })

    it('what went before a crash is told of by the next pass', async () => {
      for (let at = 0; at < 5; at++) await receive(`IN${at}`)
      const cut = { before: later - ageMs, keepMax: null }
      await world.store.retention.sweep(
        world.lease,
        'messages',
        { cut, limit: 2, cursor: null },
        origin,
        later,
      )
      expect(await sweep('messages')).toBe(3)
      expect((await world.other.audit.after(0, 100)).at(-1)).toMatchObject({ after: { removed: 5 } })
    })

    it('a stale lease removes nothing', async () => {
      await receive('IN')
      const input = { cut: { before: later, keepMax: null }, limit: 9, cursor: null }
      const swept = world.store.retention.sweep(nobody, 'messages', input, origin, later)
      await expect(swept).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await ids()).toEqual(['IN'])
    })
  })
}
