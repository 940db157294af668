import { type BinaryNode, proto, writeRandomPadMax16 } from '@whiskeysockets/baileys'
import { describe, expect, test } from 'vitest'
import type { Party } from '../../src/domain/jid.ts'
import type { NewMessage } from '../../src/store/store.ts'
import { type Me, promotionOf, receiptOf, stanzaKeyOf, undecryptable } from '../../src/whatsapp/inbound.ts'

const me: Me = { pn: '4915000000000@s.whatsapp.net', lid: '9000000@lid' }
const self: Party = { pn: me.pn, lid: me.lid }
const alicePn = '4915111111111@s.whatsapp.net'
const aliceLid = '1110000@lid'
const alice: Party = { pn: alicePn, lid: aliceLid }
const bobPn = '4915222222222@s.whatsapp.net'
const bobLid = '2220000@lid'
const group = '120363000000000001@g.us'

const plaintext = (message: proto.IMessage): Uint8Array =>
  writeRandomPadMax16(proto.Message.encode(proto.Message.fromObject(message)).finish())

const promote = (
  attrs: Record<string, string>,
  ...messages: proto.IMessage[]
): ReturnType<typeof promotionOf> =>
  promotionOf(
    { attrs: { id: 'WA1', t: '1800000000', ...attrs }, me },
    messages.map((message) => plaintext(message)),
    'phone-1',
    'msg_1',
  )

const messageOf = (
  attrs: Record<string, string>,
  ...messages: proto.IMessage[]
): NewMessage & { readonly error: unknown } => {
  const promotion = promote(attrs, ...messages)
  if (promotion.kind !== 'message') throw new Error('it came to nothing')
  return promotion.message
}

const text: proto.IMessage = { conversation: 'hi' }
const keyShare = proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE

describe('the kind and the text of', () => {
  const media = { caption: 'look', mimetype: 'x/y' }
  test.each<[string, proto.IMessage, string, string | null]>([
    ['a text', { conversation: 'hi' }, 'text', 'hi'],
    ['a text with more to it', { extendedTextMessage: { text: 'hi', title: 't' } }, 'text', 'hi'],
    ['an image', { imageMessage: media }, 'image', 'look'],
    ['an image without a caption', { imageMessage: { mimetype: 'image/png' } }, 'image', null],
    ['a video', { videoMessage: media }, 'video', 'look'],
    ['a video note', { ptvMessage: { mimetype: 'video/mp4' } }, 'round_video', null],
    ['a voice note', { audioMessage: { ptt: true } }, 'voice', null],
    ['a document', { documentMessage: { ...media, fileName: 'a.pdf' } }, 'document', 'look'],
    [
      'a document with a caption',
      { documentWithCaptionMessage: { message: { documentMessage: media } } },
      'document',
      'look',
    ],
    ['a sticker', { stickerMessage: { mimetype: 'image/webp' } }, 'sticker', null],
    ['a place', { locationMessage: { name: 'here', degreesLatitude: 1 } }, 'location', 'here'],
    ['a moving place', { liveLocationMessage: { degreesLatitude: 1 } }, 'live_location', null],
    ['a contact', { contactMessage: { displayName: 'Bob' } }, 'contacts', 'Bob'],
    ['contacts', { contactsArrayMessage: { contacts: [{ displayName: 'Bob' }] } }, 'contacts', 'Bob'],
    ['a poll', { pollCreationMessage: { name: 'tea?' } }, 'poll', 'tea?'],
    ['a poll of version 2', { pollCreationMessageV2: { name: 'tea?' } }, 'poll', 'tea?'],
    ['a poll of version 3', { pollCreationMessageV3: { name: 'tea?' } }, 'poll', 'tea?'],
    ['a reaction', { reactionMessage: { key: { id: 'WA0' }, text: '👍' } }, 'reaction', '👍'],
    ['a reaction taken back', { reactionMessage: { key: { id: 'WA0' }, text: '' } }, 'reaction', ''],
    ['an event', { eventMessage: { name: 'party' } }, 'event', 'party'],
    ['what shows once', { viewOnceMessageV2: { message: { imageMessage: media } } }, 'image', 'look'],
    ['what vanishes', { ephemeralMessage: { message: text } }, 'text', 'hi'],
    ['an order', { orderMessage: { orderId: '1' } }, 'unknown', null],
    [
      'text with its context',
      { messageContextInfo: { messageSecret: Buffer.alloc(32) }, ...text },
      'text',
      'hi',
    ],
  ])('%s', (_, content, type, shown) => {
    const message = messageOf({ from: alicePn }, content)
    expect([message.type, message.text, message.error]).toEqual([type, shown, null])
    expect(message).toMatchObject({
      id: 'msg_1',
      deviceId: 'phone-1',
      whatsappId: 'WA1',
      direction: 'inbound',
    })
  })

  test('what is kept of it is the whole message, as it was', () => {
    const content: proto.IMessage = {
      ephemeralMessage: { message: { imageMessage: { caption: 'x', mediaKey: Buffer.alloc(32, 3) } } },
    }
    const { content: kept } = messageOf({ from: alicePn }, content)
    expect(proto.Message.decode(kept as Uint8Array)).toEqual(
      proto.Message.decode(proto.Message.encode(proto.Message.fromObject(content)).finish()),
    )
  })
})

describe('a stanza comes to nothing when it', () => {
  test.each<[string, Record<string, string>, proto.IMessage]>([
    [
      'only hands out a sender key',
      { from: group, participant: aliceLid },
      { senderKeyDistributionMessage: { groupId: group } },
    ],
    ['is business of the protocol', { from: alicePn }, { protocolMessage: { type: keyShare } }],
    [
      'has context and nothing else',
      { from: alicePn },
      { messageContextInfo: { deviceListMetadataVersion: 2 } },
    ],
    ['is empty', { from: alicePn }, {}],
    ['is of the peer category', { from: me.pn, category: 'peer' }, text],
    [
      'is protocol that the own phone sent on',
      { from: me.pn },
      { deviceSentMessage: { destinationJid: alicePn, message: { protocolMessage: { type: keyShare } } } },
    ],
  ])('%s', (_, attrs, content) => {
    expect(promote(attrs, content)).toEqual({ kind: 'nothing' })
  })
})

describe('parts of one stanza', () => {
  test('a sender key and the text that needed it are one text', () => {
    const attrs = { from: group, participant: aliceLid, participant_pn: alicePn }
    const message = messageOf(attrs, { senderKeyDistributionMessage: { groupId: group } }, text)
    expect(message).toMatchObject({ type: 'text', text: 'hi', sender: alice })
  })

  test('a sender key within the text’s own part is no message beside it', () => {
    const message = messageOf(
      { from: group, participant: aliceLid },
      { senderKeyDistributionMessage: { groupId: group }, ...text },
    )
    expect(message).toMatchObject({ type: 'text', text: 'hi' })
  })
})

describe('who wrote and where', () => {
  const direct = { chat: alice, sender: alice, direction: 'inbound' }
  const own = { chat: { pn: bobPn, lid: bobLid }, sender: self, direction: 'outbound' }
  const inGroup = { chat: { pn: group, lid: null }, sender: alice, direction: 'inbound' }
  const lidOnly = { pn: null, lid: aliceLid }
  test.each<[string, Record<string, string>, object]>([
    ['a person by number', { from: alicePn, sender_lid: aliceLid }, direct],
    [
      'a person’s other device',
      { from: '4915111111111:3@s.whatsapp.net', sender_lid: '1110000:3@lid' },
      direct,
    ],
    ['a person by LID', { from: aliceLid, sender_pn: alicePn }, direct],
    ['a person by LID alone', { from: aliceLid }, { chat: lidOnly, sender: lidOnly }],
    ['the own phone, by number', { from: me.pn, recipient: bobPn, recipient_lid: bobLid }, own],
    ['the own phone, by LID', { from: '9000000@lid', recipient: bobLid, recipient_pn: bobPn }, own],
    [
      'the own phone, by LID, in Baileys’ words',
      { from: '9000000@lid', recipient: bobLid, peer_recipient_pn: bobPn },
      own,
    ],
    [
      'the own phone, by number, in Baileys’ words',
      { from: me.pn, recipient: bobPn, peer_recipient_lid: bobLid },
      own,
    ],
    [
      'another own device',
      { from: '4915000000000:4@s.whatsapp.net', recipient: bobPn, recipient_lid: bobLid },
      own,
    ],
    ['the own phone to itself', { from: me.pn }, { chat: self, sender: self, direction: 'outbound' }],
    [
      'the own phone to itself, named',
      { from: me.pn, recipient: me.pn },
      { chat: { pn: me.pn, lid: null }, sender: self },
    ],
    ['a member of a group by LID', { from: group, participant: aliceLid, participant_pn: alicePn }, inGroup],
    [
      'a member of a group by number',
      { from: group, participant: alicePn, participant_lid: aliceLid },
      inGroup,
    ],
    [
      'a member’s other device',
      { from: group, participant: '1110000:5@lid', participant_pn: alicePn },
      inGroup,
    ],
    [
      'a member of a group, in older words',
      { from: group, participant: aliceLid, sender_pn: alicePn },
      inGroup,
    ],
    [
      'the own phone in a group',
      { from: group, participant: '9000000@lid' },
      { ...inGroup, sender: { pn: null, lid: me.lid }, direction: 'outbound' },
    ],
    [
      'a status',
      { from: 'status@broadcast', participant: alicePn, participant_lid: aliceLid },
      { ...inGroup, chat: { pn: 'status@broadcast', lid: null } },
    ],
    [
      'a broadcast list',
      { from: '12345678@broadcast', participant: alicePn, participant_lid: aliceLid },
      { ...inGroup, chat: { pn: '12345678@broadcast', lid: null } },
    ],
  ])('%s', (_, attrs, expected) => {
    const wrapped = { deviceSentMessage: { destinationJid: bobPn, message: text } }
    const isOwn = (attrs['from'] ?? '').startsWith('49150') || (attrs['from'] ?? '').startsWith('90000')
    const message = messageOf(attrs, isOwn ? wrapped : text)
    expect(message).toMatchObject(expected)
    expect([message.type, message.text]).toEqual(['text', 'hi'])
  })

  test('the name and the time that the stanza gives', () => {
    expect(messageOf({ from: alicePn, notify: 'Alice' }, text)).toMatchObject({
      senderName: 'Alice',
      whatsappAt: 1_800_000_000_000,
    })
    expect(messageOf({ from: alicePn, t: 'soon' }, text)).toMatchObject({
      senderName: null,
      whatsappAt: null,
    })
  })
})

describe('what cannot be read', () => {
  test.each([
    ['garbage', Buffer.from([0x0a, 0x05, 1, 1])],
    ['nothing', Buffer.alloc(0)],
    ['padding that is longer than the text', Buffer.from([9, 16])],
  ])('a plaintext that is %s becomes a message that waits for another, not an Error', (_, bytes) => {
    const promotion = promotionOf({ attrs: { id: 'WA1', from: alicePn }, me }, [bytes], 'phone-1', 'msg_1')
    expect(promotion).toMatchObject({
      kind: 'message',
      message: { type: 'undecryptable', text: null, content: null, error: { code: 'awaiting_retry' } },
    })
  })

  test('a stanza that was refused says why, who and where', () => {
    const attrs = { id: 'WA1', from: group, participant: aliceLid, participant_pn: alicePn }
    expect(
      undecryptable({ attrs, me }, 'phone-1', 'msg_1', { detail: 'Bad MAC', awaited: false }),
    ).toMatchObject({
      kind: 'message',
      message: {
        type: 'undecryptable',
        sender: alice,
        chat: { pn: group, lid: null },
        error: { code: 'undecryptable', detail: 'Bad MAC' },
      },
    })
  })

  test('a refused stanza of the peer category is nobody’s message', () => {
    const attrs = { id: 'WA1', from: me.pn, category: 'peer' }
    expect(undecryptable({ attrs, me }, 'phone-1', 'msg_1', { detail: 'Bad MAC', awaited: true })).toEqual({
      kind: 'nothing',
    })
  })
})

describe('the key of a stanza', () => {
  const attrs = { id: 'WA1', from: group, participant: aliceLid, t: '1800000000', notify: 'Alice' }
  test('is the same when it comes again', () => {
    expect(stanzaKeyOf({ ...attrs, offline: '3', t: '1800000007', notify: 'Al', retry: '1' })).toBe(
      stanzaKeyOf(attrs),
    )
  })
  test.each([{ id: 'WA2' }, { from: alicePn }, { participant: bobLid }, { recipient: bobPn }])(
    'is another one for %j',
    (change) => {
      expect(stanzaKeyOf({ ...attrs, ...change })).not.toBe(stanzaKeyOf(attrs))
    },
  )
})

describe('a receipt', () => {
  const now = 1_800_000_100_000
  const receipt = (attrs: Record<string, string>, content?: BinaryNode[]) =>
    receiptOf(
      {
        tag: 'receipt',
        attrs: { id: 'WA1', from: alicePn, t: '1800000000', ...attrs },
        ...(content && { content }),
      },
      me,
      now,
    )
  test.each<[string, Record<string, string>, string | undefined]>([
    ['without a type', {}, 'delivered'],
    ['of type read', { type: 'read' }, 'read'],
    ['of type played', { type: 'played' }, 'played'],
    ['of a LID', { from: aliceLid }, 'delivered'],
    ['of another device', { from: '4915111111111:7@s.whatsapp.net' }, 'delivered'],
    ['of type inactive', { type: 'inactive' }, undefined],
    ['that asks for a retry', { type: 'retry' }, undefined],
    ['of type sender', { type: 'sender' }, undefined],
    ['of type peer_msg', { type: 'peer_msg' }, undefined],
    ['of type server-error', { type: 'server-error' }, undefined],
    ['of our own other device', { from: '4915000000000:2@s.whatsapp.net' }, undefined],
    ['of our own phone by LID', { from: '9000000@lid' }, undefined],
    ['of our own phone that read', { from: me.pn, type: 'read', recipient: bobPn }, undefined],
    ['of a group', { from: group, participant: aliceLid }, undefined],
    ['of a status', { from: 'status@broadcast', participant: alicePn }, undefined],
    ['of nobody', { from: '' }, undefined],
  ])('%s', (_, attrs, status) => {
    expect(receipt(attrs)?.status).toBe(status)
  })

  test('names all its messages, its sender without a device, and its time', () => {
    const items = ['WA2', 'WA3'].map((id) => ({ tag: 'item', attrs: { id } }))
    expect(
      receipt({ type: 'read', from: '1110000:3@lid' }, [{ tag: 'list', attrs: {}, content: items }]),
    ).toEqual({ whatsappIds: ['WA1', 'WA2', 'WA3'], status: 'read', at: 1_800_000_000_000, from: aliceLid })
  })

  test('without a time, or with a strange one, is of now', () => {
    expect(receipt({ t: 'soon' })?.at).toBe(now)
    expect(receiptOf({ tag: 'receipt', attrs: { id: 'WA1', from: alicePn } }, me, now)?.at).toBe(now)
  })

  test('without an id says nothing', () => {
    expect(receiptOf({ tag: 'receipt', attrs: { from: alicePn } }, me, now)).toBeUndefined()
  })
})
