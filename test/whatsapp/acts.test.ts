import { proto, writeRandomPadMax16 } from '@whiskeysockets/baileys'
import { describe, expect, test } from 'vitest'
import type { Promotion } from '../../src/store/store.ts'
import { readVote } from '../../src/whatsapp/acts.ts'
import { encryptVote } from '../../src/whatsapp/content/poll-vote.ts'
import { promotionOf } from '../../src/whatsapp/inbound.ts'

const me = { pn: '4915000000000@s.whatsapp.net', lid: '9000000@lid' }
const alicePn = '4915111111111@s.whatsapp.net'
const aliceLid = '1110000@lid'
const bobLid = '2220000@lid'
const group = '120363000000000001@g.us'
const { Type } = proto.Message.ProtocolMessage
const pins = proto.Message.PinInChatMessage.Type

const encode = (message: proto.IMessage): Uint8Array =>
  proto.Message.encode(proto.Message.fromObject(message)).finish()

const promote = (
  attrs: Record<string, string>,
  message: proto.IMessage,
): Extract<Promotion, { kind: 'message' }> => {
  const record = { attrs: { id: 'WA1', t: '1800000000', ...attrs }, me }
  const promotion = promotionOf(record, [writeRandomPadMax16(encode(message))], 'phone-1', 'msg_1')
  if (promotion.kind !== 'message') throw new Error('it came to nothing')
  return promotion
}
const inPrivate = { from: alicePn }
const byMe = { from: me.pn, recipient: alicePn }
const inGroup = { from: group, participant: aliceLid, participant_pn: alicePn }
const reaction = (key: proto.IMessageKey): proto.IMessage => ({
  reactionMessage: { key: { id: 'WA0', ...key }, text: '👍', senderTimestampMs: 1_800_000_000_123 },
})

describe('who wrote what an act names', () => {
  test.each<[string, Record<string, string>, proto.IMessageKey, string | null]>([
    ['somebody, of his own', inPrivate, { fromMe: true }, alicePn],
    ['somebody, of ours', inPrivate, { fromMe: false, remoteJid: me.pn }, me.pn],
    ['we, of our own', byMe, { fromMe: true }, me.pn],
    ['we, of the other one', byMe, { fromMe: false }, alicePn],
    ['a member, of his own', inGroup, { fromMe: true }, alicePn],
    ['a member, of somebody', inGroup, { participant: '2220000:7@lid' }, bobLid],
    ['a member, of nobody that he names', inGroup, {}, null],
  ])('%s', (_, attrs, key, author) => {
    const { act, message } = promote(attrs, reaction(key))
    expect(act).toEqual({
      author,
      clockAt: 1_800_000_000_123,
      deed: { type: 'reaction', emoji: '👍' },
    })
    expect(message).toMatchObject({ type: 'reaction', text: '👍', targetWhatsappId: 'WA0' })
  })
})

describe('what an act does', () => {
  const key = { id: 'WA0', fromMe: true }
  const edited = (content: proto.IMessage): proto.IMessage => ({
    protocolMessage: { key, type: Type.MESSAGE_EDIT, editedMessage: content, timestampMs: 5 },
  })
  test.each<[string, proto.IMessage, object | null]>([
    ['an edit', edited({ conversation: 'b' }), { type: 'edit', text: 'b' }],
    [
      'an edit that names somebody',
      edited({ extendedTextMessage: { text: 'b @1', contextInfo: { mentionedJid: [aliceLid] } } }),
      { type: 'edit', text: 'b @1', mentions: [aliceLid] },
    ],
    ['an edit of a caption', edited({ imageMessage: { caption: 'b' } }), { type: 'edit', text: 'b' }],
    ['an edit of what has no name', edited({ orderMessage: {} }), null],
    [
      'an edit in its wrapper',
      { editedMessage: { message: edited({ conversation: 'b' }) } },
      { type: 'edit', text: 'b' },
    ],
    ['a deletion', { protocolMessage: { key, type: Type.REVOKE } }, { type: 'delete' }],
    [
      'a pin',
      {
        pinInChatMessage: { key, type: pins.PIN_FOR_ALL },
        messageContextInfo: { messageAddOnDurationInSecs: 60 },
      },
      { type: 'pin', seconds: 60 },
    ],
    ['a pin taken off', { pinInChatMessage: { key, type: pins.UNPIN_FOR_ALL } }, { type: 'pin', seconds: 0 }],
    [
      'a vote',
      { pollUpdateMessage: { pollCreationMessageKey: key, vote: { encPayload: Buffer.alloc(32) } } },
      null,
    ],
  ])('%s', (_, message, deed) => {
    expect(promote(inPrivate, message).act?.deed ?? null).toEqual(deed)
  })

  test('a message that is no act has none', () => {
    expect(promote(inPrivate, { conversation: 'hi' }).act).toBeNull()
  })
})

describe('a vote', () => {
  const secret = Buffer.alloc(32, 7)
  const options = [{ optionName: 'yes' }, { optionName: 'no' }]
  const poll = { whatsappId: 'WA0', creator: { pn: me.pn, lid: me.lid } }
  const voter = { pn: alicePn, lid: aliceLid }
  const created: proto.IMessage = {
    pollCreationMessageV3: { name: 'tea?', options },
    messageContextInfo: { messageSecret: secret },
  }
  const sealed = (creator: string, by: string, chosen: readonly string[]): Uint8Array => {
    const context = { pollId: 'WA0', creator, voter: by, secret, nonce: Buffer.alloc(12, 1) }
    return encode({
      pollUpdateMessage: { pollCreationMessageKey: { id: 'WA0' }, vote: encryptVote(chosen, context) },
    })
  }
  const read = (content: Uint8Array, creation: proto.IMessage = created) =>
    readVote({ voter, content, poll: { ...poll, content: encode(creation) } })

  test.each([
    [me.pn, alicePn],
    [me.lid, aliceLid],
    [me.pn, aliceLid],
    [me.lid, alicePn],
  ])('is read whichever addresses it names: %s, %s', (creator, by) => {
    expect(read(sealed(creator, by, ['no']))).toEqual(['no'])
    expect(read(sealed(creator, by, []))).toEqual([])
  })

  test('in a poll that vanishes is read too', () => {
    const { messageContextInfo, ...inner } = created
    const content = { ephemeralMessage: { message: inner }, messageContextInfo: messageContextInfo ?? null }
    expect(read(sealed(me.pn, alicePn, ['yes']), content)).toEqual(['yes'])
  })

  test('of somebody else, for another poll, or without its secret is not read', () => {
    expect(read(sealed(me.pn, bobLid, ['no']))).toBeNull()
    const foreign = { ...created, messageContextInfo: { messageSecret: Buffer.alloc(32, 8) } }
    expect(read(sealed(me.pn, alicePn, ['no']), foreign)).toBeNull()
    expect(
      read(sealed(me.pn, alicePn, ['no']), { pollCreationMessage: { name: 'tea?', options } }),
    ).toBeNull()
    expect(read(encode({ conversation: 'no vote' }))).toBeNull()
    expect(read(Buffer.from([0xff, 0xff]))).toBeNull()
  })

  test('a poll of the own phone has its secret, wherever that stands', () => {
    const { messageContextInfo, ...inner } = created
    const message = {
      deviceSentMessage: { destinationJid: alicePn, message: inner },
      messageContextInfo: messageContextInfo ?? null,
    }
    const { content } = promote(byMe, message).message
    expect(proto.Message.decode(content ?? Buffer.alloc(0)).messageContextInfo?.messageSecret).toEqual(secret)
  })
})
