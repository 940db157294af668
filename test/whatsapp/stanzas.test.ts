import type { BinaryNode } from '@whiskeysockets/baileys'
import { describe, expect, test } from 'vitest'
import { stanzaKeyOf } from '../../src/whatsapp/inbound.ts'
import { isAnswer, StanzaTracker } from '../../src/whatsapp/stanzas.ts'

const me = { pn: '4915000000000@s.whatsapp.net', lid: '9000000@lid' }
const from = '4915111111111@s.whatsapp.net'
const group = '120363000000000001@g.us'

const enc = (type: string, content?: Uint8Array): BinaryNode => ({
  tag: 'enc',
  attrs: { v: '2', type },
  ...(content !== undefined && { content }),
})
const message = (content: BinaryNode[] | undefined, attrs: Record<string, string> = {}): BinaryNode => ({
  tag: 'message',
  attrs: { id: 'WA1', from, t: '1800000000', ...attrs },
  ...(content && { content }),
})

describe('the stanza of a ciphertext', () => {
  test('is known by the very bytes that Baileys hands on, with the place among the parts', () => {
    const tracker = new StanzaTracker()
    const parts = [Buffer.from('a'), Buffer.from('b')] as const
    const attrs = { from: group, participant: from }
    const stanza = message([enc('pkmsg', parts[0]), enc('skmsg', parts[1])], attrs)
    expect(tracker.see(stanza, me, 0)).toEqual({ record: { attrs: stanza.attrs, me }, encrypted: true })
    for (const [part, bytes] of parts.entries()) {
      expect(tracker.partOf(bytes)).toEqual({
        id: 'WA1',
        from: group,
        participant: from,
        stanzaKey: stanzaKeyOf(stanza.attrs),
        stanza: JSON.stringify({ attrs: stanza.attrs, me }),
        part,
        parts: 2,
      })
    }
    expect(tracker.partOf(Buffer.from('a'))).toBeUndefined()
  })

  test('counts only the parts that Baileys decrypts', () => {
    const tracker = new StanzaTracker()
    const bytes = Buffer.from('a')
    tracker.see(message([enc('msg'), enc('msmsg', Buffer.from('x')), enc('msg', bytes)]), me, 0)
    expect(tracker.partOf(bytes)).toMatchObject({ part: 0, parts: 1 })
  })
})

describe('the wait of the oldest stanza', () => {
  const bytes = (): Buffer => Buffer.from('a')

  test('grows until the last part is worked off', () => {
    const tracker = new StanzaTracker()
    const parts = [bytes(), bytes()]
    tracker.see(
      message(
        parts.map((part) => enc('msg', part)),
        {},
      ),
      me,
      100,
    )
    expect(tracker.oldestWait(150)).toBe(50)
    for (const [at, part] of parts.entries()) {
      tracker.done(tracker.partOf(part) as never, 0)
      expect(tracker.oldestWait(200)).toBe(at === 0 ? 100 : 0)
    }
  })

  test('is that of the oldest, and ends when a part was refused', () => {
    const tracker = new StanzaTracker()
    const [old, young] = [bytes(), bytes()]
    tracker.see(message([enc('msg', old)], { id: 'old' }), me, 100)
    tracker.see(message([enc('msg', young)], { id: 'young' }), me, 300)
    expect(tracker.oldestWait(400)).toBe(300)
    tracker.refused(tracker.partOf(old) as never, 0)
    expect(tracker.oldestWait(400)).toBe(100)
    tracker.done(tracker.partOf(young) as never, 0)
    expect(tracker.oldestWait(400)).toBe(0)
  })

  test('starts anew with a redelivery', () => {
    const tracker = new StanzaTracker()
    tracker.see(message([enc('msg', bytes())]), me, 100)
    const again = bytes()
    tracker.see(message([enc('msg', again)], { offline: '0' }), me, 500)
    expect(tracker.oldestWait(600)).toBe(100)
    tracker.done(tracker.partOf(again) as never, 0)
    expect(tracker.oldestWait(600)).toBe(0)
  })

  test.each<[string, BinaryNode]>([
    ['nothing in it', message(undefined)],
    ['an unavailable text', message([{ tag: 'unavailable', attrs: { type: 'view_once' } }])],
    ['an enc without bytes', message([enc('msg')])],
    ['a kind that Baileys refuses unread', message([enc('msmsg', Buffer.from('x'))])],
    ['a kind that nobody knows', message([enc('frskmsg', Buffer.from('x'))])],
    ['no id', { tag: 'message', attrs: { from }, content: [enc('msg', Buffer.from('x'))] }],
    ['a group without a member', message([enc('skmsg', Buffer.from('x'))], { from: group })],
    [
      'a recipient that is not for a stranger to name',
      message([enc('msg', Buffer.from('x'))], { recipient: from }),
    ],
    ['an address of no kind', message([enc('msg', Buffer.from('x'))], { from: 'nobody' })],
  ])('is not begun by a stanza with %s: Baileys decrypts nothing of it', (_, stanza) => {
    const tracker = new StanzaTracker()
    tracker.see(stanza, me, 100)
    expect(tracker.oldestWait(1_000)).toBe(0)
  })

  test('is begun by a message of the own phone', () => {
    const tracker = new StanzaTracker()
    const stanza = message([enc('msg', bytes())], { from: me.pn, recipient: from })
    expect(tracker.see(stanza, me, 100).encrypted).toBe(true)
    expect(tracker.oldestWait(1_000)).toBe(900)
  })
})

describe('a backlog', () => {
  const two = (tracker: StanzaTracker) => {
    const parts = [Buffer.from('a'), Buffer.from('b')] as const
    for (const [at, part] of parts.entries()) {
      tracker.see(message([enc('msg', part)], { id: `WA${at}`, offline: String(at) }), me, 0)
    }
    return parts.map((part) => tracker.partOf(part) as never)
  }

  test('is caught up with when each of its stanzas was decrypted or refused', async () => {
    const tracker = new StanzaTracker()
    expect(tracker.caughtUp()).toBeUndefined()
    const [first, second] = two(tracker)
    let caught = false
    const waiting = tracker.caughtUp()?.then(() => {
      caught = true
      return caught
    })
    tracker.done(first as never, 10)
    await Promise.resolve()
    expect(caught).toBe(false)
    expect(tracker.caughtUp()).toBeDefined()
    tracker.refused(second as never, 20)
    expect(await waiting).toBe(true)
    expect(tracker.caughtUp()).toBeUndefined()
  })

  test('is not made of what comes while we are there', () => {
    const tracker = new StanzaTracker()
    tracker.see(message([enc('msg', Buffer.from('now'))]), me, 0)
    expect(tracker.caughtUp()).toBeUndefined()
  })

  test('that is worked off has not waited in vain, however long it takes', () => {
    const tracker = new StanzaTracker()
    const [first] = two(tracker)
    tracker.done(first as never, 100_000)
    expect(tracker.oldestWait(150_000)).toBe(50_000)
  })
})

test.each([
  ['an answer to a question', 'iq', { type: 'result' }, true],
  ['a refusal of one', 'iq', { type: 'error' }, true],
  ['an ack of a message', 'ack', { class: 'message' }, true],
  ['a question of the server', 'iq', { type: 'get' }, false],
  ['a message', 'message', { type: 'text' }, false],
  ['a receipt of somebody else', 'receipt', {}, false],
  ['a notification', 'notification', { type: 'encrypt' }, false],
])('%s: is it an answer to us?', (_, tag, attrs, answers) => {
  expect(isAnswer({ tag, attrs })).toBe(answers)
})
