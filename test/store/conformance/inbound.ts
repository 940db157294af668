import { describe, expect, it } from 'vitest'
import type { Party } from '../../../src/domain/jid.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { shownMessage } from '../../../src/domain/shown-message.ts'
import type { Promotion } from '../../../src/store/store.ts'
import {
  alice,
  aliceLid,
  bob,
  deviceId,
  enqueue,
  group,
  incoming,
  messageOf,
  nobody,
  nothing,
  origin,
  self,
  t0,
  traced,
  undecryptable,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const lidOnly: Party = { pn: null, lid: aliceLid }
const both: Party = { pn: alice.pn, lid: aliceLid }

export const describeInbound = (open: OpenStores): void => {
  describe('inbound.pending', () => {
    const world = useWorld(open)
    const journal = (stanzaKey: string, part: number, parts: number, text: string, now = t0) =>
      world.store.auth.commit(
        world.lease,
        deviceId,
        {},
        {
          hash: Buffer.from(`${stanzaKey} ${text}`),
          plaintext: Buffer.from(text),
          stanzaKey,
          stanza: `{"key":"${stanzaKey}"}`,
          part,
          parts,
        },
        now,
      )
    const pending = async (limit = 100) =>
      (await world.other.inbound.pending(deviceId, limit)).map(({ stanzaKey, plaintexts }) => [
        stanzaKey,
        ...plaintexts.map((bytes) => Buffer.from(bytes).toString()),
      ])
    const drop = (stanzaKey: string) =>
      world.store.inbound.promote(
        world.lease,
        { deviceId, stanzaKey, promotion: { kind: 'nothing' } },
        origin,
        t0 + 1,
      )

    it('a stanza is pending once all of its parts are there, and they come in order', async () => {
      await journal('s1', 1, 2, 'second')
      expect(await pending()).toEqual([])
      await journal('s1', 0, 2, 'first', t0 + 5)
      expect(await pending()).toEqual([['s1', 'first', 'second']])
      expect(await world.other.inbound.pending(deviceId, 1)).toMatchObject([
        { stanza: '{"key":"s1"}', journaledAt: t0 + 5 },
      ])
    })

    it('a part that came twice does not stand for another', async () => {
      await journal('s1', 0, 2, 'first')
      await journal('s1', 0, 2, 'first again')
      expect(await pending()).toEqual([])
      await journal('s1', 1, 2, 'second')
      expect(await pending()).toEqual([['s1', 'first again', 'second']])
    })

    it('a stanza that was sent again with fewer parts is complete by itself', async () => {
      await journal('s1', 0, 2, 'key')
      await journal('s1', 0, 1, 'all of it')
      expect(await pending()).toEqual([['s1', 'all of it']])
      await drop('s1')
      await journal('s1', 1, 2, 'late')
      expect(await pending()).toEqual([])
    })

    it('the oldest come first, at most as many as asked for, and promoted ones no more', async () => {
      for (const key of ['s2', 's1', 's3']) await journal(key, 0, 1, 'x')
      expect(await pending(2)).toEqual([
        ['s2', 'x'],
        ['s1', 'x'],
      ])
      await drop('s2')
      expect(await pending()).toEqual([
        ['s1', 'x'],
        ['s3', 'x'],
      ])
      expect(await world.other.inbound.pending('b', 10)).toEqual([])
    })

    it('pruning drops what is promoted and old, and nothing else', async () => {
      for (const key of ['old', 'open', 'new']) await journal(key, 0, 1, key, key === 'new' ? t0 + 100 : t0)
      await drop('old')
      await drop('new')
      expect(await world.store.inbound.prune('b', t0 + 50)).toBe(0)
      expect(await world.store.inbound.prune(deviceId, t0 + 50)).toBe(1)
      expect(await world.other.auth.journaled(deviceId, Buffer.from('old old'))).toBeUndefined()
      expect(await world.other.auth.journaled(deviceId, Buffer.from('new new'))).toBeDefined()
      expect(await pending()).toEqual([['open', 'open']])
    })
  })

  describe('inbound.promote', () => {
    const world = useWorld(open)
    const promote = (promotion: Promotion, now = t0, lease = world.lease) =>
      world.store.inbound.promote(lease, { deviceId, stanzaKey: 's1', promotion }, origin, now)
    const ids = async () =>
      (await world.other.messages.list({ deviceId }, { limit: 100 })).items.map(({ id }) => id)

    it('a message is stored as delivered, with one event that says it and one audit entry', async () => {
      const trace = await traced(world.store, async () => {
        expect((await promote(incoming('IN1'), t0 + 1)).stored).toMatchObject({
          id: 'IN1',
          status: 'delivered',
        })
      })
      expect(trace).toEqual({ error: undefined, events: ['message.received'], audits: ['message.receive'] })
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        direction: 'inbound',
        senderName: 'Alice',
        text: 'text of IN1',
        whatsappAt: t0,
        deliveredAt: t0 + 1,
        error: null,
      })
      const [event] = await world.other.events.after(0, { limit: 1, types: ['message.received'] })
      expect(event?.data).toEqual({
        messageId: 'IN1',
        whatsappId: 'WA1',
        chat: alice.pn,
        chatLid: null,
        fromMe: false,
        from: alice.pn,
        type: 'text',
        message: shownMessage(await messageOf(world.other, 'IN1')),
      })
    })

    it('a message is stored once, however often its stanza comes', async () => {
      await promote(incoming('IN1'))
      const trace = await traced(world.store, async () => {
        expect(await promote(incoming('IN2', { text: 'other' }))).toEqual({ stored: null })
      })
      expect(trace).toEqual({ error: undefined, ...nothing })
      expect(await ids()).toEqual(['IN1'])
    })

    for (const [first, then] of [
      [both, lidOnly],
      [lidOnly, both],
      [alice, both],
      [both, alice],
    ] as const) {
      it(`a message from ${JSON.stringify(first)} is known again from ${JSON.stringify(then)}`, async () => {
        await promote(incoming('IN1', { chat: first, sender: first }))
        expect(await promote(incoming('IN2', { chat: then, sender: then }))).toEqual({ stored: null })
        expect(await ids()).toEqual(['IN1'])
      })
    }

    for (const [first, then] of [
      [alice, lidOnly],
      [lidOnly, alice],
    ] as const) {
      it(`${JSON.stringify(first)} is known again from ${JSON.stringify(then)} once the pair is learnt`, async () => {
        await promote(incoming('IN1', { chat: group, sender: first }))
        await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
        expect(await promote(incoming('IN2', { chat: group, sender: then }))).toEqual({ stored: null })
        expect(await messageOf(world.other, 'IN1')).toMatchObject({ sender: both })
      })
    }

    it('one WhatsApp id from two senders, in two chats, or in two directions is two messages', async () => {
      await promote(incoming('IN1', { chat: group }))
      await promote(incoming('IN2', { chat: group, sender: bob }))
      await promote(incoming('IN3', { chat: bob, sender: bob }))
      await promote(incoming('IN4', { direction: 'outbound', sender: self, chat: group }))
      expect(await ids()).toEqual(['IN4', 'IN3', 'IN2', 'IN1'])
    })

    it('a message that the phone sent is stored as sent', async () => {
      await promote(incoming('IN1', { direction: 'outbound', sender: self }))
      expect(await messageOf(world.other, 'IN1')).toMatchObject({ status: 'sent', sentAt: t0 })
    })

    it('our own message that comes back is known', async () => {
      await enqueue(world.store, 'M1')
      const echo = incoming('IN1', {
        whatsappId: 'M1',
        direction: 'outbound',
        sender: { pn: null, lid: '1@lid' },
      })
      expect(await promote(echo)).toEqual({ stored: null })
    })

    it('an undecryptable message is stored as failed until its content comes', async () => {
      const failed = await traced(world.store, () => promote(undecryptable('IN1')))
      expect(failed).toEqual({ error: undefined, events: ['message.failed'], audits: ['message.receive'] })
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        status: 'failed',
        type: 'undecryptable',
        error: { code: 'undecryptable' },
      })
      const filled = await traced(world.store, async () => {
        expect((await promote(incoming('IN2', { text: 'at last' }), t0 + 9)).stored?.id).toBe('IN1')
      })
      expect(filled).toEqual({ error: undefined, events: ['message.received'], audits: ['message.receive'] })
      expect(await messageOf(world.other, 'IN1')).toMatchObject({
        status: 'delivered',
        type: 'text',
        text: 'at last',
        error: null,
        failedAt: null,
        createdAt: t0,
        deliveredAt: t0 + 9,
      })
      const content = await world.other.messages.content(deviceId, 'WA1')
      expect(Buffer.from(content ?? []).toString()).toBe('content of IN2')
      expect(await ids()).toEqual(['IN1'])
    })

    it('content is never replaced by a failure, nor one failure by another', async () => {
      await promote(incoming('IN1'))
      expect(await promote(undecryptable('IN2'))).toEqual({ stored: null })
      expect(await messageOf(world.other, 'IN1')).toMatchObject({ type: 'text', status: 'delivered' })
      await promote(undecryptable('IN3', { whatsappId: 'WA2' }))
      expect(await promote(undecryptable('IN4', { whatsappId: 'WA2' }))).toEqual({ stored: null })
    })

    it('a stanza that is no message leaves no trace', async () => {
      const trace = await traced(world.store, async () => {
        expect(await promote({ kind: 'nothing' })).toEqual({ stored: null })
      })
      expect(trace).toEqual({ error: undefined, ...nothing })
    })

    it('a stale epoch cannot promote', async () => {
      const { error, ...trace } = await traced(world.store, () => promote(incoming('IN1'), t0, nobody))
      expect(error).toBeInstanceOf(StaleLeaseError)
      expect(trace).toEqual(nothing)
      expect(await ids()).toEqual([])
    })
  })

  describe('addresses', () => {
    const world = useWorld(open)
    const learn = (pn: string, lid: string, now = t0, lease = world.lease) =>
      world.store.addresses.learn(lease, deviceId, [{ pn, lid }], now)

    it('a learnt pair completes either half, for its device', async () => {
      await learn(alice.pn ?? '', aliceLid)
      expect(await world.other.addresses.complete(deviceId, alice)).toEqual(both)
      expect(await world.other.addresses.complete(deviceId, lidOnly)).toEqual(both)
      expect(await world.other.addresses.complete(deviceId, bob)).toEqual(bob)
      expect(await world.other.addresses.complete('b', alice)).toEqual(alice)
      expect(await world.other.addresses.complete(deviceId, { pn: null, lid: null })).toEqual({
        pn: null,
        lid: null,
      })
    })

    it('what was learnt last holds', async () => {
      await learn(alice.pn ?? '', aliceLid)
      await learn(bob.pn ?? '', aliceLid, t0 + 1)
      await learn(bob.pn ?? '', '222@lid', t0 + 2)
      expect(await world.other.addresses.complete(deviceId, lidOnly)).toEqual({ pn: bob.pn, lid: aliceLid })
      expect(await world.other.addresses.complete(deviceId, bob)).toEqual({ pn: bob.pn, lid: '222@lid' })
    })

    it('learning completes the chats and senders of stored messages', async () => {
      await enqueue(world.store, 'M1')
      await enqueue(world.store, 'M2', { chat: lidOnly, sender: lidOnly })
      await learn(alice.pn ?? '', aliceLid)
      expect(await messageOf(world.other, 'M1')).toMatchObject({ chat: both })
      expect(await messageOf(world.other, 'M2')).toMatchObject({ chat: both, sender: both })
    })

    it('a stale epoch cannot teach addresses', async () => {
      await expect(learn(alice.pn ?? '', aliceLid, t0, nobody)).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await world.other.addresses.complete(deviceId, alice)).toEqual(alice)
    })
  })
}
