/** Every kind of content, what a message of it says, and what can be done to it. */
import type { BodyContent } from '../../../src/domain/body.ts'

export type Kind = BodyContent['type']

/** In this order they are done to one message: what changes its words comes late, what ends it last. */
export const operations = [
  'reply',
  'react',
  'pin',
  'vote',
  'forward',
  'star',
  'mark_read',
  'download',
  'raw',
  'search',
  'export',
  'edit',
  'delete',
  'delete_for_me',
] as const
export type Operation = (typeof operations)[number]

/** `refused`: with an error that says why. */
export type Verdict = 'works' | 'refused'

const anything: Readonly<Record<Operation, Verdict>> = {
  reply: 'works',
  react: 'works',
  pin: 'works',
  forward: 'works',
  edit: 'refused',
  vote: 'refused',
  delete: 'works',
  star: 'works',
  mark_read: 'works',
  delete_for_me: 'works',
  download: 'refused',
  raw: 'works',
  search: 'refused',
  export: 'works',
}

/** A word that is nowhere else, so that a search finds this message alone. */
export const wordOf = (kind: Kind): string => `word${kind.replaceAll('_', '')}`

interface Row {
  /** Without its file. */
  readonly body: Readonly<Record<string, unknown>>
  /** Of which sample it is a file. */
  readonly file?: 'picture' | 'film' | 'sound' | 'speech' | 'paper' | 'sticker'
  readonly does: Readonly<Record<Operation, Verdict>>
}

const place = { latitude: 52.5163, longitude: 13.3777 }
const file = { ...anything, download: 'works' } as const
const captioned = { ...file, edit: 'works', search: 'works' } as const
const worded = { ...anything, search: 'works' } as const

export const table: Readonly<Record<Kind, Row>> = {
  text: { body: { text: `a ${wordOf('text')} more` }, does: { ...worded, edit: 'works' } },
  image: { body: { caption: `a ${wordOf('image')}` }, file: 'picture', does: captioned },
  video: { body: { caption: `a ${wordOf('video')}` }, file: 'film', does: captioned },
  gif: { body: { caption: `a ${wordOf('gif')}` }, file: 'film', does: captioned },
  round_video: { body: {}, file: 'film', does: file },
  audio: { body: {}, file: 'sound', does: file },
  voice: { body: {}, file: 'speech', does: file },
  document: {
    body: { caption: `a ${wordOf('document')}`, filename: 'bill.pdf' },
    file: 'paper',
    does: captioned,
  },
  sticker: { body: {}, file: 'sticker', does: file },
  location: { body: { ...place, name: `the ${wordOf('location')}`, address: 'Pariser Platz' }, does: worded },
  live_location: {
    body: {
      ...place,
      accuracyMeters: 5,
      heading: 90,
      caption: `the ${wordOf('live_location')}`,
      sequence: 7,
    },
    does: worded,
  },
  contacts: {
    body: { contacts: [{ name: `Ada ${wordOf('contacts')}`, phones: ['+44 20 7946 0000'] }] },
    does: worded,
  },
  poll: {
    body: { question: `A ${wordOf('poll')}?`, options: ['Pizza', 'Salad'], selectable: 1 },
    does: { ...worded, vote: 'works' },
  },
  event: {
    body: {
      name: `A ${wordOf('event')}`,
      description: 'with cake',
      startsAt: '2026-12-24T18:00:00.000Z',
      endsAt: '2026-12-24T22:00:00.000Z',
      location: { ...place, name: 'at home' },
    },
    does: worded,
  },
  group_invite: {
    body: {
      group: '120363000000000000@g.us',
      groupName: 'Others',
      code: 'AbCdEfGhIjK',
      inviteExpiresAt: '2026-12-24T18:00:00.000Z',
      caption: `join the ${wordOf('group_invite')}`,
    },
    does: worded,
  },
}
