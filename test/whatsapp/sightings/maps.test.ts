import { type BaileysEventMap, proto } from '@whiskeysockets/baileys'
import type { BinaryNode } from '@whiskeysockets/baileys'
import { describe, expect, it } from 'vitest'
import type { Sighting } from '../../../src/domain/event.ts'
import {
  assignmentSightings,
  chatSightings,
  contactSightings,
  goneSightings,
  historySighting,
  labelSighting,
} from '../../../src/whatsapp/sightings/account-state.ts'
import { createCalls } from '../../../src/whatsapp/sightings/calls.ts'
import { groupSightings } from '../../../src/whatsapp/sightings/groups.ts'
import { presenceSightings, profileSightings } from '../../../src/whatsapp/sightings/people.ts'

const me = { pn: '491700000000@s.whatsapp.net', lid: '9000000@lid' }
const group = '120363000000000001@g.us'
const annLid = '11111111@lid'
const annPn = '491511111111@s.whatsapp.net'
const ann = { jid: annPn, lid: annLid, phone: '491511111111' }
const annByLid = { jid: annLid, lid: annLid, phone: null }
const annByPn = { jid: annPn, lid: null, phone: '491511111111' }
const ben = { jid: '491522222222@s.whatsapp.net', lid: '22222222@lid', phone: '491522222222' }

const element = (
  tag: string,
  attrs: Record<string, string> = {},
  content?: BinaryNode['content'],
): BinaryNode => (content === undefined ? { tag, attrs } : { tag, attrs, content })

const participant = (lid: string, pn?: string): BinaryNode =>
  element('participant', { jid: lid, ...(pn === undefined ? {} : { phone_number: pn }) })
const annMember = participant(annLid, annPn)
const benMember = participant('22222222@lid', ben.jid)
const meMember = participant(me.lid, me.pn)

const groupNews = (...parts: BinaryNode[]): BinaryNode =>
  element(
    'notification',
    {
      type: 'w:gp2',
      from: group,
      participant: '11111111:3@lid',
      participant_pn: '491511111111:3@s.whatsapp.net',
    },
    parts,
  )
const changed = (change: string, ...members: unknown[]) => ({
  type: 'group.members_changed',
  data: { chat: group, change, members, by: ann },
})
const updated = (more: object) => ({ type: 'group.updated', data: { chat: group, by: ann, ...more } })
const moved = (type: string, subject: string | null = null) => ({
  type,
  data: { chat: group, subject, by: ann },
})

describe('a notification of a group', () => {
  const created = element('create', { type: 'new' }, [element('group', { id: '1', subject: 'Team' })])
  it.each<readonly [string, readonly BinaryNode[], readonly unknown[]]>([
    ['a new group', [created], [moved('group.joined', 'Team')]],
    ['somebody comes', [element('add', {}, [benMember])], [changed('added', ben)]],
    ['we come', [element('add', {}, [meMember])], [moved('group.joined')]],
    [
      'we come with another',
      [element('add', {}, [benMember, meMember])],
      [moved('group.joined'), changed('added', ben)],
    ],
    ['somebody is taken out', [element('remove', {}, [benMember])], [changed('removed', ben)]],
    ['somebody leaves', [element('leave', {}, [annMember])], [changed('removed', ann)]],
    ['we are taken out', [element('remove', {}, [meMember])], [moved('group.left')]],
    ['we leave', [element('leave', {}, [meMember])], [moved('group.left')]],
    ['somebody becomes an admin', [element('promote', {}, [benMember])], [changed('promoted', ben)]],
    [
      'we are none any more',
      [element('demote', {}, [meMember])],
      [changed('demoted', { jid: me.pn, lid: me.lid, phone: '491700000000' })],
    ],
    ['a number that hides', [element('add', {}, [participant(annLid)])], [changed('added', annByLid)]],
    ['another subject', [element('subject', { subject: 'New', s_t: '1' })], [updated({ subject: 'New' })]],
    [
      'another description',
      [element('description', { id: 'A' }, [element('body', {}, Buffer.from('Für alle'))])],
      [updated({ description: 'Für alle' })],
    ],
    [
      'no description any more',
      [element('description', { id: 'A', delete: 'true' })],
      [updated({ description: null })],
    ],
    ['only admins write', [element('announcement')], [updated({ announce: true })]],
    ['all write', [element('not_announcement')], [updated({ announce: false })]],
    ['only admins change it', [element('locked')], [updated({ locked: true })]],
    ['all change it', [element('unlocked')], [updated({ locked: false })]],
    [
      'messages disappear',
      [element('ephemeral', { expiration: '86400' })],
      [updated({ expiresInSeconds: 86_400 })],
    ],
    ['messages stay', [element('not_ephemeral')], [updated({ expiresInSeconds: 0 })]],
    [
      'two changes at once',
      [element('subject', { subject: 'New' }), element('locked')],
      [updated({ subject: 'New', locked: true })],
    ],
    ['an invitation link', [element('invite', { code: 'abc' })], []],
    ['members without an address', [element('add', {}, [element('participant', { jid: 'x' })])], []],
    ['nothing', [], []],
  ])('of %s', (_what, parts, sightings) => {
    expect(groupSightings(groupNews(...parts), me)).toEqual(sightings)
  })

  it('without an actor says that nobody did it', () => {
    const stanza = element('notification', { type: 'w:gp2', from: group }, [element('locked')])
    expect(groupSightings(stanza, me)).toEqual([
      { type: 'group.updated', data: { chat: group, by: null, locked: true } },
    ])
  })

  it.each([
    ['another type', { type: 'picture', from: group }],
    ['a person', { type: 'w:gp2', from: annPn }],
    ['nobody', { type: 'w:gp2' }],
  ])('of %s is none', (_what, attrs) => {
    expect(groupSightings(element('notification', attrs, [element('locked')]), me)).toEqual([])
  })
})

describe('a notification of a profile', () => {
  const contact = (more: object) => [{ type: 'contact.updated', data: { contact: annByPn, ...more } }]
  it.each<readonly [string, Record<string, string>, readonly BinaryNode[], readonly unknown[]]>([
    [
      'a new picture',
      { type: 'picture', from: annPn },
      [element('set', { id: '1' })],
      contact({ picture: 'changed' }),
    ],
    ['no picture', { type: 'picture', from: annPn }, [element('delete')], contact({ picture: 'removed' })],
    [
      'a picture by a device',
      { type: 'picture', from: '491511111111:4@s.whatsapp.net' },
      [element('set')],
      contact({ picture: 'changed' }),
    ],
    [
      'a picture that names its owner inside',
      { type: 'picture', from: 's.whatsapp.net' },
      [element('set', { jid: annPn })],
      contact({ picture: 'changed' }),
    ],
    [
      'a picture of nobody that is known',
      { type: 'picture', from: 's.whatsapp.net' },
      [element('set', { hash: 'Ab' })],
      [],
    ],
    [
      'a picture of a group',
      { type: 'picture', from: group },
      [element('set', { author: annPn })],
      [{ type: 'group.updated', data: { chat: group, by: annByPn, picture: 'changed' } }],
    ],
    ['our own picture', { type: 'picture', from: me.pn }, [element('set')], []],
    [
      'words',
      { type: 'status', from: annPn },
      [element('set', {}, Buffer.from('At work'))],
      contact({ about: 'At work' }),
    ],
    ['our own words', { type: 'status', from: me.lid }, [element('set', {}, 'Here')], []],
    ['words without words', { type: 'status', from: annPn }, [element('set')], []],
    ['devices', { type: 'devices', from: annPn }, [element('set')], []],
  ])('of %s', (_what, attrs, parts, sightings) => {
    expect(profileSightings(element('notification', attrs, [...parts]), me)).toEqual(sightings)
  })
})

describe('presence', () => {
  const seen = (state: string, more: object = {}) => [
    {
      type: 'presence.updated',
      data: { chat: annPn, chatLid: null, from: annByPn, state, lastSeenAt: null, ...more },
    },
  ]
  const chatstate = (attrs: Record<string, string>, inside: BinaryNode) =>
    element('chatstate', attrs, [inside])
  it.each<readonly [string, BinaryNode, readonly unknown[]]>([
    ['there', element('presence', { from: annPn }), seen('available')],
    [
      'gone, and since when',
      element('presence', { from: annPn, type: 'unavailable', last: '1800000000' }),
      seen('unavailable', { lastSeenAt: '2027-01-15T08:00:00.000Z' }),
    ],
    [
      'gone, and hides since when',
      element('presence', { from: annPn, type: 'unavailable', last: 'deny' }),
      seen('unavailable'),
    ],
    ['typing', chatstate({ from: annPn }, element('composing')), seen('composing')],
    ['recording', chatstate({ from: annPn }, element('composing', { media: 'audio' })), seen('recording')],
    ['not typing any more', chatstate({ from: annPn }, element('paused')), seen('paused')],
    [
      'typing in a group, on a companion',
      chatstate({ from: group, participant: '11111111:7@lid' }, element('composing')),
      seen('composing', { chat: group, from: annByLid }),
    ],
    ['how many are online in a group', element('presence', { from: group, count: '7' }), []],
    ['we ourselves', element('presence', { from: me.lid }), []],
    ['a channel', element('presence', { from: '123456@newsletter' }), []],
    ['a new state', chatstate({ from: annPn }, element('dancing')), []],
    ['no state', element('chatstate', { from: annPn }), []],
    ['nobody', element('presence'), []],
  ])('of somebody who is %s', (_what, stanza, sightings) => {
    expect(presenceSightings(stanza, me)).toEqual(sightings)
  })
})

describe('a call', () => {
  const by = { 'call-id': 'C1', 'call-creator': '11111111:0@lid', caller_pn: annPn }
  const call = (inside: BinaryNode, from = annLid) =>
    element('call', { from, id: '1', t: '1800000000' }, [inside])
  const offer = element('offer', by, [element('audio', { enc: 'opus' })])
  const said = (type: string, more: object = {}) => ({
    type,
    data: { callId: 'C1', chat: annPn, chatLid: annLid, from: ann, video: false, group: false, ...more },
  })
  const told = (...stanzas: BinaryNode[]): readonly Sighting[] => {
    const calls = createCalls()
    return stanzas.flatMap((stanza) => calls.sightings(stanza, me))
  }

  it.each<readonly [string, readonly BinaryNode[], readonly unknown[]]>([
    ['that comes', [call(offer)], [said('call.received')]],
    ['that comes twice', [call(offer), call(offer)], [said('call.received')]],
    [
      'with video',
      [call(element('offer', by, [element('video', { enc: 'vp8' })]))],
      [said('call.received', { video: true })],
    ],
    [
      'in a group',
      [call(element('offer_notice', { ...by, type: 'group', 'group-jid': group, media: 'video' }))],
      [said('call.received', { chat: group, chatLid: null, video: true, group: true })],
    ],
    [
      'that is taken on the phone and ends',
      [
        call(offer),
        call(element('accept', by), me.lid),
        call(element('terminate', by)),
        call(element('terminate', by)),
      ],
      [said('call.received'), said('call.accepted'), said('call.ended')],
    ],
    [
      'that is refused, whose end is no more news',
      [call(offer), call(element('reject', by), me.pn), call(element('terminate', by))],
      [said('call.received'), said('call.rejected')],
    ],
    [
      'that nobody takes',
      [call(offer), call(element('terminate', { ...by, reason: 'timeout' }))],
      [said('call.received'), said('call.missed')],
    ],
    [
      'of which only the end is seen',
      [call(element('terminate', by))],
      [said('call.ended', { video: null, group: null })],
    ],
    [
      'that rings',
      [call(element('preaccept', by)), call(element('transport', by)), call(element('relaylatency', by))],
      [],
    ],
    ['of our own', [call(element('offer', { 'call-id': 'C2', 'call-creator': me.pn }))], []],
    ['without an id', [call(element('offer', { 'call-creator': annPn }))], []],
    ['of nobody', [call(element('offer', { 'call-id': 'C3' }), 'call')], []],
    ['of nothing', [element('call', { from: annPn })], []],
  ])('%s', (_what, stanzas, sightings) => {
    expect(told(...stanzas)).toEqual(sightings)
  })

  it('is told apart from another one at the same time', () => {
    const other = call(element('offer', { ...by, 'call-id': 'C2' }))
    expect(told(call(offer), other).map(({ data }) => data)).toEqual([
      said('').data,
      { ...said('').data, callId: 'C2' },
    ])
  })
})

describe('contacts of the account', () => {
  it.each<readonly [string, BaileysEventMap['contacts.upsert'], readonly unknown[]]>([
    [
      'with both addresses',
      [{ id: annPn, lid: annLid, name: 'Ann', phoneNumber: annPn }],
      [{ contact: ann, name: 'Ann' }],
    ],
    ['by LID', [{ id: annLid, lid: annLid, name: 'Ann' }], [{ contact: annByLid, name: 'Ann' }]],
    ['without a name', [{ id: annPn }], [{ contact: annByPn, name: null }]],
    ['that is the owner', [{ id: me.pn, name: 'Me' }], []],
    ['that is a group', [{ id: group, name: 'Team' }], []],
  ])('%s', (_what, contacts, expected) => {
    expect(contactSightings(contacts, me)).toEqual(
      expected.map((data) => ({ type: 'contact.updated', data })),
    )
  })
})

describe('an update of a chat', () => {
  it.each<readonly [string, BaileysEventMap['chats.update'][number], object | undefined]>([
    ['archived', { archived: true }, { archived: true }],
    ['taken out of the archive', { archived: false }, { archived: false }],
    ['pinned', { pinned: 1_800_000_000_000 }, { pinned: true }],
    ['not pinned any more', { pinned: null }, { pinned: false }],
    [
      'muted for a time',
      { muteEndTime: 1_800_000_000_000 },
      { muted: true, mutedUntil: '2027-01-15T08:00:00.000Z' },
    ],
    ['muted for good', { muteEndTime: -1 }, { muted: true, mutedUntil: null }],
    ['not muted any more', { muteEndTime: null }, { muted: false, mutedUntil: null }],
    ['muted until no calendar shows it', { muteEndTime: 1e17 }, { muted: true, mutedUntil: null }],
    ['read', { unreadCount: 0 }, { read: true }],
    ['marked as not read', { unreadCount: -1 }, { read: false }],
    ['of a first reading of the state', { archived: true, conditional: () => true }, undefined],
    ['read already when the state is first read', { unreadCount: null }, undefined],
    ['of several things', { archived: true, pinned: null }, { archived: true, pinned: false }],
    ['of a message that came', { unreadCount: 1, conversationTimestamp: 1, messages: [] }, undefined],
    ['of a message that Baileys takes out of the archive', { archived: false, readOnly: false }, undefined],
    ['of disappearing messages', { ephemeralExpiration: 86_400 }, undefined],
  ])('that is %s', (_what, update, expected) => {
    expect(chatSightings([{ id: annPn, ...update }])).toEqual(
      expected === undefined
        ? []
        : [{ type: 'chat.updated', data: { chat: annPn, chatLid: null, ...expected } }],
    )
  })

  it.each(['status@broadcast', '123456@newsletter', '123456@broadcast', 'x', ''])('of %j is none', (id) => {
    expect(chatSightings([{ id, archived: true }])).toEqual([])
    expect(goneSightings('chat.deleted', [id])).toEqual([])
    expect(
      assignmentSightings({
        type: 'add',
        association: { type: 'label_jid' as never, labelId: '1', chatId: id },
      }),
    ).toEqual([])
  })
})

it('chats that were deleted or emptied are named', () => {
  expect(goneSightings('chat.deleted', [annLid, group])).toEqual([
    { type: 'chat.deleted', data: { chat: annLid, chatLid: annLid } },
    { type: 'chat.deleted', data: { chat: group, chatLid: null } },
  ])
})

describe('labels', () => {
  it.each<readonly [string, Omit<Parameters<typeof labelSighting>[0], 'id'>, object]>([
    ['new', { name: 'Paid', color: 4, deleted: false }, { name: 'Paid', color: 4, deleted: false }],
    ['gone', { deleted: true }, { name: '', color: 0, deleted: true }],
    ['of which only the name is said', { name: 'Paid' }, { name: 'Paid', color: 0, deleted: false }],
  ])('that are %s', (_what, label, data) => {
    expect(labelSighting({ id: '7', ...label })).toEqual({
      type: 'label.updated',
      data: { labelId: '7', ...data },
    })
  })

  it.each([
    ['add', undefined, 'label.assigned', null],
    ['remove', undefined, 'label.unassigned', null],
    ['add', 'M1', 'label.assigned', 'M1'],
  ] as const)('%s on message %s is %s', (type, messageId, event, whatsappId) => {
    const chat = { labelId: '7', chatId: annPn }
    const association =
      messageId === undefined
        ? { ...chat, type: 'label_jid' as never }
        : { ...chat, type: 'label_message' as never, messageId }
    expect(assignmentSightings({ type, association })).toEqual([
      { type: event, data: { labelId: '7', chat: annPn, chatLid: null, whatsappId } },
    ])
  })
})

it.each([
  ['INITIAL_BOOTSTRAP', 'initial'],
  ['RECENT', 'recent'],
  ['FULL', 'full'],
  ['PUSH_NAME', 'push_names'],
  ['ON_DEMAND', 'on_demand'],
  ['NON_BLOCKING_DATA', 'other'],
] as const)('history of type %s is of kind %s, one event with its numbers', (type, kind) => {
  const contacts = Array.from({ length: 300 }, (_, at) => ({ id: `${10_000_000 + at}@lid` }))
  const history = {
    chats: [{ id: annPn }],
    contacts,
    messages: [],
    syncType: proto.HistorySync.HistorySyncType[type],
  }
  expect(historySighting({ ...history, progress: 40 })).toEqual({
    type: 'history.synced',
    data: { kind, chats: 1, contacts: 300, messages: 0, progress: 40 },
  })
  expect(historySighting(history)).toMatchObject({ data: { progress: null } })
})
