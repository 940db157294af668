import { createHash } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'
import { expect, test } from 'vitest'
import type { MessageBody } from '../../../src/domain/body.ts'
import { decodeMessage } from '../../../src/whatsapp/content/decode.ts'
import { encodeBody, type Referred, type Surroundings } from '../../../src/whatsapp/content/encode.ts'
import { decryptVote } from '../../../src/whatsapp/content/poll-vote.ts'
import { stanzaExtrasOf } from '../../../src/whatsapp/content/stanza-extras.ts'
import { bodies } from './bodies.ts'

const bytes = (what: string): Uint8Array => createHash('sha256').update(what).digest()
const chat = '1234567890@s.whatsapp.net'
const own = '1999999999@s.whatsapp.net'

const around: Surroundings = {
  chat,
  own,
  attachment: {
    remote: {
      kind: 'image',
      url: 'https://media.example/x',
      directPath: '/x',
      mediaKey: bytes('key'),
      fileSha256: bytes('plain'),
      fileEncSha256: bytes('encrypted'),
      bytes: 1234,
      mediaKeyTimestamp: 1_760_000_000,
    },
    mimetype: '',
    filename: null,
    width: 640,
    height: 480,
    seconds: 7.4,
    waveform: [0, 50, 100],
    thumbnail: bytes('thumbnail'),
  },
  previewThumbnail: null,
  quoted: null,
  target: null,
  mentions: [],
  now: 1_760_000_000_000,
  secret: bytes('secret'),
  nonce: bytes('nonce').slice(0, 12),
}

/** As it comes out of the encryption on the other side. */
const carried = (message: proto.IMessage): proto.IMessage =>
  proto.Message.decode(proto.Message.encode(proto.Message.fromObject(message)).finish())

const send = (body: MessageBody, more: Partial<Surroundings> = {}): proto.IMessage => {
  const { attachment } = around
  const mimetype = 'mimetype' in body ? (body.mimetype ?? '') : ''
  return carried(
    encodeBody(body, {
      ...around,
      attachment: attachment && { ...attachment, mimetype },
      mentions: body.mentions ?? [],
      ...more,
    }),
  )
}

test.each(bodies.map((body) => [body.type, body] as const))('%s comes back as it was sent', (_type, body) => {
  const decoded = decodeMessage(send(body))
  if (decoded.kind !== 'content') throw new Error(decoded.kind)
  const { media: _media, ...rest } = { media: undefined, ...body }
  expect(decoded.body).toEqual(rest)
  expect(decoded.file !== null).toBe('media' in body)
  if (decoded.file !== null) {
    expect(Buffer.from(decoded.file.mediaKey)).toEqual(Buffer.from(bytes('key')))
    expect(decoded.file.bytes).toBe(1234)
  }
})

test.each(['imageMessage', 'videoMessage', 'audioMessage'])(
  '%s that says itself that it opens once does',
  (kind) => {
    const decoded = decodeMessage(carried({ [kind]: { viewOnce: true } }))
    expect(decoded).toMatchObject({ kind: 'content', body: { viewOnce: true } })
  },
)

test('what opens once says so in its wrapper and in itself', () => {
  const message = send({ type: 'image', media: { uploadId: 'med_1' }, mimetype: 'image/png', viewOnce: true })
  expect(message.viewOnceMessage?.message?.imageMessage?.viewOnce).toBe(true)
})

const theirs: Referred = {
  whatsappId: '3EB0AA',
  fromMe: false,
  author: chat,
  content: send({ type: 'poll', question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 }),
}

test('a reply names the message that it answers, and carries it along', () => {
  const message = send({ type: 'text', text: 'yes' }, { quoted: theirs })
  const decoded = decodeMessage(message)
  expect(decoded).toMatchObject({ kind: 'content', quoted: { whatsappId: '3EB0AA', author: chat } })
  const quoted = message.extendedTextMessage?.contextInfo?.quotedMessage
  expect(quoted?.pollCreationMessageV3?.name).toBe('Lunch?')
  expect(quoted?.messageContextInfo ?? null).toBeNull()
})

test.each([
  [{ type: 'reaction', messageId: 'x', emoji: '👍' }, { type: 'reaction', emoji: '👍' }, undefined],
  [{ type: 'reaction', messageId: 'x', emoji: '' }, { type: 'reaction', emoji: '' }, undefined],
  [{ type: 'delete', messageId: 'x' }, { type: 'delete' }, '7'],
  [{ type: 'pin', messageId: 'x', seconds: 86_400 }, { type: 'pin', seconds: 86_400 }, '2'],
  [{ type: 'pin', messageId: 'x', seconds: 0 }, { type: 'pin', seconds: 0 }, '2'],
  [{ type: 'edit', messageId: 'x', text: 'new' }, { type: 'edit' }, '1'],
] as const)('%j acts on its message', (body, act, edit) => {
  const message = send(body, { target: theirs })
  expect(decodeMessage(message)).toMatchObject({
    kind: 'act',
    act,
    target: { remoteJid: chat, fromMe: false, id: '3EB0AA' },
  })
  expect(stanzaExtrasOf(message, chat).additionalAttributes['edit']).toBe(edit)
})

test('in a group an act names the author, and who deletes for others says so', () => {
  const group = '120363000000000000@g.us'
  const message = send({ type: 'delete', messageId: 'x' }, { target: theirs, chat: group })
  expect(message.protocolMessage?.key).toMatchObject({ remoteJid: group, participant: chat })
  expect(stanzaExtrasOf(message, group).additionalAttributes).toEqual({ edit: '8' })
})

test('a vote can be read by whom the secret of the poll is known to, and by nobody else', () => {
  const message = send({ type: 'vote', messageId: 'x', options: ['Salad'] }, { target: theirs })
  const decoded = decodeMessage(message)
  if (decoded.kind !== 'act' || decoded.act.type !== 'vote') throw new Error(decoded.kind)
  const context = { pollId: '3EB0AA', creator: chat, voter: own, secret: bytes('secret') }
  expect(decryptVote(decoded.act.vote, context, ['Pizza', 'Salad'])).toEqual(['Salad'])
  expect(decryptVote(decoded.act.vote, { ...context, voter: chat }, ['Pizza', 'Salad'])).toBeUndefined()
})

test.each([
  [[own], 0, [own]],
  [[own], 1, [own, 'all']],
  [[], 1, ['all']],
  [[], 0, undefined],
])('of %j and %i for everybody, %j are mentioned', (mentionedJid, nonJidMentions, mentions) => {
  const message = { extendedTextMessage: { text: 'hi', contextInfo: { mentionedJid, nonJidMentions } } }
  const decoded = decodeMessage(carried(message))
  expect(decoded.kind === 'content' && decoded.body.mentions).toEqual(mentions)
})
