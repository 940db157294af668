import { describe, expect, it } from 'vitest'
import { bulkQueuedMax } from '../../../src/domain/bulk.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { plainPlan, type Plan } from '../../../src/domain/plan.ts'
import type { NewRecipient, Store } from '../../../src/store/store.ts'
import {
  admitAll,
  claim,
  deviceId,
  enqueue,
  messageOf,
  nobody,
  nothing,
  origin,
  refused,
  sentAt,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const removed = { code: 'device_removed', detail: 'gone' }

const recipient = (bulk: string, index: number, more: Partial<NewRecipient> = {}): NewRecipient => ({
  recipient: `4915200${index}`,
  chat: `4915200${String(index).padStart(5, '0')}@s.whatsapp.net`,
  variables: { name: `number ${index}` },
  state: 'waiting',
  error: null,
  messageId: `${bulk}-${index}`,
  ...more,
})

export const create = (
  store: Store,
  id: string,
  recipients: number | readonly NewRecipient[],
  { plan, key }: { readonly plan?: Partial<Plan>; readonly key?: string } = {},
) =>
  store.bulks.create(
    {
      bulk: {
        id,
        deviceId,
        name: `name of ${id}`,
        body: { type: 'text', text: 'Hello {{name}}' },
        plan: { ...plainPlan, priority: 'low', ...plan },
      },
      recipients:
        typeof recipients === 'number'
          ? Array.from({ length: recipients }, (_, index) => recipient(id, index))
          : recipients,
      ...(key === undefined ? {} : { idempotency: { key, requestHash: `hash of ${id}` } }),
    },
    admitAll,
    origin,
    t0,
  )

export const describeBulks = (openStores: OpenStores): void => {
  describe('a bulk', () => {
    const world = useWorld(openStores)
    const feed = (now = t0) => world.store.bulks.feed(world.lease, origin, now)
    const sendAll = async (): Promise<string[]> => {
      const ids = await claim(world.store, world.lease)
      for (const id of ids) await world.store.outbox.record(world.lease, id, sentAt(t0), origin, t0)
      return ids
    }

    it('is written with all its recipients, with a trace, and nothing is in the outbox yet', async () => {
      const trace = await traced(world.store, () =>
        create(world.store, 'b', [
          recipient('b', 0),
          recipient('b', 1, {
            state: 'invalid',
            chat: null,
            error: { code: 'invalid_recipient', detail: '?' },
          }),
          recipient('b', 2, { state: 'duplicate', error: { code: 'duplicate', detail: 'again' } }),
        ]),
      )
      expect(trace).toEqual({ error: undefined, events: ['bulk.created'], audits: ['bulk.create'] })
      expect(await world.other.bulks.get('b')).toMatchObject({
        state: 'running',
        name: 'name of b',
        body: { text: 'Hello {{name}}' },
        total: 3,
        startedAt: null,
        endedAt: null,
      })
      const { items } = await world.other.bulks.recipients('b', { limit: 10 })
      expect(
        items.map(({ index, status, messageId, error }) => [index, status, messageId, error?.code]),
      ).toEqual([
        [0, 'waiting', null, undefined],
        [1, 'invalid', null, 'invalid_recipient'],
        [2, 'duplicate', null, 'duplicate'],
      ])
      expect(await claim(world.store, world.lease)).toEqual([])
    })

    it('of a device that may not send is written in no part', async () => {
      const refuse = (): never => {
        throw new Error('not linked')
      }
      const bulk = {
        id: 'b',
        deviceId,
        name: null,
        body: { type: 'text', text: 'x' },
        plan: plainPlan,
      } as const
      const trace = await traced(world.store, () =>
        world.store.bulks.create({ bulk, recipients: [recipient('b', 0)] }, refuse, origin, t0),
      )
      expect(trace).toMatchObject({ error: { message: 'not linked' }, ...nothing })
      expect(await world.other.bulks.get('b')).toBeUndefined()
      expect((await world.other.bulks.recipients('b', { limit: 1 })).items).toEqual([])
    })

    it('with a key that was used is the one of then, or refused', async () => {
      await create(world.store, 'b', 1, { key: 'k' })
      expect(await create(world.other, 'b', 1, { key: 'k' })).toMatchObject({ kind: 'repeated' })
      expect(await create(world.other, 'c', 1, { key: 'k' })).toMatchObject({
        kind: 'conflict',
        bulk: { id: 'b' },
      })
      expect(await world.other.bulks.get('c')).toBeUndefined()
    })

    it('has so many messages in the outbox, behind single ones, and is finished with the last', async () => {
      await create(world.store, 'b', bulkQueuedMax + 1)
      expect(await feed()).toBe(bulkQueuedMax)
      expect(await feed()).toBe(0)
      await enqueue(world.store, 'single')
      expect(await claim(world.store, world.lease, t0, 1)).toEqual(['single'])
      expect(await messageOf(world.other, 'b-0')).toMatchObject({
        text: 'Hello number 0',
        chat: { pn: '491520000000@s.whatsapp.net' },
        status: 'queued',
      })
      expect(await world.other.schedule.plan('b-0')).toMatchObject({ priority: 'low', bulkId: 'b' })
      expect(await sendAll()).toHaveLength(bulkQueuedMax)
      const trace = await traced(world.store, () => feed())
      expect(trace).toMatchObject({ events: ['message.queued'], audits: ['message.enqueue'] })
      expect(await sendAll()).toEqual([`b-${bulkQueuedMax}`])
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'running', startedAt: t0 })
      const end = await traced(world.store, () => feed(t0 + 5))
      expect(end).toEqual({ error: undefined, events: ['bulk.finished'], audits: ['bulk.finish'] })
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'done', endedAt: t0 + 5 })
      expect(await traced(world.store, () => feed())).toEqual({ error: undefined, ...nothing })
    })

    it('without anybody to send to is finished at once', async () => {
      await create(world.store, 'b', [recipient('b', 0, { state: 'duplicate' })])
      await feed()
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'done', startedAt: null })
    })

    it('is fed only by who has the seat', async () => {
      await create(world.store, 'b', 1)
      const trace = await traced(world.store, () => world.store.bulks.feed(nobody, origin, t0))
      expect(trace).toEqual({ error: expect.any(StaleLeaseError) as unknown, ...nothing })
      expect(await world.other.messages.get('b-0')).toBeUndefined()
    })

    it('that two feed at once is fed once', async () => {
      await create(world.store, 'b', 30)
      const fed = await Promise.all([feed(), world.other.bulks.feed(world.lease, origin, t0)])
      expect(fed[0] + fed[1]).toBe(bulkQueuedMax)
      expect(await world.other.bulks.counts('b')).toMatchObject({ queued: bulkQueuedMax, waiting: 10 })
    })

    it('that is paused has nothing sent but what is in flight, and goes on where it was', async () => {
      await create(world.store, 'b', 30)
      await feed()
      const [flying = ''] = await claim(world.store, world.lease, t0, 1)
      const trace = await traced(world.store, () => world.store.bulks.change('b', 'pause', origin, t0))
      expect(trace).toEqual({ error: undefined, events: ['bulk.paused'], audits: ['bulk.pause'] })
      expect(await world.store.bulks.change('b', 'pause', origin, t0)).toMatchObject({ state: 'paused' })
      await world.store.outbox.record(world.lease, flying, sentAt(t0), origin, t0)
      expect([await feed(), await claim(world.store, world.lease)]).toEqual([0, []])
      expect(await world.other.bulks.counts('b')).toMatchObject({ sent: 1, queued: 19, waiting: 10 })
      const resumed = await traced(world.store, () => world.store.bulks.change('b', 'resume', origin, t0))
      expect(resumed.events).toEqual([...Array<string>(19).fill('message.queued'), 'bulk.resumed'])
      expect(resumed.audits).toEqual(['bulk.resume'])
      expect(await sendAll()).toHaveLength(19)
    })

    it('that is paused lets later messages of its chats go first', async () => {
      await create(world.store, 'b', 1)
      await feed()
      await enqueue(world.store, 'later', { chat: { pn: recipient('b', 0).chat, lid: null } })
      expect(await claim(world.store, world.lease)).toEqual(['b-0'])
      await world.store.outbox.record(
        world.lease,
        'b-0',
        { state: 'queued', notBefore: t0 + 1, error: { code: 'x', detail: 'x' } },
        origin,
        t0,
      )
      await create(world.store, 'c', [recipient('c', 0, { chat: '4915199990000@s.whatsapp.net' })])
      await feed()
      await enqueue(world.store, 'behind', { chat: { pn: '4915199990000@s.whatsapp.net', lid: null } })
      await world.store.bulks.change('b', 'pause', origin, t0)
      await world.store.bulks.change('c', 'pause', origin, t0)
      // What was tried keeps its place: its fate may be unknown.
      expect((await claim(world.store, world.lease, t0 + 1)).toSorted()).toEqual(['b-0', 'behind'])
    })

    it('that is paused while its messages are held for new chats has them wait for itself alone', async () => {
      await create(world.store, 'b', 2)
      await feed()
      const pacedClaim = async (restrictedUntil: number | null): Promise<string[]> => {
        const input = { deviceId, limit: 9, rules: null, restrictedUntil, random: () => 0.5 }
        const { claimed } = await world.store.pacing.claim(world.lease, input, origin, t0)
        return claimed.map(({ message }) => message.id)
      }
      expect(await pacedClaim(t0 + 1)).toEqual([])
      expect(await world.other.pacing.holds(deviceId)).toBe(true)
      await world.store.bulks.change('b', 'pause', origin, t0)
      expect(await world.other.pacing.holds(deviceId)).toBe(false)
      expect(await pacedClaim(null)).toEqual([])
      await world.store.bulks.change('b', 'resume', origin, t0)
      expect(await pacedClaim(null)).toEqual(['b-0', 'b-1'])
    })

    it('keeps its file while anybody waits for it', async () => {
      const file = { mimetype: 'text/plain', filename: null, width: null, height: null, seconds: null }
      const more = { waveform: null, thumbnail: null, deviceId: null, source: 'upload', bytes: 1 } as const
      await world.store.media.add({ id: 'med_1', sha256: 'a'.repeat(64), ...file, ...more }, origin, t0)
      const body = { type: 'document', media: { uploadId: 'med_1' } } as const
      await world.store.bulks.create(
        {
          bulk: { id: 'b', deviceId, name: null, body, plan: plainPlan },
          recipients: [recipient('b', 0)],
        },
        admitAll,
        origin,
        t0,
      )
      const remove = () => world.store.media.remove('med_1', origin, t0)
      await expect(remove()).rejects.toMatchObject({ code: 'media_in_use' })
      await world.store.bulks.change('b', 'cancel', origin, t0)
      expect(await remove()).toMatchObject({ state: 'removed' })
    })

    it('that is cancelled ends, when what was in flight is settled', async () => {
      await create(world.store, 'b', 30)
      await feed()
      const [sent = '', failed = ''] = await claim(world.store, world.lease, t0, 2)
      const trace = await traced(world.store, () => world.store.bulks.change('b', 'cancel', origin, t0))
      expect(trace.events).toEqual([...Array<string>(18).fill('message.cancelled'), 'bulk.cancelled'])
      expect(trace.audits).toEqual([...Array<string>(18).fill('message.cancel'), 'bulk.cancel'])
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'cancelled', endedAt: null })
      await world.store.outbox.record(world.lease, sent, sentAt(t0), origin, t0)
      await feed()
      expect(await world.other.bulks.get('b')).toMatchObject({ endedAt: null })
      await world.store.outbox.record(world.lease, failed, refused, origin, t0)
      const end = await traced(world.store, () => feed(t0 + 1))
      expect(end).toEqual({ error: undefined, events: [], audits: ['bulk.finish'] })
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'cancelled', endedAt: t0 + 1 })
      expect(await world.other.bulks.counts('b')).toMatchObject({ sent: 1, failed: 1, cancelled: 28 })
    })

    it('that is cancelled has nothing tried again', async () => {
      await create(world.store, 'b', 1)
      await feed()
      await claim(world.store, world.lease)
      await world.store.bulks.change('b', 'cancel', origin, t0)
      const error = { code: 'unknown', detail: 'no ack' }
      await world.store.outbox.record(
        world.lease,
        'b-0',
        { state: 'queued', notBefore: t0, error },
        origin,
        t0,
      )
      await feed()
      expect(await messageOf(world.other, 'b-0')).toMatchObject({
        status: 'failed',
        error: { code: 'cancelled', detail: expect.stringContaining('no ack') as string },
      })
      expect(await world.other.bulks.get('b')).toMatchObject({ endedAt: t0 })
    })

    it('ends with its device, by that reason', async () => {
      await create(world.store, 'b', 30)
      await create(world.store, 'c', 1)
      await feed()
      await world.store.bulks.change('c', 'cancel', origin, t0)
      expect(await world.store.bulks.cancelAll(world.lease, deviceId, removed, origin, t0)).toBe(1)
      await world.store.outbox.cancelAll(world.lease, deviceId, removed, origin, t0)
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'cancelled', endedAt: t0 })
      expect(await world.other.bulks.counts('b')).toMatchObject({ failed: 30 })
      const { items } = await world.other.bulks.recipients('b', { limit: 1, status: 'failed' })
      expect(items).toMatchObject([{ error: removed }])
      await expect(world.store.bulks.cancelAll(nobody, deviceId, removed, origin, t0)).resolves.toBe(0)
    })

    it('waits for its sendAt, and is given up at its expiresAt', async () => {
      await create(world.store, 'b', 30, { plan: { sendAt: t0 + 10, expiresAt: t0 + 20 } })
      expect([await feed(t0 + 9), await feed(t0 + 10)]).toEqual([0, bulkQueuedMax])
      await feed(t0 + 20)
      await world.store.schedule.advance(world.lease, 100, origin, t0 + 20)
      await feed(t0 + 20)
      expect(await world.other.bulks.counts('b')).toMatchObject({ failed: 30 })
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'done' })
      const { items } = await world.other.bulks.recipients('b', { limit: 50 })
      expect(new Set(items.map(({ error }) => error?.code))).toEqual(new Set(['expired']))
    })

    it('that is paused at its expiresAt is given up too', async () => {
      await create(world.store, 'b', 30, { plan: { expiresAt: t0 + 20 } })
      await feed()
      await world.store.bulks.change('b', 'pause', origin, t0)
      expect(await traced(world.store, () => feed(t0 + 19))).toEqual({ error: undefined, ...nothing })
      const expiry = await traced(world.store, () => feed(t0 + 20))
      expect(expiry).toEqual({ error: undefined, events: [], audits: ['bulk.expire'] })
      expect((await world.other.audit.list({ action: 'bulk.expire' }, { limit: 1 })).items).toMatchObject([
        { target: { kind: 'bulk', id: 'b' }, after: { givenUp: 10, error: 'expired', expiresAt: t0 + 20 } },
      ])
      expect(await world.other.bulks.counts('b')).toMatchObject({ failed: 10, queued: 20 })
      await world.store.schedule.advance(world.lease, 100, origin, t0 + 20)
      await feed(t0 + 20)
      expect(await world.other.bulks.get('b')).toMatchObject({ state: 'done', endedAt: t0 + 20 })
    })

    it('and its recipients are listed in pages', async () => {
      for (const id of ['a', 'b', 'c']) await create(world.store, id, 3)
      const first = await world.other.bulks.list(deviceId, { limit: 2 })
      expect(first.items.map(({ id }) => id)).toEqual(['c', 'b'])
      const rest = await world.other.bulks.list(deviceId, { limit: 2, cursor: first.nextCursor ?? '' })
      expect(rest).toMatchObject({ items: [{ id: 'a' }], nextCursor: null })
      const page = await world.other.bulks.recipients('a', { limit: 2, status: 'waiting' })
      const next = await world.other.bulks.recipients('a', { limit: 2, cursor: page.nextCursor ?? '' })
      expect([page, next].map(({ items }) => items.map(({ index }) => index))).toEqual([[0, 1], [2]])
      await expect(world.other.bulks.recipients('a', { limit: 1, cursor: 'x' })).rejects.toMatchObject({
        code: 'invalid_query',
      })
    })

    it('of nobody is none', async () => {
      expect(await world.other.bulks.get('x')).toBeUndefined()
      expect(await world.store.bulks.change('x', 'pause', origin, t0)).toBeUndefined()
      expect(await world.other.bulks.counts('x')).toMatchObject({ waiting: 0, sent: 0 })
    })
  })
}
