import { type BinaryNode, proto, writeRandomPadMax16 } from '@whiskeysockets/baileys'
import { describe, expect, test } from 'vitest'
import { memberReceiptsOf, promotionOf } from '../../src/whatsapp/inbound.ts'
import { unreadPart, unreadStanza } from '../../src/whatsapp/unread.ts'

const me = { pn: '4915000000000@s.whatsapp.net', lid: '9000000@lid' }
const alicePn = '4915111111111@s.whatsapp.net'
const aliceLid = '1110000@lid'
const bobPn = '4915222222222@s.whatsapp.net'
const group = '120363000000000001@g.us'
const now = 1_800_000_100_000
const dayMs = 24 * 60 * 60 * 1000
const t = (ageMs: number): string => String((now - ageMs) / 1000)

const stanza = (content: BinaryNode[], attrs: Record<string, string> = {}): BinaryNode => ({
  tag: 'message',
  attrs: { id: 'WA1', from: alicePn, t: t(1000), ...attrs },
  content,
})
const enc = (type: string): BinaryNode => ({ tag: 'enc', attrs: { type }, content: Buffer.alloc(1) })
const unavailable = (type?: string): BinaryNode => ({
  tag: 'unavailable',
  attrs: type === undefined ? {} : { type },
})

describe('of a stanza without content', () => {
  test.each<[string, BinaryNode, boolean | undefined]>([
    ['what opens once', stanza([unavailable('view_once')]), false],
    ['what opens once, newer', stanza([unavailable('view_once_unavailable_fanout')]), false],
    ['what is for a bot', stanza([unavailable('bot_unavailable_fanout')]), false],
    ['what is for a bot and encrypted', stanza([enc('msmsg')]), false],
    ['what WhatsApp did not give', stanza([unavailable()]), true],
    ['nothing at all', stanza([]), true],
    ['nothing at all in a group', stanza([], { from: group, participant: alicePn }), true],
    ['what is older than phones are asked for', stanza([], { t: t(15 * dayMs) }), false],
    ['a post of a channel', stanza([], { from: '120363000000000002@newsletter' }), undefined],
    ['what is encrypted', stanza([enc('pkmsg')]), undefined],
    ['what is plain', stanza([{ tag: 'plaintext', attrs: {} }]), undefined],
  ])('%s is awaited or not', (_, node, awaited) => {
    expect(unreadStanza(node, now)?.awaited).toBe(awaited)
  })

  test('it is said what WhatsApp calls it', () => {
    expect(unreadStanza(stanza([unavailable('view_once')]), now)?.detail).toContain('view_once')
  })
})

describe('a part that was not decrypted', () => {
  test.each<[string, Record<string, string>, boolean]>([
    ['of a person', { from: alicePn, t: t(30 * dayMs) }, true],
    ['of a new status', { from: 'status@broadcast', t: t(1000) }, true],
    ['of an old status', { from: 'status@broadcast', t: t(2 * dayMs) }, false],
  ])('%s is awaited or not', (_, attrs, awaited) => {
    expect(unreadPart(attrs, 'Bad MAC', now)).toEqual({ detail: 'Bad MAC', awaited })
  })
})

describe('what the own phone sends because it was asked for it', () => {
  const encode = (message: proto.IMessage): Uint8Array =>
    writeRandomPadMax16(proto.Message.encode(proto.Message.fromObject(message)).finish())
  const resent = (webMessageInfoBytes: Uint8Array): Uint8Array =>
    encode({
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage: {
          peerDataOperationResult: [{}, { placeholderMessageResendResponse: { webMessageInfoBytes } }],
        },
      },
    })
  const info = (key: proto.IMessageKey): Uint8Array =>
    proto.WebMessageInfo.encode({
      key: { id: 'WA7', ...key },
      message: { conversation: 'at last' },
      messageTimestamp: 1_800_000_000,
      pushName: 'Alice',
    }).finish()
  const promote = (plaintext: Uint8Array, attrs: Record<string, string> = {}) =>
    promotionOf(
      { attrs: { id: 'P1', from: me.pn, category: 'peer', ...attrs }, me },
      [plaintext],
      'phone-1',
      'msg_1',
    )

  test.each<[string, proto.IMessageKey, object]>([
    [
      'in a chat',
      { remoteJid: alicePn, fromMe: false },
      { direction: 'inbound', chat: { pn: alicePn, lid: null }, sender: { pn: alicePn, lid: null } },
    ],
    [
      'of our own',
      { remoteJid: alicePn, fromMe: true },
      { direction: 'outbound', chat: { pn: alicePn, lid: null }, sender: me },
    ],
    [
      'in a group',
      { remoteJid: group, fromMe: false, participant: aliceLid },
      { direction: 'inbound', chat: { pn: group, lid: null }, sender: { pn: null, lid: aliceLid } },
    ],
    [
      'of our own in a group',
      { remoteJid: group, fromMe: true },
      { direction: 'outbound', chat: { pn: group, lid: null } },
    ],
  ])('is the message %s', (_, key, expected) => {
    expect(promote(resent(info(key)))).toMatchObject({
      kind: 'message',
      message: {
        id: 'msg_1',
        whatsappId: 'WA7',
        type: 'text',
        text: 'at last',
        senderName: 'Alice',
        whatsappAt: 1_800_000_000_000,
        error: null,
        ...expected,
      },
    })
  })

  test('is believed of the own account alone, and only when it is whole', () => {
    const whole = resent(info({ remoteJid: alicePn }))
    expect(promote(whole, { from: alicePn })).toEqual({ kind: 'nothing' })
    expect(promote(resent(Buffer.from([0xff])))).toEqual({ kind: 'nothing' })
    expect(promote(resent(info({})))).toEqual({ kind: 'nothing' })
    expect(promote(Buffer.from([0xff, 0x01]))).toEqual({ kind: 'nothing' })
  })
})

describe('receipts of members', () => {
  const receipt = (attrs: Record<string, string>, content?: BinaryNode[]) =>
    memberReceiptsOf(
      {
        tag: 'receipt',
        attrs: { id: 'WA1', from: group, t: '1800000000', ...attrs },
        ...(content && { content }),
      },
      me,
      now,
    )
  const at = 1_800_000_000_000

  test('of one member name him, by both addresses where they are there, and all messages', () => {
    const items = ['WA2', 'WA3'].map((id) => ({ tag: 'item', attrs: { id } }))
    const attrs = { type: 'read', participant: '1110000:3@lid', participant_pn: alicePn }
    expect(receipt(attrs, [{ tag: 'list', attrs: {}, content: items }])).toEqual({
      group,
      whatsappIds: ['WA1', 'WA2', 'WA3'],
      step: 'read',
      members: [{ member: { pn: alicePn, lid: aliceLid }, at }],
    })
  })

  test('of several members are one stanza with a list', () => {
    const users = [
      { tag: 'user', attrs: { jid: alicePn, t: '1800000001' } },
      { tag: 'user', attrs: { jid: bobPn } },
      { tag: 'user', attrs: { jid: me.pn } },
    ]
    const content = [{ tag: 'participants', attrs: { key: 'WA1' }, content: users }]
    expect(receipt({}, content)).toMatchObject({
      step: 'delivered',
      members: [
        { member: { pn: alicePn }, at: at + 1000 },
        { member: { pn: bobPn }, at },
      ],
    })
  })

  test.each<[string, Record<string, string>]>([
    ['a person', { from: alicePn }],
    ['nobody', {}],
    ['ourselves', { participant: me.lid }],
    ['who asks for a retry', { participant: alicePn, type: 'retry' }],
  ])('of %s are none', (_, attrs) => {
    expect(receipt(attrs)).toBeUndefined()
  })
})
