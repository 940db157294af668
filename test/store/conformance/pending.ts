import { describe, expect, it } from 'vitest'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import type { MessageFilter, NewMessage, Promotion } from '../../../src/store/store.ts'
import {
  deviceId,
  incoming,
  messageOf,
  nobody,
  nothing,
  origin,
  second,
  self,
  t0,
  traced,
  undecryptable,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const error = { code: 'awaiting_retry', detail: 'Bad MAC' }
const pending = (id: string, more: Partial<NewMessage> = {}): Promotion =>
  incoming(id, { type: 'undecryptable', text: null, content: null, ...more, error })

export const describePending = (open: OpenStores): void => {
  describe('a message that was asked for again', () => {
    const world = useWorld(open)
    const promote = (promotion: Promotion, now = t0) =>
      world.store.inbound.promote(world.lease, { deviceId, stanzaKey: 's', promotion }, origin, now)
    const giveUp = (before: number, limit = 10, lease = world.lease) =>
      world.store.inbound.giveUp(lease, { before, limit }, origin, t0 + 9 * second)
    const list = async (filter: Partial<MessageFilter>) =>
      (await world.other.messages.list({ deviceId, ...filter }, { limit: 10 })).items.map(({ id }) => id)

    it('has not arrived, and says what it waits for', async () => {
      const trace = await traced(world.store, () => promote(pending('IN1')))
      expect(trace).toEqual({ error: undefined, events: ['message.pending'], audits: ['message.receive'] })
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        type: 'undecryptable',
        status: 'delivered',
        deliveredAt: null,
        failedAt: null,
        error,
      })
    })

    it('is listed as pending, and as nothing else', async () => {
      await promote(pending('IN1'))
      await promote(pending('IN2', { whatsappId: 'WA2', direction: 'outbound', sender: self }))
      await promote(undecryptable('IN3', { whatsappId: 'WA3' }))
      await promote(incoming('IN4', { whatsappId: 'WA4' }))
      expect(await list({ status: 'pending' })).toEqual(['IN2', 'IN1'])
      expect(await list({ status: 'pending', direction: 'inbound' })).toEqual(['IN1'])
      expect(await list({ status: 'failed' })).toEqual(['IN3'])
      expect(await list({ status: 'delivered' })).toEqual(['IN4'])
      expect(await list({ status: 'sent' })).toEqual([])
    })

    it('is filled in when it comes, whoever wrote it', async () => {
      const own = { direction: 'outbound', sender: self } as const
      await promote(pending('IN1'))
      await promote(pending('IN2', { ...own, whatsappId: 'WA2' }))
      const trace = await traced(world.store, () => promote(incoming('IN3'), t0 + 5))
      expect(trace.events).toEqual(['message.received'])
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        status: 'delivered',
        type: 'text',
        deliveredAt: t0 + 5,
        error: null,
      })
      await promote(incoming('IN4', { ...own, whatsappId: 'WA2' }))
      expect(await messageOf(world.other, 'IN2')).toMatchObject({ status: 'sent', type: 'text', error: null })
    })

    it('another failure to read it changes nothing, one that is final is the last word', async () => {
      await promote(pending('IN1'))
      expect(await traced(world.store, () => promote(pending('IN2')))).toMatchObject(nothing)
      const trace = await traced(world.store, () => promote(undecryptable('IN3'), t0 + 5))
      expect(trace.events).toEqual(['message.failed'])
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        status: 'failed',
        failedAt: t0 + 5,
        error: { code: 'undecryptable', detail: 'no signal session' },
      })
      expect(await traced(world.store, () => promote(pending('IN4')))).toMatchObject(nothing)
    })

    it('is given up when its time is over, visibly, and taken all the same if it comes after that', async () => {
      await promote(pending('IN1'))
      await promote(pending('IN2', { whatsappId: 'WA2' }), t0 + second)
      const trace = await traced(world.store, async () => {
        expect(await giveUp(t0 + second)).toBe(1)
      })
      expect(trace).toEqual({ error: undefined, events: ['message.failed'], audits: ['message.give_up'] })
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        status: 'failed',
        failedAt: t0 + 9 * second,
        error: {
          code: 'undecryptable',
          detail: 'it was asked for again and has not come within 24 hours: Bad MAC',
        },
      })
      expect(await messageOf(world.other, 'IN2')).toMatchObject({ status: 'delivered' })
      expect(await giveUp(t0 + second)).toBe(0)
      await promote(incoming('IN3'))
      expect(await messageOf(world.other, 'IN1')).toMatchObject({ status: 'delivered', error: null })
    })

    it('so many are given up at a time, and none without the lease', async () => {
      for (const id of ['1', '2', '3']) await promote(pending(`IN${id}`, { whatsappId: `WA${id}` }))
      await expect(giveUp(t0 + 1, 10, nobody)).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await giveUp(t0 + 1, 2)).toBe(2)
      expect(await list({ status: 'pending' })).toHaveLength(1)
    })
  })

  describe('messages.list by type', () => {
    const world = useWorld(open)
    const list = async (filter: Partial<MessageFilter> = {}) =>
      (await world.other.messages.list({ deviceId, ...filter }, { limit: 10 })).items.map(({ id }) => id)

    it('leaves out acts on messages unless they are asked for', async () => {
      for (const type of ['text', 'poll', 'reaction', 'edit', 'delete', 'pin', 'vote', 'unknown'] as const) {
        const promotion = incoming(type, { whatsappId: `W-${type}`, type })
        const input = { deviceId, stanzaKey: type, promotion }
        await world.store.inbound.promote(world.lease, input, origin, t0)
      }
      expect(await list()).toEqual(['unknown', 'poll', 'text'])
      expect(await list({ direction: 'inbound' })).toEqual(['unknown', 'poll', 'text'])
      expect(await list({ acts: true })).toHaveLength(8)
      expect(await list({ type: 'poll' })).toEqual(['poll'])
      expect(await list({ type: 'text' })).toEqual(['text'])
      expect(await list({ type: 'vote', status: 'delivered' })).toEqual(['vote'])
      expect(await list({ type: 'event' })).toEqual([])
    })
  })
}
