import { describe, expect, it } from 'vitest'
import type { Party } from '../../../src/domain/jid.ts'
import { StaleLeaseError, type Lease } from '../../../src/domain/lease.ts'
import type { MemberStep } from '../../../src/domain/receipts.ts'
import {
  alice,
  aliceLid,
  bob,
  claim,
  deviceId,
  enqueue,
  group,
  incoming,
  messageOf,
  nobody,
  nothing,
  origin,
  self,
  sentAt,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

export const describeReceipts = (open: OpenStores): void => {
  describe('receipts.recordOfMembers', () => {
    const world = useWorld(open)
    const send = async (...ids: string[]) => {
      for (const id of ids) {
        await enqueue(world.store, id, { chat: group })
        await claim(world.store, world.lease)
        await world.store.outbox.record(world.lease, id, sentAt(t0), origin, t0)
      }
    }
    const record = (
      step: MemberStep,
      members: readonly Party[],
      {
        ids = ['M1'],
        others = 2,
        at = t0 + 10,
        lease = world.lease,
      }: { ids?: string[]; others?: number | null; at?: number; lease?: Lease } = {},
    ) =>
      world.store.receipts.recordOfMembers(
        lease,
        {
          deviceId,
          group: group.pn ?? '',
          whatsappIds: ids,
          step,
          members: members.map((member) => ({ member, at })),
          others,
        },
        origin,
        at,
      )
    const shown = async (id = 'M1') =>
      (await world.other.receipts.ofMembers(id)).map(({ member, deliveredAt, readAt, playedAt }) => [
        member.pn,
        deliveredAt,
        readAt,
        playedAt,
      ])

    it('tells for each member how far the message has come, and for the message what holds of all', async () => {
      await send('M1')
      const first = await traced(world.store, async () => {
        expect(await record('delivered', [alice])).toBe(1)
      })
      expect(first).toEqual({
        error: undefined,
        events: ['message.acknowledged'],
        audits: ['message.receipt'],
      })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sent' })
      const all = await traced(world.store, () => record('read', [bob], { at: t0 + 20 }))
      expect(all.events).toEqual(['message.acknowledged', 'message.delivered'])
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'delivered', deliveredAt: t0 + 20 })
      await record('played', [alice], { at: t0 + 30 })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'read' })
      expect(await shown()).toEqual([
        [alice.pn, t0 + 10, t0 + 30, t0 + 30],
        [bob.pn, t0 + 20, t0 + 20, null],
      ])
      expect(await world.other.receipts.counts('M1')).toEqual({ delivered: 2, read: 2, played: 1 })
    })

    it('several members and messages are one write; what is known already is nothing', async () => {
      await send('M1', 'M2')
      const options = { ids: ['M1', 'M2', 'M1', 'nobody’s'] }
      expect(await record('delivered', [alice, bob], options)).toBe(4)
      for (const id of ['M1', 'M2'])
        expect(await messageOf(world.other, id)).toMatchObject({ status: 'delivered' })
      const again = await traced(world.store, async () => {
        expect(await record('delivered', [bob, alice], { ...options, at: t0 + 99 })).toBe(0)
      })
      expect(again).toEqual({ error: undefined, ...nothing })
    })

    it('while nobody knows how many members there are, the message stays where it is', async () => {
      await send('M1')
      await record('read', [alice, bob], { others: null })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sent' })
      expect(await world.other.receipts.counts('M1')).toMatchObject({ read: 2 })
    })

    it('the receipt of one member proves that the message was sent', async () => {
      await enqueue(world.store, 'M1', { chat: group })
      await claim(world.store, world.lease)
      const trace = await traced(world.store, () => record('delivered', [alice]))
      expect(trace.events).toEqual(['message.acknowledged', 'message.sent'])
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'sent', sentAt: t0 + 10 })
      expect(await world.other.outbox.nextDue(deviceId)).toBeNull()
    })

    it('a member under two addresses is one, also when that turns out later', async () => {
      await send('M1')
      const byLid: Party = { pn: null, lid: aliceLid }
      await record('delivered', [alice, byLid], { others: 3 })
      expect(await world.other.receipts.counts('M1')).toMatchObject({ delivered: 2 })
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      await record('read', [byLid], { others: 3, at: t0 + 20 })
      expect(await world.other.receipts.ofMembers('M1')).toEqual([
        {
          member: { pn: alice.pn, lid: aliceLid },
          deliveredAt: t0 + 10,
          readAt: t0 + 20,
          playedAt: null,
        },
      ])
    })

    it('says nothing of messages of others, of other chats, or that cannot be read', async () => {
      await send('M1')
      const promote = (promotion: Parameters<typeof world.store.inbound.promote>[1]['promotion']) =>
        world.store.inbound.promote(world.lease, { deviceId, stanzaKey: 's', promotion }, origin, t0)
      await promote(incoming('IN1', { chat: group }))
      expect(await record('read', [bob], { ids: ['WA1'] })).toBe(0)
      const elsewhere = { deviceId, group: '120363000000000009@g.us', whatsappIds: ['M1'] }
      const receipt = { ...elsewhere, step: 'read', members: [{ member: bob, at: t0 }], others: 2 } as const
      expect(await world.store.receipts.recordOfMembers(world.lease, receipt, origin, t0)).toBe(0)
      expect(await shown()).toEqual([])
      const unread = { type: 'undecryptable', text: null, content: null } as const
      const error = { code: 'awaiting_retry', detail: 'Bad MAC' }
      const own = { direction: 'outbound', chat: group, sender: self, whatsappId: 'WA2' } as const
      await promote(incoming('IN2', { ...unread, ...own, error }))
      await record('read', [alice, bob], { ids: ['WA2'] })
      expect(await messageOf(world.other, 'IN2')).toMatchObject({ status: 'sent', error })
    })

    it('a stale epoch records none', async () => {
      await send('M1')
      await expect(record('read', [alice], { lease: nobody })).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await shown()).toEqual([])
    })
  })
}
