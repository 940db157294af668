import { describe, expect, it } from 'vitest'
import { start } from '../../../src/domain/device.ts'
import type { Lease } from '../../../src/domain/lease.ts'
import {
  deliveryDueAheadMaxMs,
  lineRunMax,
  probingFromFailures,
  type Endpoint,
} from '../../../src/domain/webhook.ts'
import type { Store } from '../../../src/store/store.ts'
import {
  alice,
  bob,
  deviceId,
  enqueue,
  origin,
  second,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'
import {
  broken,
  claimDeliveries,
  deliveriesOf,
  dispatcherLease,
  endpointOf,
  gone,
  ok,
  recordPost,
} from './webhook-fixtures.ts'

const minute = 60 * second
const hour = 60 * minute

export const describeWebhooks = (open: OpenStores): void => {
  describe('webhooks', () => {
    const world = useWorld(open)

    const create = (endpoint: Endpoint): Promise<Endpoint> =>
      world.store.webhooks.create(endpoint, () => undefined, origin, t0)
    const claim = (lease: Lease, more: Parameters<typeof claimDeliveries>[2] = {}) =>
      claimDeliveries(world.store, lease, more)
    const record = (...given: Parameters<typeof recordPost> extends [Store, ...infer Rest] ? Rest : never) =>
      recordPost(world.store, ...given)
    const all = (endpointId?: string) => deliveriesOf(world.other, endpointId)
    const states = async () => (await all()).map(({ state }) => state)
    const only = async () => {
      const [first, ...rest] = await all()
      if (first === undefined || rest.length > 0)
        throw new Error(`there are ${rest.length} too many, or none`)
      return first
    }
    const change = (
      more: Partial<Endpoint>,
      action: 'change' | 'pause' | 'resume' | 'remove' = 'change',
      id = 'whk_1',
    ) =>
      world.store.webhooks.change(
        id,
        `webhook.${action}`,
        (before) => ({ ...before, ...more }),
        origin,
        t0 + 1,
      )
    const endpoint = async (id = 'whk_1'): Promise<Endpoint> => {
      const found = await world.other.webhooks.get(id)
      if (found === undefined) throw new Error(`there is no ${id}`)
      return found
    }

    describe('endpoints', () => {
      it('an endpoint is kept as it was made, and said in the audit without its secrets', async () => {
        const trace = await traced(world.store, () => create(endpointOf('whk_1')))
        expect(trace).toEqual({ error: undefined, events: [], audits: ['webhook.create'] })
        expect(await world.other.webhooks.get('whk_1')).toEqual(endpointOf('whk_1'))
        expect(await world.other.webhooks.list()).toEqual([endpointOf('whk_1')])
        const entries = JSON.stringify(await world.other.audit.after(0, 100))
        expect(entries).toContain('https://example.com/whk_1')
        expect(entries).not.toContain('geheim')
        expect(entries).not.toContain('whsec_')
      })

      it('whoever makes one may be refused by how many there are', async () => {
        await create(endpointOf('whk_1'))
        const admit = (count: number): void => {
          if (count > 0) throw new Error(`there are ${count}`)
        }
        await expect(world.store.webhooks.create(endpointOf('whk_2'), admit, origin, t0)).rejects.toThrow(
          'are 1',
        )
        expect(await world.other.webhooks.get('whk_2')).toBeUndefined()
      })

      it('a change is a decision on what is there', async () => {
        await create(endpointOf('whk_1'))
        const trace = await traced(world.store, async () => {
          expect(await change({ url: 'https://example.org/' })).toMatchObject({ url: 'https://example.org/' })
        })
        expect(trace.audits).toEqual(['webhook.change'])
        expect(await endpoint()).toMatchObject({ url: 'https://example.org/', updatedAt: t0 + 1 })
        expect(await change({}, 'change', 'whk_9')).toBeUndefined()
      })

      it('a removed endpoint is gone: no secrets, no new deliveries, and what waited is cancelled', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        await change({ state: 'removed' }, 'remove')
        await enqueue(world.store, 'M2')
        expect(await world.other.webhooks.list()).toEqual([])
        expect(await endpoint()).toMatchObject({ state: 'removed', secret: '', headers: {} })
        expect(await states()).toEqual(['cancelled'])
        expect(await change({ state: 'active' }, 'resume')).toBeUndefined()
        expect(await world.store.webhooks.test('whk_1', origin, t0)).toBeUndefined()
      })
    })

    describe('deliveries', () => {
      it('an event that is wanted has a delivery in its own transaction', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1', {}, t0 + 5)
        const [event] = await world.other.events.after(0, { limit: 1, types: ['message.queued'] })
        expect(await only()).toEqual({
          id: expect.stringMatching(/^dlv_/),
          endpointId: 'whk_1',
          eventSeq: event?.seq,
          eventId: event?.id,
          eventType: 'message.queued',
          deviceId,
          origin: 'event',
          state: 'waiting',
          attempts: 0,
          dueAt: t0 + 5,
          lastStatus: null,
          error: null,
          createdAt: t0 + 5,
          attemptedAt: null,
          settledAt: null,
        })
      })

      it('an event that is undone leaves no delivery', async () => {
        await create(endpointOf('whk_1'))
        const refuse = (): never => {
          throw new Error('no')
        }
        const message = { id: 'M1', deviceId, whatsappId: 'M1', direction: 'outbound', chat: alice } as never
        await expect(world.store.outbox.enqueue({ message }, refuse, origin, t0)).rejects.toThrow('no')
        expect(await all()).toEqual([])
      })

      it('an endpoint that another process has made or changed gets what this one writes from then on', async () => {
        await enqueue(world.other, 'M0')
        await create(endpointOf('whk_1'))
        await enqueue(world.other, 'M1')
        await change({ filter: { ...endpointOf('').filter, events: ['message.read'] } })
        await enqueue(world.other, 'M2')
        await change({ filter: { ...endpointOf('').filter, events: null, devices: ['b'] } })
        await enqueue(world.other, 'M3')
        await world.other.devices.decide('b', (before) => start(before, 'b', origin, t0))
        const events = await world.other.events.after(0, { limit: 99 })
        const ids = events
          .filter(({ data }) => 'messageId' in data && data.messageId === 'M1')
          .map(({ id }) => id)
        expect((await all()).map(({ eventId, eventType }) => [eventId, eventType])).toEqual([
          [ids[0], 'message.queued'],
          [expect.any(String), 'device.status_changed'],
        ])
      })

      it('each endpoint has deliveries of its own', async () => {
        await create(endpointOf('whk_1'))
        await create(endpointOf('whk_2'))
        await enqueue(world.store, 'M1')
        expect(await all('whk_1')).toHaveLength(1)
        expect(await all('whk_2')).toHaveLength(1)
      })

      it('a paused endpoint collects, and one that was disabled does not', async () => {
        await create(endpointOf('whk_1', { state: 'paused' }))
        await create(endpointOf('whk_2', { state: 'disabled', disabledReason: 'gone' }))
        await enqueue(world.store, 'M1')
        expect(await all('whk_1')).toHaveLength(1)
        expect(await all('whk_2')).toEqual([])
      })

      it('they are listed newest first, by state, type, device and time', async () => {
        await create(endpointOf('whk_1', { filter: { ...endpointOf('').filter, events: null } }))
        await world.store.devices.decide('b', (before) => start(before, 'b', origin, t0 + 1))
        await enqueue(world.store, 'M1', {}, t0 + 2)
        await enqueue(world.store, 'M2', {}, t0 + 3)
        const list = async (filter: object, limit = 9) =>
          (await world.other.webhooks.deliveries({ endpointId: 'whk_1', ...filter }, { limit })).items.map(
            ({ createdAt }) => createdAt - t0,
          )
        expect(await list({})).toEqual([3, 2, 1])
        expect(await list({ type: 'message.queued' })).toEqual([3, 2])
        expect(await list({ deviceId: 'b' })).toEqual([1])
        expect(await list({ after: t0 + 2, before: t0 + 3 })).toEqual([2])
        expect(await list({ state: 'failed' })).toEqual([])
        expect(await list({ state: 'waiting', type: 'message.queued', deviceId })).toEqual([3, 2])
        const first = await world.other.webhooks.deliveries({ endpointId: 'whk_1' }, { limit: 2 })
        expect(first.nextCursor).not.toBeNull()
        const cursor = first.nextCursor ?? ''
        const rest = await world.other.webhooks.deliveries({ endpointId: 'whk_1' }, { limit: 2, cursor })
        expect(rest).toMatchObject({ items: [{ createdAt: t0 + 1 }], nextCursor: null })
        expect(await world.other.webhooks.counts('whk_1', 2)).toEqual({
          waiting: 2,
          sending: 0,
          delivered: 0,
          failed: 0,
          cancelled: 0,
        })
      })
    })

    describe('attempts', () => {
      it('a claimed delivery comes with its event, is being sent, and is claimed once', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        const [claimed, ...rest] = await claim(lease)
        expect(rest).toEqual([])
        expect(claimed).toMatchObject({
          round: 1,
          delivery: { state: 'sending', attempts: 1, dueAt: null },
          event: { type: 'message.queued', data: { messageId: 'M1', message: { text: 'text of M1' } } },
        })
        expect(await claim(lease)).toEqual([])
        expect((await only()).state).toBe('sending')
      })

      it('the oldest are claimed first, no more than wanted, and none before its time', async () => {
        await create(endpointOf('whk_1'))
        for (let at = 0; at < 4; at++) await enqueue(world.store, `M${at}`, {}, t0 + at)
        const lease = await dispatcherLease(world.store)
        const ids = async (limit: number, now: number) =>
          (await claim(lease, { limit, now })).map(({ delivery }) => delivery.createdAt - t0)
        expect(await ids(2, t0 + 9)).toEqual([0, 1])
        expect(await ids(9, t0 + 2)).toEqual([2])
      })

      it('what was delivered is settled, and each attempt has a row', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        await claim(lease)
        const { id } = await only()
        const trace = await traced(world.store, () => record(lease, id, ok, { now: t0 + 7 }))
        expect(trace).toEqual({ error: undefined, events: [], audits: [] })
        expect(await only()).toMatchObject({
          state: 'delivered',
          attempts: 1,
          lastStatus: 200,
          error: null,
          attemptedAt: t0 + 7,
          settledAt: t0 + 7,
        })
        expect(await world.other.webhooks.attempts(id, 10)).toEqual([
          { number: 1, at: t0 + 7, durationMs: 3, status: 200, responseHead: 'HTTP/1.1 200', error: null },
        ])
      })

      it('what failed waits for its next attempt, and after the last one is failed', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        const [first] = await claim(lease)
        const id = first?.delivery.id ?? ''
        await record(lease, id, broken)
        expect(await only()).toMatchObject({
          state: 'waiting',
          dueAt: t0 + 5 * second,
          lastStatus: 500,
          error: { code: 'status_500' },
        })
        expect(await claim(lease, { now: t0 + 5 * second - 1 })).toEqual([])
        const [again] = await claim(lease, { now: t0 + 5 * second })
        expect(again).toMatchObject({ round: 2, delivery: { id, attempts: 2 } })
        await record(lease, id, broken, { round: 10 })
        expect(await only()).toMatchObject({ state: 'failed', error: { code: 'status_500' } })
        expect((await world.other.webhooks.attempts(id, 10)).map(({ number }) => number)).toEqual([1, 2])
        expect((await world.other.webhooks.attempts(id, 1)).map(({ number }) => number)).toEqual([2])
      })

      it('an endpoint that is gone is disabled, says so by an event, and keeps what waits', async () => {
        await create(endpointOf('whk_1'))
        await create(endpointOf('whk_2', { filter: { ...endpointOf('').filter, events: ['webhook.*'] } }))
        await enqueue(world.store, 'M1')
        await enqueue(world.store, 'M2')
        const lease = await dispatcherLease(world.store)
        const [first] = await claim(lease, { limit: 1 })
        const seq = await world.other.events.latest()
        const trace = await traced(world.store, () => record(lease, first?.delivery.id ?? '', gone))
        expect(trace).toMatchObject({ events: ['webhook.endpoint_disabled'], audits: ['webhook.disable'] })
        expect(await endpoint()).toMatchObject({ state: 'disabled', failures: 1, disabledSeq: seq })
        expect((await endpoint()).disabledReason).toContain('410')
        await enqueue(world.store, 'M3')
        expect(await states()).toEqual(['failed', 'waiting'])
        expect(await all('whk_2')).toMatchObject([{ eventType: 'webhook.endpoint_disabled', deviceId: null }])
        expect(await claim(lease)).toEqual([])
        await change({ state: 'active', disabledReason: null, disabledSeq: null }, 'resume')
        expect(await claim(lease)).toHaveLength(1)
      })

      it('what failed while an endpoint was away is tried again as soon as it is back', async () => {
        await create(endpointOf('whk_1'))
        await change({ failures: probingFromFailures - 2, failingSince: t0 - hour })
        await enqueue(world.store, 'M1')
        await enqueue(world.store, 'M2')
        const lease = await dispatcherLease(world.store)
        for (const { delivery } of await claim(lease)) await record(lease, delivery.id, broken, { round: 4 })
        expect(await claim(lease, { now: t0 + minute })).toEqual([])
        await enqueue(world.store, 'M3', {}, t0 + hour)
        const now = t0 + hour
        const [third] = await claim(lease, { now })
        await record(lease, third?.delivery.id ?? '', ok, { now })
        expect(await endpoint()).toMatchObject({ failures: 0, failingSince: null, recoveredAt: now })
        expect(await world.other.webhooks.work(now)).toMatchObject([{ nextDue: now }])
        const retried = await claim(lease, { now })
        expect(retried).toMatchObject([{ delivery: { attempts: 2 } }, { delivery: { attempts: 2 } }])
        for (const { delivery } of retried) await record(lease, delivery.id, broken, { round: 5, now })
        expect(await claim(lease, { now })).toEqual([])
        expect((await endpoint()).recoveredAt).toBeNull()
      })

      it('what would be due later than any wait reaches is due now: the clock was put back', async () => {
        await create(endpointOf('whk_1'))
        const later = t0 + deliveryDueAheadMaxMs + 1
        await enqueue(world.store, 'M1', {}, later)
        const lease = await dispatcherLease(world.store)
        expect(await claim(lease, { now: t0 + 1 })).toEqual([])
        expect(await world.other.webhooks.work(t0)).toMatchObject([{ nextDue: t0 }])
        expect(await claim(lease, { now: t0 })).toHaveLength(1)
      })

      it('what was claimed in vain is given back, and counts for no attempt', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        const [claimed] = await claim(lease)
        await world.store.webhooks.giveBack(lease, [claimed?.delivery.id ?? ''], t0 + 50, t0)
        expect(await only()).toMatchObject({ state: 'waiting', attempts: 0, dueAt: t0 + 50 })
      })

      it('what an earlier epoch left is due again; what this one has under way is not', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        await claim(lease)
        expect(await world.store.webhooks.recover(lease, t0)).toBe(0)
        const next = await dispatcherLease(world.store, 'd1')
        expect(await world.store.webhooks.recover(next, t0 + 1)).toBe(1)
        expect(await only()).toMatchObject({ state: 'waiting', attempts: 1, dueAt: t0 + 1 })
      })

      it('a stale dispatcher can neither claim, record, give back nor recover', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const stale = await dispatcherLease(world.store)
        const [claimed] = await claim(stale)
        const id = claimed?.delivery.id ?? ''
        await dispatcherLease(world.store)
        const refused = { name: 'StaleLeaseError' }
        await expect(claim(stale)).rejects.toMatchObject(refused)
        await expect(record(stale, id, ok)).rejects.toMatchObject(refused)
        await expect(world.store.webhooks.giveBack(stale, [id], t0, t0)).rejects.toMatchObject(refused)
        await expect(world.store.webhooks.recover(stale, t0)).rejects.toMatchObject(refused)
        expect(await only()).toMatchObject({ state: 'sending', attempts: 1 })
      })

      it('the outcome of an attempt that nobody waits for any more is left out', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        const [claimed] = await claim(lease)
        await change({ state: 'removed' }, 'remove')
        await record(lease, claimed?.delivery.id ?? '', ok)
        expect(await states()).toEqual(['cancelled'])
      })
    })

    describe('order', () => {
      const ordered = endpointOf('whk_1', { ordered: true })
      const name = async ({ event }: Awaited<ReturnType<typeof claim>>[number]) =>
        event !== undefined && 'messageId' in event.data ? event.data.messageId : ''
      const names = async (lease: Lease, now = t0) => Promise.all((await claim(lease, { now })).map(name))

      it('of each device the first may be tried, and those behind it only when the one before was taken', async () => {
        await create(ordered)
        await world.store.devices.decide('b', (before) => start(before, 'b', origin, t0))
        for (const id of ['M1', 'M2', 'M3'])
          await enqueue(world.store, id, { chat: id === 'M2' ? bob : alice })
        await enqueue(world.store, 'B1', { deviceId: 'b' })
        const lease = await dispatcherLease(world.store)
        const run = await claim(lease)
        expect(await Promise.all(run.map(name))).toEqual(['M1', 'M2', 'M3', 'B1'])
        expect(run.map(({ follows }) => follows)).toEqual([false, true, true, false])
        expect(await names(lease)).toEqual([])
        const [m1, m2, m3] = run.map(({ delivery }) => delivery.id)
        await record(lease, m1 ?? '', broken)
        await world.store.webhooks.giveBack(lease, [m2 ?? '', m3 ?? ''], t0, t0)
        expect(await names(lease)).toEqual([])
        expect(await names(lease, t0 + 5 * second)).toEqual(['M1'])
        await record(lease, m1 ?? '', ok, { round: 2 })
        expect(await names(lease)).toEqual(['M2', 'M3'])
      })

      it('no more of a line are claimed than wanted, nor than a run has', async () => {
        await create(ordered)
        for (let count = 0; count < lineRunMax + 2; count++) await enqueue(world.store, `M${count}`)
        const lease = await dispatcherLease(world.store)
        const [first, ...rest] = await claim(lease, { limit: 3 })
        expect(rest).toHaveLength(2)
        const ids = [first, ...rest].flatMap((each) => each?.delivery.id ?? [])
        await world.store.webhooks.giveBack(lease, ids.toReversed(), t0, t0)
        expect(await claim(lease, { limit: 100 })).toHaveLength(lineRunMax)
      })

      it('of an endpoint that fails, or for one that is tried again, none is claimed ahead', async () => {
        await create({ ...ordered, failures: 1, failingSince: t0 })
        for (const id of ['M1', 'M2']) await enqueue(world.store, id)
        const lease = await dispatcherLease(world.store)
        expect(await names(lease)).toEqual(['M1'])
      })

      it('what an earlier epoch left of a run is due again in its order', async () => {
        await create(ordered)
        for (const id of ['M1', 'M2', 'M3']) await enqueue(world.store, id)
        const lease = await dispatcherLease(world.store)
        const [m1] = await claim(lease)
        await record(lease, m1?.delivery.id ?? '', ok)
        const next = await dispatcherLease(world.store)
        expect(await world.store.webhooks.recover(next, t0 + 1)).toBe(2)
        expect((await all()).map(({ state, dueAt }) => [state, dueAt])).toEqual([
          ['delivered', null],
          ['waiting', t0 + 1],
          ['waiting', null],
        ])
      })

      it('one that is given up lets the next one go', async () => {
        await create(ordered)
        await enqueue(world.store, 'M1')
        await enqueue(world.store, 'M2')
        const lease = await dispatcherLease(world.store)
        const [m1] = await claim(lease, { limit: 1 })
        await record(lease, m1?.delivery.id ?? '', broken, { round: 10 })
        expect(await names(lease)).toEqual(['M2'])
      })

      it('one that is asked for anew goes before those that came after it', async () => {
        await create(ordered)
        for (const id of ['M1', 'M2', 'M3']) await enqueue(world.store, id)
        const lease = await dispatcherLease(world.store)
        const [m1] = await claim(lease, { limit: 1 })
        await record(lease, m1?.delivery.id ?? '', broken, { round: 10 })
        await world.store.webhooks.redeliver(m1?.delivery.id ?? '', origin, t0)
        expect(await names(lease)).toEqual(['M1'])
        expect(await names(lease)).toEqual([])
      })

      it('can be asked for while deliveries wait, and given up again', async () => {
        await create(endpointOf('whk_1'))
        for (const id of ['M1', 'M2', 'M3']) await enqueue(world.store, id)
        await change({ ordered: true })
        const lease = await dispatcherLease(world.store)
        expect(await Promise.all((await claim(lease, { now: t0 + 1, limit: 1 })).map(name))).toEqual(['M1'])
        await change({ ordered: false })
        expect(await names(lease, t0 + 1)).toEqual(['M2', 'M3'])
      })
    })

    describe('again', () => {
      const failedOne = async (lease: Lease, id: string): Promise<string> => {
        await enqueue(world.store, id)
        const [claimed] = await claim(lease)
        const deliveryId = claimed?.delivery.id ?? ''
        await record(lease, deliveryId, broken, { round: 10 })
        return deliveryId
      }

      it('a delivery can be asked for anew, in a fresh round, under the id of its event', async () => {
        await create(endpointOf('whk_1'))
        const lease = await dispatcherLease(world.store)
        const id = await failedOne(lease, 'M1')
        const { eventId } = await only()
        const trace = await traced(world.store, () => world.store.webhooks.redeliver(id, origin, t0 + 9))
        expect(trace).toEqual({ error: undefined, events: [], audits: ['webhook.redeliver'] })
        expect(await only()).toMatchObject({
          id,
          eventId,
          state: 'waiting',
          dueAt: t0 + 9,
          attempts: 1,
          settledAt: null,
        })
        expect(await claim(lease, { now: t0 + 9 })).toMatchObject([{ round: 1, delivery: { attempts: 2 } }])
        expect(await world.store.webhooks.redeliver(id, origin, t0)).toBeUndefined()
        expect(await world.store.webhooks.redeliver('dlv_9', origin, t0)).toBeUndefined()
      })

      it('one that waits is hastened', async () => {
        await create(endpointOf('whk_1'))
        await enqueue(world.store, 'M1')
        const lease = await dispatcherLease(world.store)
        const [claimed] = await claim(lease)
        await record(lease, claimed?.delivery.id ?? '', broken, { round: 5 })
        await world.store.webhooks.redeliver(claimed?.delivery.id ?? '', origin, t0 + 1)
        expect(await claim(lease, { now: t0 + 1 })).toHaveLength(1)
      })

      it('all that failed since a time can be asked for, a bounded number at a time', async () => {
        await create(endpointOf('whk_1'))
        const lease = await dispatcherLease(world.store)
        for (const id of ['M1', 'M2', 'M3']) await failedOne(lease, id)
        const step = (since: number, afterSeq: number) =>
          world.store.webhooks.redeliverFailed('whk_1', { since, afterSeq, limit: 2 }, origin, t0)
        expect(await step(t0 + 1, 0)).toEqual({ count: 0, lastSeq: null })
        const first = await step(t0, 0)
        expect(first).toMatchObject({ count: 2 })
        expect(await states()).toEqual(['waiting', 'waiting', 'failed'])
        expect(await step(t0, first.lastSeq ?? 0)).toMatchObject({ count: 1 })
        expect(await states()).toEqual(['waiting', 'waiting', 'waiting'])
      })

      it('a range of the log can be sent to an endpoint, as far as it wants it, under the same ids', async () => {
        for (const id of ['M1', 'M2', 'M3']) await enqueue(world.store, id)
        const events = await world.other.events.after(0, { limit: 99 })
        const queued = events.filter(({ type }) => type === 'message.queued')
        await create(endpointOf('whk_1'))
        const replay = (after: number, until: number, limit = 99) =>
          world.store.webhooks.replay('whk_1', { after, until, limit }, origin, t0)
        const first = await replay(0, queued[1]?.seq ?? 0)
        expect(first).toEqual({ count: 2, lastSeq: queued[1]?.seq })
        expect(await all()).toMatchObject(
          queued
            .slice(0, 2)
            .map(({ id, seq }) => ({ eventId: id, eventSeq: seq, origin: 'replay', dueAt: t0 })),
        )
        expect(await replay(0, 99, 1)).toEqual({ count: 0, lastSeq: events[0]?.seq })
        expect(await replay(events.at(-1)?.seq ?? 0, 9999)).toEqual({ count: 0, lastSeq: null })
      })

      it('a test goes to its endpoint alone, before all else, and is tried once', async () => {
        await create(
          endpointOf('whk_1', { filter: { ...endpointOf('').filter, events: null }, ordered: true }),
        )
        await create(endpointOf('whk_2', { filter: { ...endpointOf('').filter, events: null } }))
        await enqueue(world.store, 'M1')
        const trace = await traced(world.store, () => world.store.webhooks.test('whk_1', origin, t0))
        expect(trace).toEqual({ error: undefined, events: ['webhook.tested'], audits: ['webhook.test'] })
        expect(await all('whk_2')).toHaveLength(1)
        const lease = await dispatcherLease(world.store)
        const [test] = await claim(lease, { limit: 1 })
        expect(test).toMatchObject({ delivery: { origin: 'test' }, event: { type: 'webhook.tested' } })
        await record(lease, test?.delivery.id ?? '', broken)
        expect(await states()).toEqual(['waiting', 'failed'])
      })

      it('a test reaches an endpoint that is paused', async () => {
        await create(endpointOf('whk_1', { state: 'paused' }))
        await enqueue(world.store, 'M1')
        expect(await world.other.webhooks.work(t0)).toEqual([])
        await world.store.webhooks.test('whk_1', origin, t0)
        expect(await world.other.webhooks.work(t0)).toMatchObject([{ testsOnly: true }])
        const lease = await dispatcherLease(world.store)
        expect(await claim(lease, { testsOnly: true })).toMatchObject([{ delivery: { origin: 'test' } }])
        expect(await claim(lease)).toEqual([])
      })
    })

    it('there is work where something waits', async () => {
      await create(endpointOf('whk_1'))
      expect(await world.other.webhooks.work(t0)).toEqual([])
      await enqueue(world.store, 'M1', {}, t0 + 9)
      expect(await world.other.webhooks.work(t0)).toEqual([
        { endpoint: endpointOf('whk_1'), nextDue: t0 + 9, testsOnly: false },
      ])
      const lease = await dispatcherLease(world.store)
      await claim(lease, { now: t0 + 9 })
      expect(await world.other.webhooks.work(t0)).toEqual([])
    })
  })
}
