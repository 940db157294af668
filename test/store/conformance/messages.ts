import { describe, expect, it } from 'vitest'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import type { ReceiptStatus } from '../../../src/domain/message.ts'
import type { MessageFilter } from '../../../src/store/store.ts'
import {
  alice,
  aliceLid,
  bob,
  claim,
  deviceId,
  enqueue,
  incoming,
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

export const describeMessages = (open: OpenStores): void => {
  describe('messages.list', () => {
    const world = useWorld(open)
    const list = async (filter: Partial<MessageFilter> = {}) =>
      (await world.other.messages.list({ deviceId, ...filter }, { limit: 100 })).items.map(({ id }) => id)
    const fillIn = async () => {
      await enqueue(world.store, 'A1', {}, t0)
      await enqueue(world.store, 'B1', { chat: bob }, t0 + 1)
      await world.store.inbound.promote(
        world.lease,
        { deviceId, stanzaKey: 's', promotion: incoming('A2') },
        origin,
        t0 + 2,
      )
      await enqueue(world.store, 'A3', {}, t0 + 3)
      await enqueue(world.store, 'X1', { deviceId: 'b' }, t0 + 4)
      await claim(world.store, world.lease, t0 + 5)
      await world.store.outbox.record(world.lease, 'A1', sentAt(t0 + 5), origin, t0 + 5)
    }

    it('messages of a device come newest first', async () => {
      await fillIn()
      expect(await list()).toEqual(['A3', 'A2', 'B1', 'A1'])
    })

    it('each filter narrows the list, alone and together with the others', async () => {
      await fillIn()
      const chat = alice.pn ?? ''
      expect(await list({ chat })).toEqual(['A3', 'A2', 'A1'])
      expect(await list({ direction: 'inbound' })).toEqual(['A2'])
      expect(await list({ direction: 'outbound' })).toEqual(['A3', 'B1', 'A1'])
      expect(await list({ status: 'sending' })).toEqual(['B1'])
      expect(await list({ status: 'sent' })).toEqual(['A1'])
      expect(await list({ after: t0 + 1 })).toEqual(['A3', 'A2', 'B1'])
      expect(await list({ before: t0 + 1 })).toEqual(['A1'])
      expect(await list({ after: t0 + 1, before: t0 + 3 })).toEqual(['A2', 'B1'])
      expect(await list({ chat, direction: 'outbound' })).toEqual(['A3', 'A1'])
      expect(await list({ chat, status: 'queued', direction: 'outbound', after: t0 + 3 })).toEqual(['A3'])
      expect(await list({ chat, status: 'read' })).toEqual([])
    })

    it('a chat is found under both of its addresses once they are known', async () => {
      await fillIn()
      await enqueue(world.store, 'A4', { chat: { pn: null, lid: aliceLid } }, t0 + 6)
      expect(await list({ chat: aliceLid })).toEqual(['A4'])
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      expect(await list({ chat: aliceLid })).toEqual(['A4', 'A3', 'A2', 'A1'])
      expect(await list({ chat: alice.pn ?? '' })).toEqual(['A4', 'A3', 'A2', 'A1'])
    })

    it('pages have no gap and no repeat, even among messages of one millisecond', async () => {
      for (let at = 0; at < 7; at++) await enqueue(world.store, `M${at}`, {}, t0 + (at > 3 ? 1 : 0))
      const seen: string[] = []
      let cursor: string | null | undefined
      while (cursor !== null) {
        const page = await world.other.messages.list({ deviceId }, { limit: 2, ...(cursor && { cursor }) })
        expect(page.items.length).toBeLessThanOrEqual(2)
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor
      }
      expect(seen).toEqual(['M6', 'M5', 'M4', 'M3', 'M2', 'M1', 'M0'])
    })

    it('a page that ends the list has no cursor', async () => {
      await enqueue(world.store, 'M1')
      expect((await world.other.messages.list({ deviceId }, { limit: 1 })).nextCursor).toBeNull()
      expect(await world.other.messages.list({ deviceId: 'none' }, { limit: 1 })).toEqual({
        items: [],
        nextCursor: null,
      })
    })

    it('a cursor that no page gave is refused in words', async () => {
      for (const cursor of ['', 'x', '-1', '1.5', '9'.repeat(30)]) {
        await expect(world.store.messages.list({ deviceId }, { limit: 1, cursor })).rejects.toMatchObject({
          code: 'invalid_query',
        })
      }
    })
  })

  describe('messages.get and content', () => {
    const world = useWorld(open)

    it('an unknown message is undefined', async () => {
      expect(await world.store.messages.get('none')).toBeUndefined()
      expect(await world.store.messages.content(deviceId, 'none')).toBeUndefined()
    })

    it('the content is found by device and WhatsApp id', async () => {
      await enqueue(world.store, 'M1')
      const content = await world.other.messages.content(deviceId, 'M1')
      expect(Buffer.from(content ?? []).toString()).toBe('content of M1')
      expect(await world.other.messages.content('b', 'M1')).toBeUndefined()
    })
  })

  describe('messages.recordReceipt', () => {
    const world = useWorld(open)
    const receive = (status: ReceiptStatus, at: number, ids = ['M1'], lease = world.lease) =>
      world.store.messages.recordReceipt(
        lease,
        { deviceId, whatsappIds: ids, status, at, from: alice.pn ?? '' },
        origin,
        at,
      )
    const send = async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'M1', sentAt(t0), origin, t0)
    }

    it('receipts take a message forward, each with one event and one audit entry', async () => {
      await send()
      for (const [at, status] of (['delivered', 'read', 'played'] as const).entries()) {
        const trace = await traced(world.store, async () => {
          expect(await receive(status, t0 + at + 1)).toBe(1)
        })
        expect(trace).toEqual({
          error: undefined,
          events: [`message.${status}`],
          audits: ['message.receipt'],
        })
      }
      expect(await messageOf(world.other, 'M1')).toMatchObject({
        status: 'played',
        sentAt: t0,
        deliveredAt: t0 + 1,
        readAt: t0 + 2,
        playedAt: t0 + 3,
      })
    })

    it('a receipt never takes a message backwards and a repeat changes nothing', async () => {
      await send()
      await receive('read', t0 + 2)
      for (const status of ['read', 'delivered', 'sent'] as const) {
        const trace = await traced(world.store, async () => {
          expect(await receive(status, t0 + 3)).toBe(0)
        })
        expect(trace).toEqual({ error: undefined, ...nothing })
      }
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'read', deliveredAt: t0 + 2 })
    })

    it('a receipt revives a message that was given up', async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'M1', refused, origin, t0)
      expect(await receive('delivered', t0 + 1)).toBe(1)
      expect(await messageOf(world.other, 'M1')).toMatchObject({
        status: 'delivered',
        error: null,
        failedAt: null,
      })
    })

    it('a receipt settles a message in flight: its outcome is ignored and the next one goes', async () => {
      await enqueue(world.store, 'M1')
      await enqueue(world.store, 'M2')
      await claim(world.store, world.lease)
      await receive('delivered', t0 + 1)
      expect(await claim(world.store, world.lease, t0 + 1)).toEqual(['M2'])
      await world.store.outbox.record(world.lease, 'M1', refused, origin, t0 + 2)
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'delivered' })
    })

    it('a receipt for a message that waits for its retry keeps it from being sent again', async () => {
      await enqueue(world.store, 'M1')
      await receive('delivered', t0 + 1)
      expect(await claim(world.store, world.lease, t0 + 1)).toEqual([])
    })

    it('ids that are not ours, of other devices, and of inbound messages are ignored', async () => {
      await enqueue(world.store, 'M1', { deviceId: 'b' })
      await world.store.inbound.promote(
        world.lease,
        { deviceId, stanzaKey: 's', promotion: incoming('IN1') },
        origin,
        t0,
      )
      expect(await receive('read', t0 + 1, ['M1', 'WA1', 'none'])).toBe(0)
    })

    it('one receipt may name many messages', async () => {
      await enqueue(world.store, 'M1')
      await enqueue(world.store, 'M2', { chat: bob })
      expect(await receive('read', t0 + 1, ['M1', 'none', 'M2', 'M2'])).toBe(2)
    })

    it('a stale epoch cannot record a receipt', async () => {
      await send()
      const { error, ...trace } = await traced(world.store, () => receive('read', t0, ['M1'], nobody))
      expect(error).toBeInstanceOf(StaleLeaseError)
      expect(trace).toEqual(nothing)
    })
  })
}
