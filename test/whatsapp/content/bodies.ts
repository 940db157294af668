import type { MessageBody } from '../../../src/domain/body.ts'

/** One body of each type at least, as somebody would send it. */
export const bodies: readonly MessageBody[] = [
  { type: 'text', text: 'Hello' },
  {
    type: 'text',
    text: 'see https://example.com',
    linkPreview: { url: 'https://example.com', title: 'Example', description: 'An example' },
  },
  { type: 'image', media: { uploadId: 'med_1' }, mimetype: 'image/jpeg', caption: 'a cat' },
  { type: 'image', media: { uploadId: 'med_1' }, mimetype: 'image/png', viewOnce: true },
  { type: 'video', media: { uploadId: 'med_1' }, mimetype: 'video/mp4', caption: 'a film' },
  { type: 'gif', media: { uploadId: 'med_1' }, mimetype: 'video/mp4' },
  { type: 'round_video', media: { uploadId: 'med_1' }, mimetype: 'video/mp4' },
  { type: 'audio', media: { uploadId: 'med_1' }, mimetype: 'audio/mpeg' },
  { type: 'voice', media: { uploadId: 'med_1' }, mimetype: 'audio/ogg; codecs=opus', waveform: [0, 50, 100] },
  { type: 'document', media: { uploadId: 'med_1' }, mimetype: 'application/pdf', filename: 'bill.pdf' },
  {
    type: 'document',
    media: { uploadId: 'med_1' },
    mimetype: 'application/pdf',
    filename: 'bill.pdf',
    caption: 'the bill',
  },
  { type: 'sticker', media: { uploadId: 'med_1' }, mimetype: 'image/webp', animated: true },
  { type: 'location', latitude: 52.5, longitude: -13.25, name: 'Here', address: 'A street 1' },
  { type: 'live_location', latitude: 52.5, longitude: 13.25, accuracyMeters: 5, heading: 90, sequence: 3 },
  { type: 'contacts', contacts: [{ name: 'Ada, Countess; of Lovelace', phones: ['+44 20 7946 0000'] }] },
  {
    type: 'contacts',
    contacts: [
      { name: 'Ada', phones: ['+44 20 7946 0000', '+44 20 7946 0001'], organization: 'Engines' },
      { name: 'Charles', phones: ['+44 20 7946 0002'], email: 'charles@example.com' },
    ],
  },
  { type: 'poll', question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 },
  { type: 'poll', question: 'Toppings?', options: ['Ham', 'Olives', 'Corn'], selectable: 0 },
  {
    type: 'event',
    name: 'Dinner',
    description: 'With cake',
    startsAt: '2026-12-24T18:00:00.000Z',
    endsAt: '2026-12-24T20:00:00.000Z',
    location: { latitude: 1, longitude: 2, name: 'Home' },
    canceled: true,
  },
  {
    type: 'group_invite',
    group: '120363000000000000@g.us',
    groupName: 'Friends',
    code: 'AbCdEf',
    expiresAt: '2026-12-24T18:00:00.000Z',
    caption: 'join us',
  },
  {
    type: 'text',
    text: 'all of it @1234567890',
    mentions: ['1234567890@s.whatsapp.net'],
    expiresIn: 86_400,
    forwarded: true,
  },
]
