import { expect, test } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import type { Message } from '../../src/domain/message.ts'
import { transcriptOf } from '../../src/domain/transcript.ts'
import { isoOrNull } from '../../src/http/wire/time.ts'
import { bodies } from '../whatsapp/content/bodies.ts'
import { messageOf } from './message-of.ts'

const alice: Partial<Message> = { senderName: 'Alice', whatsappAt: Date.parse('2026-11-22T21:03:04Z') }
const head = '[2026-11-22, 21:03:04] Alice: '
const said = (body: MessageBody | null, more: Partial<Message> = {}): string =>
  transcriptOf(messageOf(body, { ...alice, ...more }), isoOrNull)

test.each<[MessageBody, string]>([
  [{ type: 'text', text: 'hello\nthere' }, 'hello\nthere'],
  [{ type: 'image', media: { uploadId: 'med_1' }, caption: 'a cat' }, '<attached: image med_1>\na cat'],
  [{ type: 'document', media: { uploadId: 'med_1' }, filename: 'bi\nll.pdf' }, '<attached: bi ll.pdf med_1>'],
  [{ type: 'voice', media: { uploadId: 'med_1' } }, '<attached: voice med_1>'],
  [
    { type: 'location', latitude: 1.5, longitude: -2, name: 'Home', address: 'Street 1' },
    'Location: https://maps.google.com/?q=1.5,-2\nHome\nStreet 1',
  ],
  [
    { type: 'live_location', latitude: 1, longitude: 2, caption: 'coming' },
    'Live location: https://maps.google.com/?q=1,2\ncoming',
  ],
  [
    {
      type: 'contacts',
      contacts: [
        { name: 'Ada', phones: ['+44 1', '+44 2'] },
        { name: 'Bo', phones: [] },
      ],
    },
    'Contact: Ada +44 1 +44 2\nContact: Bo',
  ],
  [
    { type: 'poll', question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 },
    'POLL:\nLunch?\nOPTION: Pizza\nOPTION: Salad',
  ],
  [
    {
      type: 'event',
      name: 'Dinner',
      startsAt: '2026-12-24T18:00:00Z',
      canceled: true,
      description: 'with wine',
    },
    'EVENT: Dinner (cancelled)\n2026-12-24T18:00:00Z\nwith wine',
  ],
  [
    { type: 'group_invite', group: '1@g.us', groupName: 'Us', code: 'AbC' },
    'Invitation to the group Us: AbC',
  ],
])('%j is written for people', (body, text) => {
  expect(said(body)).toBe(`${head}${text}\n`)
})

test.each(bodies.map((body) => [body.type, body] as const))(
  'a %s has its place, unless it is an act',
  (type, body) => {
    const acts = ['reaction', 'edit', 'delete', 'pin', 'vote']
    expect(said(body)).toMatch(acts.includes(type) ? /^$/ : /^\[2026-11-22, 21:03:04\] Alice: \S/)
  },
)

test.each<[string, Partial<Message>]>([
  ['hi', { text: 'hi' }],
  ['hi <This message was edited>', { text: 'hi', editedAt: 5 }],
  ['This message was deleted', { text: 'hi', editedAt: 5, deletedAt: 6 }],
  ['You deleted this message', { text: 'hi', deletedAt: 6, direction: 'outbound' }],
  ['hi <not sent>', { text: 'hi', status: 'failed', direction: 'outbound' }],
  ['hi <not sent yet>', { text: 'hi', status: 'queued', direction: 'outbound' }],
  ['Waiting for this message', { type: 'undecryptable', status: 'failed' }],
  ['<not supported>', { type: 'unknown' }],
])('%s stands for what became of it', (text, more) => {
  expect(said(null, more)).toBe(`${head}${text}\n`)
})

test.each<[string, Partial<Message>]>([
  ['+491511111111', { senderName: null, sender: { pn: '491511111111@s.whatsapp.net', lid: null } }],
  ['22222222@lid', { senderName: ' \n', sender: { pn: null, lid: '22222222@lid' } }],
  ['Al [now] ice', { senderName: 'Al\n[now]\u2028ice' }],
  ['unknown', { senderName: null, sender: { pn: null, lid: null } }],
])('%s is who wrote it', (name, more) => {
  expect(said(null, { text: 'hi', ...more })).toBe(`[2026-11-22, 21:03:04] ${name}: hi\n`)
})

test('without a time of WhatsApp it has ours, and without a possible one too', () => {
  const at = { createdAt: 0, whatsappAt: null }
  expect(said(null, { text: 'hi', ...at })).toBe('[1970-01-01, 00:00:00] Alice: hi\n')
  expect(said(null, { text: 'hi', ...at, sentAt: 5_000 })).toBe('[1970-01-01, 00:00:05] Alice: hi\n')
  expect(said(null, { text: 'hi', ...at, whatsappAt: 9e15 })).toBe('[1970-01-01, 00:00:00] Alice: hi\n')
})
