import { describe, expect, it } from 'vitest'
import { setPacing } from '../../../src/domain/device.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { pacingOf, type PacingRules } from '../../../src/domain/pacing.ts'
import {
  alice,
  aliceLid,
  bob,
  deviceId,
  enqueue,
  group,
  incoming,
  outgoing,
  messageOf,
  origin,
  second,
  sentAt,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const hour = 3_600 * second
const day = 24 * hour
const nobody = {
  messagesPerMinute: null,
  messagesPerDay: null,
  newChatsPerDay: null,
  gap: null,
  newChatGap: null,
  quietHours: null,
}

export const describePacing = (open: OpenStores): void => {
  describe('pacing.claim', () => {
    const world = useWorld(open)
    const claim = async (
      rules: Partial<PacingRules> | null,
      now = t0,
      { restrictedUntil = null as number | null, limit = 10 } = {},
    ) => {
      const input = { deviceId, limit, restrictedUntil, random: () => 0.5 }
      const { claimed, ...rest } = await world.store.pacing.claim(
        world.lease,
        { ...input, rules: rules === null ? null : { ...nobody, ...rules } },
        origin,
        now,
      )
      return { ids: claimed.map(({ message }) => message.id), ...rest }
    }
    const chat = (n: number) => ({ pn: `4915100000${n}@s.whatsapp.net`, lid: null })
    const toMany = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await enqueue(world.store, `M${n}`, { chat: chat(n) })
    }
    const receive = async (id: string, from = alice): Promise<void> => {
      const promotion = incoming(id, { whatsappId: id, chat: from, sender: from })
      await world.store.inbound.promote(world.lease, { deviceId, stanzaKey: id, promotion }, origin, t0)
    }

    it('claims no more than the minute allows, counts across stores, and says until when', async () => {
      await toMany(5)
      expect(await claim({ messagesPerMinute: 3 })).toEqual({
        ids: ['M0', 'M1', 'M2'],
        wait: { until: t0 + 60 * second, reason: 'messages_per_minute' },
        holds: false,
      })
      const rules = { ...nobody, messagesPerMinute: 3 }
      expect(await world.other.pacing.history(deviceId, rules, t0)).toMatchObject({ minuteLimitAt: t0 })
      expect((await claim({ messagesPerMinute: 3 }, t0 + 59 * second)).ids).toEqual([])
      expect((await claim({ messagesPerMinute: 3 }, t0 + 60 * second)).ids).toEqual(['M3', 'M4'])
    })

    it('counts a day', async () => {
      await toMany(3)
      expect((await claim({ messagesPerDay: 2 })).wait).toEqual({
        until: t0 + day,
        reason: 'messages_per_day',
      })
      expect((await claim({ messagesPerDay: 2 }, t0 + day)).ids).toEqual(['M2'])
    })

    it('leaves a gap by chance between two', async () => {
      await toMany(2)
      const gap = { minMs: 1_000, maxMs: 3_000 }
      expect(await claim({ gap })).toMatchObject({
        ids: ['M0'],
        wait: { until: t0 + 2_000, reason: 'gap' },
      })
      expect((await claim({ gap }, t0 + 2_000)).ids).toEqual(['M1'])
    })

    it('what waited for its turn has its full time of attempts', async () => {
      await toMany(1)
      const input = { deviceId, limit: 1, restrictedUntil: null, random: () => 0 }
      const { claimed } = await world.store.pacing.claim(
        world.lease,
        { ...input, rules: { ...nobody, messagesPerDay: 9 } },
        origin,
        t0 + 3 * day,
      )
      expect(claimed).toMatchObject([{ attempts: 1, since: t0 + 3 * day }])
    })

    it('opens so many new chats a day; known ones and groups go on', async () => {
      await receive('I1', chat(2))
      await toMany(4)
      await enqueue(world.store, 'G1', { chat: group })
      const trace = await traced(world.store, async () => {
        expect(await claim({ newChatsPerDay: 1 })).toEqual({
          ids: ['M0', 'M2', 'G1'],
          wait: { until: t0 + day, reason: 'new_chats_per_day' },
          holds: true,
        })
      })
      expect(trace.audits.filter((action) => action === 'message.hold')).toHaveLength(2)
      expect(await world.other.schedule.plan('M1')).toMatchObject({ heldFor: 'new_chats' })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ status: 'queued', attempts: 0 })
      expect((await claim({ newChatsPerDay: 1 }, t0 + day)).ids).toEqual(['M1'])
      expect((await claim({ newChatsPerDay: 1 }, t0 + 2 * day)).ids).toEqual(['M3'])
    })

    it('lets the others go when nothing limits new chats any more', async () => {
      await toMany(3)
      await claim({ newChatsPerDay: 1 })
      expect(await claim(null, t0 + second)).toEqual({ ids: ['M1', 'M2'], wait: null, holds: false })
    })

    it('while the account is restricted, what opens a chat is held, and the rest of its chat with it', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await receive('I1', bob)
      await enqueue(world.store, 'B1', { chat: bob })
      const restrictedUntil = t0 + hour
      expect(await claim(null, t0, { restrictedUntil })).toEqual({
        ids: ['B1'],
        wait: { until: restrictedUntil, reason: 'restricted' },
        holds: true,
      })
      expect(await claim(null, t0 + second, { restrictedUntil })).toMatchObject({ ids: [], holds: true })
      expect((await claim(null, restrictedUntil, { restrictedUntil })).ids).toEqual(['A1'])
    })

    it('a held message goes as soon as its chat has become known, under either address', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      const restrictedUntil = t0 + hour
      await claim(null, t0, { restrictedUntil })
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      await receive('I1', { pn: null, lid: aliceLid })
      expect((await claim(null, t0 + second, { restrictedUntil })).ids).toEqual(['A1'])
    })

    it('a contact that has given us a privacy token is not new', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'B1', { chat: bob })
      const token = JSON.stringify({ token: { type: 'Buffer', data: 'AQID' }, timestamp: '1' })
      await world.store.auth.commit(
        world.lease,
        deviceId,
        { tctoken: { [alice.pn ?? '']: token, [bob.pn ?? '']: '{"senderTimestamp":1}' } },
        null,
        t0,
      )
      expect((await claim(null, t0, { restrictedUntil: t0 + hour })).ids).toEqual(['A1'])
    })

    it('what failed before did not open the chat; what was sent did', async () => {
      await enqueue(world.store, 'A1')
      await claim(null)
      await world.store.outbox.record(
        world.lease,
        'A1',
        { state: 'failed', error: { code: 'nack_463', detail: 'no' } },
        origin,
        t0,
      )
      await enqueue(world.store, 'A2')
      expect((await claim(null, t0, { restrictedUntil: t0 + hour })).ids).toEqual([])
      expect((await claim(null, t0)).ids).toEqual(['A2'])
      await world.store.outbox.record(world.lease, 'A2', sentAt(t0), origin, t0)
      await enqueue(world.store, 'A3')
      expect((await claim(null, t0, { restrictedUntil: t0 + hour })).ids).toEqual(['A3'])
    })

    it('a message that was held can be cancelled, and the next of its chat is held in its place', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      const restrictedUntil = t0 + hour
      await claim(null, t0, { restrictedUntil })
      await world.store.outbox.cancel('A1', origin, t0)
      await claim(null, t0, { restrictedUntil })
      expect(await world.other.schedule.plan('A2')).toMatchObject({ heldFor: 'restricted' })
    })

    it('what has expired is given up, not claimed', async () => {
      const message = outgoing('E1')
      const plan = { priority: 'normal', sendAt: null, expiresAt: t0 + second, typingMs: null } as const
      await world.store.outbox.enqueue({ message, plan }, () => message, origin, t0)
      expect((await claim({ messagesPerDay: 5 }, t0 + second)).ids).toEqual([])
      expect(await messageOf(world.other, 'E1')).toMatchObject({ error: { code: 'expired' } })
    })

    it('sends of a time that lies ahead do not count for longer than a day', async () => {
      await toMany(3)
      await claim({ messagesPerDay: 1 }, t0 + 10 * day)
      expect((await claim({ messagesPerDay: 1 }, t0)).ids).toEqual(['M1'])
    })

    it('a stale lease claims nothing', async () => {
      await toMany(1)
      const stale = { ...world.lease, epoch: world.lease.epoch - 1 }
      const input = { deviceId, limit: 1, rules: null, restrictedUntil: null, random: () => 0 }
      await expect(world.store.pacing.claim(stale, input, origin, t0)).rejects.toThrow(StaleLeaseError)
    })

    it('the rules of a device are kept with it', async () => {
      const pacing = pacingOf('careful', {
        quietHours: { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' },
      })
      const trace = await traced(world.store, () =>
        world.store.devices.decide(deviceId, (before) => setPacing(before, deviceId, pacing, origin, t0)),
      )
      expect(trace).toEqual({
        error: undefined,
        events: ['device.pacing_changed'],
        audits: ['device.set_pacing'],
      })
      expect((await world.other.devices.get(deviceId))?.device.pacing).toEqual(pacing)
    })
  })

  describe('numbers', () => {
    const world = useWorld(open)

    it('what the server said of a number is kept, for all devices', async () => {
      expect(await world.store.numbers.get('4915')).toBeUndefined()
      await world.store.numbers.note(world.lease, '4915', { jid: null, checkedAt: t0 })
      expect(await world.other.numbers.get('4915')).toEqual({ jid: null, checkedAt: t0 })
      await world.store.numbers.note(world.lease, '4915', { jid: 'x@s.whatsapp.net', checkedAt: t0 + 1 })
      expect(await world.other.numbers.get('4915')).toEqual({
        jid: 'x@s.whatsapp.net',
        checkedAt: t0 + 1,
      })
    })

    it('a stale lease notes nothing', async () => {
      const stale = { ...world.lease, epoch: world.lease.epoch - 1 }
      const note = world.store.numbers.note(stale, '4915', { jid: null, checkedAt: t0 })
      await expect(note).rejects.toThrow(StaleLeaseError)
    })
  })
}
