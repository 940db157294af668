import { describe, expect, it } from 'vitest'
import type { Deed, ReceivedAct } from '../../../src/domain/acts.ts'
import type { Party } from '../../../src/domain/jid.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import type { Message } from '../../../src/domain/message.ts'
import type { NewMessage, Promotion } from '../../../src/store/store.ts'
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
  second,
  self,
  sentAt,
  t0,
  traced,
  undecryptable,
  useWorld,
  type OpenStores,
  type World,
} from './fixtures.ts'

type More = Partial<NewMessage & Pick<ReceivedAct, 'author' | 'clockAt'>>

/** An act of Alice's on the message WA1, as it comes in. */
export const actOf = (
  id: string,
  deed: Deed | { readonly type: 'vote' },
  { author = null, clockAt = null, ...more }: More = {},
): Promotion => {
  const promotion = incoming(id, {
    whatsappId: `W-${id}`,
    type: deed.type,
    text: 'text' in deed ? deed.text : 'emoji' in deed ? deed.emoji : null,
    targetWhatsappId: 'WA1',
    whatsappAt: t0 + 10 * second,
    ...more,
  })
  const act = { author, clockAt, deed: deed.type === 'vote' ? null : (deed as Deed) }
  return promotion.kind === 'message' ? { ...promotion, act } : promotion
}

const promoteIn = async (world: World, promotion: Promotion, now = t0): Promise<Message | null> => {
  const input = { deviceId, stanzaKey: 's1', promotion }
  return (await world.store.inbound.promote(world.lease, input, origin, now)).stored
}

const edit = (text: string): Deed => ({ type: 'edit', text })
const react = (emoji: string): Deed => ({ type: 'reaction', emoji })
const remove: Deed = { type: 'delete' }
const inGroup = { chat: group }
const fromBob = { chat: group, sender: bob }
const fromSelf = { chat: group, sender: self, direction: 'outbound' } as const
const at = (seconds: number) => ({ whatsappAt: t0 + seconds * second })

export const describeActs = (open: OpenStores): void => {
  describe('acts that come in', () => {
    const world = useWorld(open)
    const promote = (promotion: Promotion) => promoteIn(world, promotion)
    const shown = () => messageOf(world.other, 'IN1')
    const emojis = async () =>
      (await world.other.acts.reactions('IN1')).map(({ by, emoji }) => [by.pn ?? by.lid, emoji])

    it('an edit changes what the message says, and what it said before is kept', async () => {
      await promote(incoming('IN1'))
      const trace = await traced(world.store, () => promote(actOf('E1', edit('better'))))
      expect(trace).toEqual({
        error: undefined,
        events: ['message.received', 'message.edited'],
        audits: ['message.receive', 'message.edit'],
      })
      expect(await shown()).toMatchObject({ text: 'better', body: null, editedAt: t0 + 10 * second })
      expect(await world.other.acts.changes('IN1')).toEqual([
        {
          kind: 'edit',
          actId: 'E1',
          by: alice,
          at: t0 + 10 * second,
          text: 'text of IN1',
          body: null,
        },
      ])
      expect(await messageOf(world.other, 'E1')).toMatchObject({
        targetId: 'IN1',
        body: { type: 'edit', messageId: 'IN1', text: 'better' },
      })
      // What is sent again at a retry is what was sent at first.
      const content = await world.other.messages.content(deviceId, 'WA1')
      expect(Buffer.from(content ?? []).toString()).toBe('content of IN1')
    })

    it('an edit of a picture changes its caption and nothing else, one of what has no words nothing', async () => {
      const body = { type: 'image', media: { uploadId: 'med_1' }, caption: 'a', replyTo: 'M0' } as const
      await promote(incoming('IN1', { type: 'image', text: 'a', body }))
      await promote(actOf('E1', { type: 'edit', text: 'b', mentions: ['1@lid'] }))
      expect(await shown()).toMatchObject({
        type: 'image',
        text: 'b',
        body: { ...body, caption: 'b', mentions: ['1@lid'] },
      })
      const poll = { type: 'poll', question: 'q', options: ['x', 'y'], selectable: 1 } as const
      await promote(incoming('IN2', { whatsappId: 'WA2', type: 'poll', text: 'q', body: poll }))
      await promote(actOf('E2', edit('c'), { targetWhatsappId: 'WA2' }))
      expect(await messageOf(world.other, 'IN2')).toMatchObject({ text: 'q', body: poll, editedAt: null })
    })

    it('the last edit holds, by WhatsApp’s time and within its second by the author’s clock', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('E3', edit('third'), { ...at(20), clockAt: 2 }))
      await promote(actOf('E1', edit('first'), { ...at(10), clockAt: 9 }))
      await promote(actOf('E2', edit('second'), { ...at(20), clockAt: 1 }))
      expect(await shown()).toMatchObject({ text: 'third', editedAt: t0 + 20 * second })
      const changes = await world.other.acts.changes('IN1')
      expect(changes.map(({ actId, text }) => [actId, text])).toEqual([
        ['E1', 'text of IN1'],
        ['E2', 'first'],
        ['E3', 'second'],
      ])
    })

    it('an edit of an edit, by its own id, edits the message', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('E2', edit('second'), { ...at(20), targetWhatsappId: 'W-E1' }))
      await promote(actOf('E1', edit('first')))
      expect(await shown()).toMatchObject({ text: 'second' })
      expect(await messageOf(world.other, 'E2')).toMatchObject({ targetId: 'IN1' })
    })

    it('only the author edits', async () => {
      await promote(incoming('IN1', inGroup))
      const trace = await traced(world.store, () => promote(actOf('E1', edit('x'), fromBob)))
      expect(trace.events).toEqual(['message.received'])
      await promote(actOf('E2', edit('x'), fromSelf))
      expect(await shown()).toMatchObject({ text: 'text of IN1', editedAt: null })
      await promote(actOf('E3', edit('y'), inGroup))
      expect(await shown()).toMatchObject({ text: 'y' })
    })

    it('a deletion takes away what the message says, keeps it, and is the last that is done', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('P1', { type: 'pin', seconds: 60 }))
      const trace = await traced(world.store, () => promote(actOf('D1', remove, at(20))))
      expect(trace).toMatchObject({
        events: ['message.received', 'message.deleted'],
        audits: ['message.receive', 'message.delete'],
      })
      const deleted = { text: null, body: null, deletedAt: t0 + 20 * second, pinnedUntil: null, type: 'text' }
      expect(await shown()).toMatchObject(deleted)
      for (const [id, deed] of [
        ['E1', edit('late')],
        ['P2', { type: 'pin', seconds: 60 }],
        ['D2', remove],
      ] as const) {
        const late = await traced(world.store, () => promote(actOf(id, deed, at(30))))
        expect(late.events).toEqual(['message.received'])
      }
      expect(await shown()).toMatchObject(deleted)
      expect(await world.other.acts.changes('IN1')).toMatchObject([
        { kind: 'delete', actId: 'D1', text: 'text of IN1' },
      ])
    })

    it('an edit that was made before the deletion, and comes after it, is only remembered', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('D1', remove, at(20)))
      await promote(actOf('E1', edit('between'), at(10)))
      expect(await shown()).toMatchObject({ text: null, deletedAt: t0 + 20 * second })
      expect(await world.other.acts.changes('IN1')).toMatchObject([
        { kind: 'edit', text: 'text of IN1' },
        { kind: 'delete', text: 'between' },
      ])
    })

    it('in a group somebody else, an admin, may delete; in a chat of two nobody else', async () => {
      await promote(incoming('IN1', inGroup))
      await promote(actOf('D1', remove, fromBob))
      expect(await shown()).toMatchObject({ deletedAt: t0 + 10 * second })
      expect(await world.other.acts.changes('IN1')).toMatchObject([{ by: bob }])
      await promote(incoming('IN2', { whatsappId: 'WA2' }))
      const ours = { ...fromSelf, chat: alice, targetWhatsappId: 'WA2' }
      await promote(actOf('D2', remove, ours))
      expect(await messageOf(world.other, 'IN2')).toMatchObject({ deletedAt: null, text: 'text of IN2' })
    })

    it('each person has one reaction, the last, and an empty one takes it back', async () => {
      await promote(incoming('IN1', inGroup))
      const trace = await traced(world.store, () => promote(actOf('R1', react('👍'), inGroup)))
      expect(trace).toMatchObject({
        events: ['message.received', 'message.reacted'],
        audits: ['message.receive', 'message.react'],
      })
      await promote(actOf('R2', react('❤️'), fromBob))
      await promote(actOf('R3', react('😮'), { ...inGroup, ...at(20) }))
      expect(await emojis()).toEqual([
        [alice.pn, '😮'],
        [bob.pn, '❤️'],
      ])
      await promote(actOf('R4', react(''), { ...inGroup, ...at(30) }))
      const older = await traced(world.store, () =>
        promote(actOf('R5', react('👎'), { ...inGroup, ...at(25) })),
      )
      expect(older.events).toEqual(['message.received'])
      expect(await emojis()).toEqual([[bob.pn, '❤️']])
    })

    it('one person under two addresses has one reaction, also when that turns out later', async () => {
      const byLid: Party = { pn: null, lid: aliceLid }
      await promote(incoming('IN1', inGroup))
      await promote(actOf('R1', react('👍'), inGroup))
      await promote(actOf('R2', react('❤️'), { ...inGroup, sender: byLid, ...at(20) }))
      expect(await emojis()).toHaveLength(2)
      await world.store.addresses.learn(world.lease, deviceId, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
      expect(await emojis()).toEqual([[alice.pn, '❤️']])
      await promote(actOf('R3', react('😮'), { ...inGroup, ...at(30) }))
      expect(await emojis()).toEqual([[alice.pn, '😮']])
    })

    it('a pin lasts from its own time, and 0 seconds take it off', async () => {
      await promote(incoming('IN1'))
      const trace = await traced(world.store, () => promote(actOf('P1', { type: 'pin', seconds: 86_400 })))
      expect(trace).toMatchObject({
        events: ['message.received', 'message.pinned'],
        audits: ['message.receive', 'message.pin'],
      })
      expect(await shown()).toMatchObject({ pinnedUntil: t0 + 10 * second + 86_400 * second })
      await promote(actOf('P2', { type: 'pin', seconds: 0 }, at(20)))
      expect(await shown()).toMatchObject({ pinnedUntil: null })
    })

    it('one that comes before its target waits, and is applied with it', async () => {
      await promote(actOf('E1', edit('better')))
      await promote(actOf('R1', react('👍')))
      expect(await messageOf(world.other, 'E1')).toMatchObject({ targetId: null, targetWhatsappId: 'WA1' })
      const trace = await traced(world.store, () => promote(incoming('IN1')))
      expect(trace.events).toEqual(['message.received', 'message.edited', 'message.reacted'])
      expect(await shown()).toMatchObject({ text: 'better' })
      expect(await emojis()).toEqual([[alice.pn, '👍']])
      expect(await messageOf(world.other, 'R1')).toMatchObject({
        body: { type: 'reaction', messageId: 'IN1', emoji: '👍' },
      })
    })

    it('one whose target cannot be decrypted waits until it can', async () => {
      await promote(undecryptable('IN1'))
      await promote(actOf('E1', edit('better')))
      expect(await messageOf(world.other, 'E1')).toMatchObject({ targetId: null })
      await promote(incoming('IN2'))
      expect(await shown()).toMatchObject({ text: 'better', type: 'text' })
    })

    it('one that cannot be decrypted at first does its work when it can', async () => {
      await promote(incoming('IN1'))
      await promote(undecryptable('E1', { whatsappId: 'W-E' }))
      await promote(actOf('E2', edit('better'), { whatsappId: 'W-E' }))
      expect(await shown()).toMatchObject({ text: 'better' })
      expect(await messageOf(world.other, 'E1')).toMatchObject({ type: 'edit', targetId: 'IN1' })
    })

    it('a redelivered act changes nothing', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('R1', react('👍')))
      const trace = await traced(world.store, async () => {
        expect(await promote(actOf('R2', react('👍'), { whatsappId: 'W-R1' }))).toBeNull()
      })
      expect(trace).toEqual({ error: undefined, ...nothing })
    })

    it('of two messages with one WhatsApp id the one is meant whose author the act names', async () => {
      await promote(incoming('IN1', inGroup))
      await promote(incoming('IN2', fromBob))
      await promote(actOf('R1', react('👍'), { ...inGroup, author: bob.pn }))
      expect(await emojis()).toEqual([])
      expect(await world.other.acts.reactions('IN2')).toMatchObject([{ emoji: '👍' }])
    })

    it('an act in another chat does not reach the message', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('R1', react('👍'), inGroup))
      expect(await messageOf(world.other, 'R1')).toMatchObject({ targetId: null })
    })

    it('an act on an act does nothing', async () => {
      await promote(incoming('IN1'))
      await promote(actOf('R1', react('👍')))
      await promote(actOf('D1', remove, { targetWhatsappId: 'W-R1' }))
      expect(await emojis()).toEqual([[alice.pn, '👍']])
      expect(await messageOf(world.other, 'R1')).toMatchObject({ deletedAt: null })
    })
  })

  describe('acts of our own', () => {
    const world = useWorld(open)
    const act = (id: string, deed: Deed) =>
      enqueue(world.store, id, {
        type: deed.type,
        text: null,
        targetId: 'M1',
        body: { ...deed, messageId: 'M1' } as NonNullable<NewMessage['body']>,
      })
    const send = async () => {
      await enqueue(world.store, 'M1')
      await claim(world.store, world.lease)
      await world.store.outbox.record(world.lease, 'M1', sentAt(t0), origin, t0)
    }

    it('does its work when the server has it, and not before', async () => {
      await send()
      await act('E1', edit('better'))
      await claim(world.store, world.lease)
      expect(await messageOf(world.other, 'M1')).toMatchObject({ text: 'text of M1' })
      const trace = await traced(world.store, () =>
        world.store.outbox.record(world.lease, 'E1', sentAt(t0 + 5), origin, t0 + 5),
      )
      expect(trace).toMatchObject({
        events: ['message.sent', 'message.edited'],
        audits: ['message.edit', 'message.attempt'],
      })
      expect(await messageOf(world.other, 'M1')).toMatchObject({ text: 'better', editedAt: t0 + 5 })
    })

    it('a receipt that proves that it was sent does the same', async () => {
      await send()
      await act('R1', react('👍'))
      await claim(world.store, world.lease)
      const receipt = { deviceId, whatsappIds: ['R1'], status: 'delivered', at: t0 + 9, from: 'x' } as const
      await world.store.messages.recordReceipt(world.lease, receipt, origin, t0 + 9)
      expect(await world.other.acts.reactions('M1')).toMatchObject([{ by: self, emoji: '👍' }])
      const again = await traced(world.store, () =>
        world.store.messages.recordReceipt(world.lease, { ...receipt, status: 'read' }, origin, t0 + 10),
      )
      expect(again.events).toEqual(['message.read'])
    })

    it('one that failed does not count beside the others', async () => {
      await send()
      await act('E1', edit('never sent'))
      await claim(world.store, world.lease)
      const failed = { state: 'failed', error: { code: 'nack_400', detail: 'no' } } as const
      await world.store.outbox.record(world.lease, 'E1', failed, origin, t0 + 5)
      await act('E2', edit('sent'))
      await claim(world.store, world.lease, t0 + 6)
      await world.store.outbox.record(world.lease, 'E2', sentAt(t0 + 7), origin, t0 + 7)
      expect(await messageOf(world.other, 'M1')).toMatchObject({ text: 'sent' })
      expect(await world.other.acts.changes('M1')).toHaveLength(1)
    })

    it('reactions of others reach a message of ours', async () => {
      await send()
      await promoteIn(world, actOf('R1', react('👍'), { targetWhatsappId: 'M1', author: self.pn }))
      expect(await world.other.acts.reactions('M1')).toMatchObject([{ by: alice, emoji: '👍' }])
    })
  })

  describe('votes', () => {
    const world = useWorld(open)
    const body = { type: 'poll', question: 'q', options: ['x', 'y'], selectable: 1 } as const
    const poll = incoming('IN1', { ...inGroup, type: 'poll', text: 'q', body })
    const promote = (promotion: Promotion) => promoteIn(world, promotion)
    const unread = async () => (await world.other.acts.unreadVotes(deviceId, 10)).map(({ id }) => id)
    const settle = (id: string, options: readonly string[] | null, lease = world.lease) =>
      world.store.acts.settleVote(lease, { id, pollId: 'IN1', options }, origin, t0)
    const votes = async () =>
      (await world.other.acts.votes('IN1')).map(({ by, options }) => [by.pn, ...options])

    it('is unread once both it and its poll are there, in either order', async () => {
      await promote(actOf('V1', { type: 'vote' }, inGroup))
      expect(await unread()).toEqual([])
      await promote(poll)
      await promote(actOf('V2', { type: 'vote' }, fromBob))
      expect(await world.other.acts.unreadVotes(deviceId, 10)).toMatchObject([
        {
          id: 'V1',
          voter: alice,
          content: Buffer.from('content of V1'),
          poll: { id: 'IN1', whatsappId: 'WA1', creator: alice, content: Buffer.from('content of IN1') },
        },
        { id: 'V2', voter: bob },
      ])
      expect(await world.other.acts.unreadVotes(deviceId, 1)).toHaveLength(1)
      expect(await world.other.acts.unreadVotes('b', 10)).toEqual([])
    })

    it('is not held up by votes that name the poll from another chat', async () => {
      await promote(poll)
      for (const id of ['X1', 'X2', 'X3']) await promote(actOf(id, { type: 'vote' }))
      await promote(actOf('V1', { type: 'vote' }, fromBob))
      expect((await world.other.acts.unreadVotes(deviceId, 2)).map(({ id }) => id)).toEqual(['V1'])
    })

    it('counts when it was read, once, and the last of a person holds', async () => {
      await promote(poll)
      await promote(actOf('V1', { type: 'vote' }, inGroup))
      const trace = await traced(world.store, () => settle('V1', ['x']))
      expect(trace).toEqual({ error: undefined, events: ['poll.voted'], audits: ['poll.vote'] })
      expect(await messageOf(world.other, 'V1')).toMatchObject({
        targetId: 'IN1',
        text: 'x',
        body: { type: 'vote', messageId: 'IN1', options: ['x'] },
      })
      expect(await unread()).toEqual([])
      expect(await traced(world.store, () => settle('V1', ['y']))).toMatchObject(nothing)
      await promote(actOf('V3', { type: 'vote' }, { ...inGroup, ...at(30) }))
      await promote(actOf('V2', { type: 'vote' }, { ...inGroup, ...at(20) }))
      await settle('V3', ['y'])
      await settle('V2', ['x', 'y'])
      expect(await votes()).toEqual([[alice.pn, 'y']])
      await promote(actOf('V4', { type: 'vote' }, { ...inGroup, ...at(40) }))
      await settle('V4', [])
      expect(await votes()).toEqual([])
    })

    it('that cannot be read is kept, and says so', async () => {
      await promote(poll)
      await promote(actOf('V1', { type: 'vote' }, inGroup))
      const trace = await traced(world.store, () => settle('V1', null))
      expect(trace).toEqual({ error: undefined, events: ['message.failed'], audits: ['poll.vote'] })
      expect(await messageOf(world.other, 'V1')).toMatchObject({
        targetId: 'IN1',
        status: 'failed',
        body: null,
        error: { code: 'vote_unreadable' },
      })
      expect(await unread()).toEqual([])
      expect(await votes()).toEqual([])
    })

    it('a stale epoch settles none', async () => {
      await promote(poll)
      await promote(actOf('V1', { type: 'vote' }, inGroup))
      await expect(settle('V1', ['x'], nobody)).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await unread()).toEqual(['V1'])
    })
  })
}
