import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { dueAheadMaxMs } from '../../../src/domain/outbox.ts'
import {
  admitAll,
  alice,
  aliceLid,
  bob,
  claim,
  deviceId,
  enqueue,
  leaseTtlMs,
  messageOf,
  nobody,
  nothing,
  origin,
  outgoing,
  refused,
  retryAt,
  second,
  sentAt,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

export const describeOutbox = (open: OpenStores): void => {
  describe('outbox.enqueue', () => {
    const world = useWorld(open)
    const withKey = (id: string, key: string, requestHash: string, store = world.store) =>
      store.outbox.enqueue({ message: outgoing(id), idempotency: { key, requestHash } }, admitAll, origin, t0)

    it('an accepted message is queued, with one event and one audit entry', async () => {
      const trace = await traced(world.store, () => enqueue(world.store, 'M1'))
      expect(trace).toEqual({ error: undefined, events: ['message.queued'], audits: ['message.enqueue'] })
      expect(await messageOf(world.other, 'M1')).toMatchObject({
        status: 'queued',
        attempts: 0,
        createdAt: t0,
        text: 'text of M1',
        sendingAt: null,
        error: null,
      })
    })

    it('admission sees the device in the transaction, and its refusal leaves nothing behind', async () => {
      const { error, ...trace } = await traced(world.store, () =>
        world.store.outbox.enqueue(
          { message: outgoing('M1'), idempotency: { key: 'k', requestHash: 'h' } },
          (device) => {
            expect(device?.id).toBe(deviceId)
            throw new GatewayError('device_not_linked', 'no')
          },
          origin,
          t0,
        ),
      )
      expect(error).toMatchObject({ code: 'device_not_linked' })
      expect(trace).toEqual(nothing)
      expect(await world.other.messages.get('M1')).toBeUndefined()
      expect(await withKey('M2', 'k', 'h')).toMatchObject({ kind: 'accepted' })
    })

    it('the same key and body give the first message again and write nothing', async () => {
      await withKey('M1', 'k', 'h')
      const trace = await traced(world.other, async () => {
        expect(await withKey('M2', 'k', 'h', world.other)).toMatchObject({
          kind: 'repeated',
          message: { id: 'M1' },
        })
      })
      expect(trace).toEqual({ error: undefined, ...nothing })
      expect(await world.other.messages.get('M2')).toBeUndefined()
    })

    it('a repeat is answered without asking for admission', async () => {
      await withKey('M1', 'k', 'h')
      const repeat = world.store.outbox.enqueue(
        { message: outgoing('M2'), idempotency: { key: 'k', requestHash: 'h' } },
        () => {
          throw new GatewayError('device_not_found', 'no')
        },
        origin,
        t0,
      )
      expect(await repeat).toMatchObject({ kind: 'repeated' })
    })

    it('the same key with another body is a conflict', async () => {
      await withKey('M1', 'k', 'h')
      expect(await withKey('M2', 'k', 'other')).toMatchObject({ kind: 'conflict', message: { id: 'M1' } })
    })

    it('of many with one key at once one is accepted', async () => {
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          withKey(`M${at}`, 'k', 'h', at % 2 === 0 ? world.store : world.other),
        ),
      )
      expect(all.filter(({ kind }) => kind === 'accepted')).toHaveLength(1)
      expect(new Set(all.map(({ message }) => message.id)).size).toBe(1)
      expect((await world.store.messages.list({ deviceId }, { limit: 100 })).items).toHaveLength(1)
    })

    it('a key belongs to its device', async () => {
      await withKey('M1', 'k', 'h')
      const elsewhere = world.store.outbox.enqueue(
        { message: outgoing('M2', { deviceId: 'b' }), idempotency: { key: 'k', requestHash: 'other' } },
        admitAll,
        origin,
        t0,
      )
      expect(await elsewhere).toMatchObject({ kind: 'accepted' })
    })
  })

  describe('outbox.claim', () => {
    const world = useWorld(open)

    it('a claimed message is sending, with its content and the number of the attempt', async () => {
      await enqueue(world.store, 'M1')
      const trace = await traced(world.store, async () => {
        const [claimed] = await world.store.outbox.claim(world.lease, { deviceId, limit: 1 }, origin, t0 + 1)
        expect(claimed).toMatchObject({ attempts: 1, message: { id: 'M1', status: 'sending', attempts: 1 } })
        expect(Buffer.from(claimed?.content ?? []).toString()).toBe('content of M1')
      })
      expect(trace).toEqual({ error: undefined, events: [], audits: ['message.attempt'] })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sending', sendingAt: t0 + 1 })
    })

    it('one message of each chat is in flight, the oldest first, at most as many as asked for', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await enqueue(world.store, 'B1', { chat: bob })
      expect(await claim(world.store, world.lease, t0, 1)).toEqual(['A1'])
      expect(await claim(world.store, world.lease)).toEqual(['B1'])
      expect(await claim(world.store, world.lease)).toEqual([])
      await world.store.outbox.record(world.lease, 'A1', sentAt(t0), origin, t0)
      expect(await claim(world.store, world.lease)).toEqual(['A2'])
    })

    it('a message that waits for its retry holds back the later ones of its chat and no others', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await enqueue(world.store, 'B1', { chat: bob })
      await claim(world.store, world.lease, t0, 1)
      await world.store.outbox.record(world.lease, 'A1', retryAt(t0 + second), origin, t0)
      expect(await world.other.outbox.nextDue(deviceId)).toBe(t0)
      expect(await claim(world.store, world.lease)).toEqual(['B1'])
      expect(await world.other.outbox.nextDue(deviceId)).toBe(t0 + second)
      expect(await claim(world.store, world.lease, t0 + second)).toEqual(['A1'])
      expect(await world.other.outbox.nextDue(deviceId)).toBeNull()
    })

    it('a message waits for its retry no longer though the clock is put back meanwhile', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'B1', { chat: bob })
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'A1', retryAt(t0 + dueAheadMaxMs), origin, t0)
      await world.store.outbox.record(world.lease, 'B1', retryAt(t0 + second), origin, t0)
      expect(await claim(world.store, world.lease)).toEqual([])
      expect(await claim(world.store, world.lease, t0 - second)).toEqual(['A1'])
      expect(await claim(world.store, world.lease, t0 - 3_600 * second)).toEqual(['B1'])
    })

    it('the times of a message never run backwards, though the wall clock is set back', async () => {
      const back = t0 - 60 * 60 * second
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'B1', { chat: bob })
      await claim(world.store, world.lease, back)
      await world.store.outbox.record(world.lease, 'A1', sentAt(back), origin, back)
      await world.store.outbox.record(world.lease, 'B1', refused, origin, back)
      expect(await messageOf(world.other, 'A1')).toMatchObject({ createdAt: t0, sendingAt: t0, sentAt: t0 })
      expect(await messageOf(world.other, 'B1')).toMatchObject({ createdAt: t0, sendingAt: t0, failedAt: t0 })
    })

    it('what has only a body is claimed without content, and with it once it was prepared', async () => {
      const body = { type: 'poll', question: 'Tea?', options: ['yes', 'no'], selectable: 1 } as const
      const message = { ...outgoing('P1'), type: 'poll', text: 'Tea?', body, content: null } as const
      await world.store.outbox.enqueue({ message }, admitAll, origin, t0)
      const take = async () =>
        (await world.store.outbox.claim(world.lease, { deviceId, limit: 1 }, origin, t0 + 1))[0]
      expect(await take()).toMatchObject({ message: { id: 'P1', body }, content: null })
      await world.store.outbox.prepared(world.lease, 'P1', Buffer.from('made'))
      expect(await world.other.messages.contentOf('P1')).toEqual(Buffer.from('made'))
      await world.store.outbox.record(world.lease, 'P1', retryAt(t0 + 1), origin, t0 + 1)
      expect(await take()).toMatchObject({ content: Buffer.from('made') })
    })

    it('a stale epoch cannot prepare', async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      const stale = { ...world.lease, epoch: world.lease.epoch - 1 }
      await expect(world.store.outbox.prepared(stale, 'M1', Buffer.from('x'))).rejects.toThrow(
        StaleLeaseError,
      )
    })

    it('a stale epoch cannot claim', async () => {
      await enqueue(world.store, 'M1')
      await world.store.leases.claim(world.lease.name, 'c1', leaseTtlMs, t0)
      const { error, ...trace } = await traced(world.store, () => claim(world.store, world.lease))
      expect(error).toBeInstanceOf(StaleLeaseError)
      expect(trace).toEqual(nothing)
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'queued' })
    })

    it('an expired lease that nobody has taken still claims', async () => {
      await enqueue(world.store, 'M1')
      expect(await claim(world.store, world.lease, t0 + 10 * leaseTtlMs)).toEqual(['M1'])
    })

    it('of many claims at once none gets a message that another got', async () => {
      for (let at = 0; at < 12; at++) {
        await enqueue(world.store, `M${at}`, { chat: { pn: `4915${at}@s.whatsapp.net`, lid: null } })
      }
      const all = await Promise.all(
        Array.from({ length: 8 }, (_, at) =>
          claim(at % 2 === 0 ? world.store : world.other, world.lease, t0, 2),
        ),
      )
      expect(all.flat()).toHaveLength(12)
      expect(new Set(all.flat()).size).toBe(12)
    })

    it('messages of other devices are not claimed', async () => {
      await enqueue(world.store, 'M1', { deviceId: 'b' })
      expect(await claim(world.store, world.lease)).toEqual([])
    })

    it('a chat is one chat under both addresses', async () => {
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2', { chat: { pn: null, lid: aliceLid } })
      expect(await claim(world.store, world.lease)).toEqual(['A1'])
    })

    it('two chats that turn out to be one are put in one line', async () => {
      await enqueue(world.store, 'A1', { chat: { pn: null, lid: aliceLid } })
      await enqueue(world.store, 'A2')
      await enqueue(world.store, 'A3', { chat: { pn: null, lid: aliceLid } })
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      for (const id of ['A1', 'A2', 'A3']) {
        expect(await claim(world.store, world.lease)).toEqual([id])
        await world.store.outbox.record(world.lease, id, sentAt(t0), origin, t0)
      }
    })

    it('two chats that turn out to be one while both are in flight go on in one line', async () => {
      await enqueue(world.store, 'A1', { chat: { pn: null, lid: aliceLid } })
      await enqueue(world.store, 'A2')
      await enqueue(world.store, 'A3')
      expect(await claim(world.store, world.lease)).toEqual(['A1', 'A2'])
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      await world.store.outbox.record(world.lease, 'A1', retryAt(t0), origin, t0)
      expect(await claim(world.store, world.lease)).toEqual([])
      await world.store.outbox.record(world.lease, 'A2', sentAt(t0), origin, t0)
      expect(await claim(world.store, world.lease)).toEqual(['A1'])
      await world.store.outbox.record(world.lease, 'A1', sentAt(t0), origin, t0)
      expect(await claim(world.store, world.lease)).toEqual(['A3'])
    })
  })

  describe('outbox.record', () => {
    const world = useWorld(open)
    const record = (after: Parameters<typeof world.store.outbox.record>[2], now = t0, lease = world.lease) =>
      world.store.outbox.record(lease, 'M1', after, origin, now)

    it('the ack makes a message sent, at the time of the ack', async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      const trace = await traced(world.store, () => record(sentAt(t0 + 5), t0 + 9))
      expect(trace).toEqual({ error: undefined, events: ['message.sent'], audits: ['message.attempt'] })
      expect(await messageOf(world.other, 'M1')).toMatchObject({
        status: 'sent',
        sentAt: t0 + 5,
        error: null,
      })
    })

    it('a retry keeps the reason on the message', async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      const trace = await traced(world.store, () => record(retryAt(t0 + second)))
      expect(trace).toEqual({ error: undefined, events: [], audits: ['message.attempt'] })
      expect(await messageOf(world.other, 'M1')).toMatchObject({
        status: 'queued',
        attempts: 1,
        error: { code: 'unknown', detail: 'no ack' },
      })
      await claim(world.store, world.lease, t0 + second)
      await record(sentAt(t0 + second))
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sent', attempts: 2, error: null })
    })

    it('a refused message is failed for good and lets the next one go', async () => {
      await enqueue(world.store, 'M1')
      await enqueue(world.store, 'M2')
      await claim(world.store, world.lease)
      const trace = await traced(world.store, () => record(refused, t0 + 3))
      expect(trace).toEqual({ error: undefined, events: ['message.failed'], audits: ['message.attempt'] })
      expect(await messageOf(world.other, 'M1')).toMatchObject({
        status: 'failed',
        failedAt: t0 + 3,
        error: refused.error,
      })
      expect(await claim(world.store, world.lease, t0 + 3)).toEqual(['M2'])
    })

    it('an outcome for a message that is not sending is ignored', async () => {
      await enqueue(world.store, 'M1')
      expect(await traced(world.store, () => record(refused))).toEqual({ error: undefined, ...nothing })
      await claim(world.store, world.lease)
      await record(sentAt(t0))
      expect(await traced(world.store, () => record(refused))).toEqual({ error: undefined, ...nothing })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sent' })
      await world.store.outbox.record(world.lease, 'unknown', sentAt(t0), origin, t0)
    })

    it('a stale epoch cannot mark a message sent', async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      await world.store.leases.claim(world.lease.name, 'c1', leaseTtlMs, t0)
      const { error, ...trace } = await traced(world.store, () => record(sentAt(t0)))
      expect(error).toBeInstanceOf(StaleLeaseError)
      expect(trace).toEqual(nothing)
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sending' })
      await expect(record(sentAt(t0), t0, nobody)).rejects.toBeInstanceOf(StaleLeaseError)
    })
  })

  describe('outbox.cancelAll', () => {
    const world = useWorld(open)
    const error = { code: 'device_removed', detail: 'gone' }

    it('gives up what is queued and what is in flight, and nothing that is sent', async () => {
      for (const id of ['A1', 'A2', 'A3']) await enqueue(world.store, id)
      await enqueue(world.store, 'B1', { chat: bob })
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'A1', { state: 'sent', at: t0 }, origin, t0)
      const trace = await traced(world.store, async () => {
        expect(await world.store.outbox.cancelAll(world.lease, deviceId, error, origin, t0)).toBe(3)
      })
      expect(trace.events).toEqual(['message.cancelled', 'message.cancelled', 'message.cancelled'])
      expect(trace.audits).toEqual(['message.cancel', 'message.cancel', 'message.cancel'])
      expect(await messageOf(world.other, 'A1')).toMatchObject({ status: 'sent', error: null })
      for (const id of ['A2', 'A3', 'B1']) {
        expect(await messageOf(world.other, id)).toMatchObject({ status: 'failed', error, failedAt: t0 })
      }
      expect(await world.store.outbox.nextDue(deviceId)).toBeNull()
      expect(await claim(world.store, world.lease)).toEqual([])
    })

    it('a stale epoch cannot cancel', async () => {
      await enqueue(world.store, 'A1')
      const stale = { ...world.lease, epoch: world.lease.epoch - 1 }
      await expect(world.store.outbox.cancelAll(stale, deviceId, error, origin, t0)).rejects.toBeInstanceOf(
        StaleLeaseError,
      )
      expect(await messageOf(world.other, 'A1')).toMatchObject({ status: 'queued' })
    })
  })

  describe('outbox.recover', () => {
    const world = useWorld(open)
    const nextEpoch = async () => {
      const lease = await world.store.leases.claim(world.lease.name, 'c2', leaseTtlMs, t0 + leaseTtlMs)
      if (lease === undefined) throw new Error('the lease was refused')
      return lease
    }

    it('what an earlier epoch left sending is queued again, before the later messages of its chat', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await enqueue(world.store, 'B1', { chat: bob })
      await claim(world.store, world.lease)
      const lease = await nextEpoch()
      const trace = await traced(world.store, async () => {
        expect(await world.store.outbox.recover(lease, deviceId, origin, t0)).toBe(2)
      })
      expect(trace.audits).toEqual(['message.attempt', 'message.attempt'])
      expect(await messageOf(world.other, 'A1')).toMatchObject({ status: 'queued', attempts: 1 })
      expect((await claim(world.store, lease)).toSorted()).toEqual(['A1', 'B1'])
      expect(await messageOf(world.other, 'A1')).toMatchObject({ status: 'sending', attempts: 2 })
    })

    it('what this epoch is sending stays', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      expect(await world.store.outbox.recover(world.lease, deviceId, origin, t0)).toBe(0)
      expect(await messageOf(world.other, 'A1')).toMatchObject({ status: 'sending' })
    })

    it('a stale epoch cannot recover', async () => {
      await enqueue(world.store, 'A1')
      const lease = await nextEpoch()
      await claim(world.store, lease)
      await expect(world.store.outbox.recover(world.lease, deviceId, origin, t0)).rejects.toBeInstanceOf(
        StaleLeaseError,
      )
    })
  })
}
