import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAct, writtenSchema } from '../../src/sandbox/phone/body.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf, type Shown } from './client.ts'

const [ana, bob, cid, dan] = ['15558001', '15558002', '15558003', '15558004']

let sandbox: Sandbox
let group: string
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, bob, cid, dan]) await controlOf(sandbox).phone(number, `Name of ${number}`)
  const made = await controlOf(sandbox).post('/groups', { subject: 'Team', owner: ana, members: [bob, cid] })
  group = String(made.body['jid'])
})
afterAll(() => sandbox.close())

const picture = Buffer.from('not really a picture')
const file = { base64: picture.toString('base64') }
const place = { latitude: 52.5163, longitude: 13.3777, name: 'Brandenburg Gate', address: 'Pariser Platz' }

/** Each kind with all of its members. What is shown is what was written, but for the file. */
const contents = {
  text: { text: 'Hello' },
  'text with a link preview': {
    type: 'text',
    text: 'see https://example.com',
    linkPreview: { url: 'https://example.com', title: 'Example', description: 'A page' },
  },
  image: { media: { ...file, width: 3, height: 2 }, mimetype: 'image/png', caption: 'A cat' },
  video: { media: { ...file, seconds: 4 }, mimetype: 'video/mp4', caption: 'A cat' },
  gif: { media: file, mimetype: 'video/mp4', caption: 'A cat' },
  round_video: { media: file, mimetype: 'video/mp4' },
  audio: { media: { ...file, seconds: 9 }, mimetype: 'audio/mpeg' },
  voice: { media: file, mimetype: 'audio/ogg; codecs=opus', waveform: [0, 50, 100] },
  document: { media: file, mimetype: 'application/pdf', filename: 'bill.pdf', caption: 'Please pay' },
  'document without a caption': {
    type: 'document',
    media: file,
    mimetype: 'application/pdf',
    filename: 'bill.pdf',
  },
  sticker: { media: { ...file, width: 512, height: 512 }, mimetype: 'image/webp', animated: true },
  location: { ...place, url: 'https://example.com' },
  live_location: { latitude: 1, longitude: 2, accuracyMeters: 5, heading: 90, caption: 'here', sequence: 7 },
  contacts: {
    contacts: [
      { name: 'Ada; Lovelace, Countess', phones: ['+44 20 7946 0000', '+1 555 0100'] },
      { name: 'Bob', phones: ['+1 555 0101'], organization: 'Bob & Co', email: 'bob@example.com' },
    ],
  },
  'one contact': { type: 'contacts', contacts: [{ name: 'Ada', phones: ['+44 20 7946 0000'] }] },
  poll: { question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 },
  'poll with many answers': { type: 'poll', question: 'Days?', options: ['Mon', 'Tue'], selectable: 0 },
  event: {
    name: 'Dinner',
    description: 'at home',
    startsAt: '2026-12-24T18:00:00.000Z',
    endsAt: '2026-12-24T22:00:00.000Z',
    location: place,
    joinLink: 'https://example.com/call',
  },
  group_invite: {
    group: '120363000000000000@g.us',
    groupName: 'Others',
    code: 'AbCdEfGhIjK',
    inviteExpiresAt: '2026-12-24T18:00:00.000Z',
    caption: 'Join',
  },
}

type Body = Record<string, unknown>
const withType = (name: string, content: Body): Body => ({ type: name, ...content })

const asShown = (written: Body): Body => {
  const { media, ...rest } = written as Body & { media?: { base64: string } & Body }
  if (media === undefined) return rest
  const { base64: _bytes, ...looks } = media
  return {
    ...rest,
    media: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: picture.length, ...looks },
  }
}

const unproblematic = async (number: string, id: string): Promise<Shown> => {
  const message = await controlOf(sandbox).shown(number, id)
  expect(message.problems).toBeUndefined()
  return message
}

test('each kind is written here', () => {
  const kinds = writtenSchema.options.map(({ shape }) => shape.type.value).filter((type) => !isAct(type))
  const here = Object.entries(contents).map(([name, content]) => withType(name, content)['type'])
  expect(kinds.filter((type) => !here.includes(type))).toEqual([])
  expect(kinds).toHaveLength(15)
})

describe.each(Object.entries(contents))('%s', (name, content) => {
  const body = withType(name, content)

  test('is shown to a person as it was written', async () => {
    const id = await controlOf(sandbox).write(ana, { to: bob, ...body })
    for (const number of [ana, bob]) {
      const message = await unproblematic(number, id)
      expect(message.body).toEqual(asShown(body))
      expect(message.type).toBe(body['type'])
    }
  })

  test('is shown to a group, with all that goes along', async () => {
    const to = group
    const first = await controlOf(sandbox).write(bob, { to, text: 'first' })
    await unproblematic(ana, first)
    const options = {
      replyTo: first,
      mentions: [bob, 'all'],
      viewOnce: true,
      expiresIn: 86_400,
      forwarded: true,
    }
    const id = await controlOf(sandbox).write(ana, { to, ...body, ...options })
    const { lid } = await controlOf(sandbox).get<{ lid: string }>(`/phones/${bob}`)
    for (const number of [ana, bob, cid]) {
      expect((await unproblematic(number, id)).body).toEqual({
        ...asShown(body),
        ...options,
        mentions: [lid, 'all'],
      })
    }
  })
})

describe.each(['a person', 'a group'])('in a chat with %s', (chat) => {
  const to = (): string => (chat === 'a group' ? group : bob)
  const readers = (): string[] => (chat === 'a group' ? [ana, bob, cid] : [ana, bob])
  const jid = (number: string): string => `${number}@s.whatsapp.net`

  const everywhere = async (id: string, expected: object, act?: string): Promise<void> => {
    for (const number of readers()) {
      if (act !== undefined) await unproblematic(number, act)
      expect(await unproblematic(number, id)).toMatchObject(expected)
    }
  }
  const written = async (body: object, from = ana): Promise<string> => {
    const way = from === ana ? to() : chat === 'a group' ? group : ana
    const id = await controlOf(sandbox).write(from, { to: way, ...body })
    for (const number of readers()) await unproblematic(number, id)
    return id
  }

  test('a reaction stands at its message, changes, and is taken back', async () => {
    const messageId = await written({ text: 'react' })
    const act = await written({ type: 'reaction', messageId, emoji: '👍' }, bob)
    await everywhere(messageId, { reactions: [{ from: jid(bob), emoji: '👍' }] }, act)
    expect((await controlOf(sandbox).shown(ana, act)).body).toEqual({
      type: 'reaction',
      messageId,
      emoji: '👍',
    })
    await everywhere(
      messageId,
      { reactions: [{ emoji: '❤' }] },
      await written({ type: 'reaction', messageId, emoji: '❤' }, bob),
    )
    await everywhere(
      messageId,
      { reactions: [] },
      await written({ type: 'reaction', messageId, emoji: '' }, bob),
    )
    expect((await controlOf(sandbox).shown(ana, messageId)).history).toHaveLength(3)
  })

  test.each([
    ['text', { text: 'before' }, { text: 'after' }],
    ['image', contents.image, { caption: 'after' }],
    ['document', contents.document, { caption: 'after' }],
  ])('an edit of a %s changes its words and nothing else', async (type, content, changed) => {
    const messageId = await written({ type, ...content })
    const { body, text: textBefore } = await controlOf(sandbox).shown(bob, messageId)
    const act = await written({ type: 'edit', messageId, text: 'after' })
    const history = [{ id: act, type: 'edit', by: jid(ana), text: 'after', textBefore }]
    await everywhere(messageId, { edited: true, text: 'after', body: { ...body, ...changed }, history }, act)
  })

  test('a message that was deleted for everyone says nothing any more', async () => {
    const messageId = await written({ text: 'oops' })
    const act = await written({ type: 'delete', messageId })
    await everywhere(messageId, { deletedBy: jid(ana), body: null, text: '' }, act)
  })

  test('a pin holds for its time, until it is taken off', async () => {
    const messageId = await written({ text: 'pin' })
    const { timestamp } = await controlOf(sandbox).shown(
      ana,
      await written({ type: 'pin', messageId, seconds: 86_400 }, bob),
    )
    await everywhere(messageId, { pinnedUntil: timestamp + 86_400_000 })
    await everywhere(messageId, { pinnedUntil: null }, await written({ type: 'pin', messageId, seconds: 0 }))
  })

  test('votes are read by everyone who has the poll', async () => {
    const messageId = await written(withType('poll', { ...contents.poll, selectable: 0 }))
    const first = await written({ type: 'vote', messageId, options: ['Salad', 'Pizza'] }, bob)
    await everywhere(messageId, { votes: [{ from: jid(bob), options: ['Salad', 'Pizza'] }] }, first)
    const second = await written({ type: 'vote', messageId, options: ['Pizza'] }, bob)
    await everywhere(messageId, { votes: [{ from: jid(bob), options: ['Pizza'] }] }, second)
  })

  test.each(['edit', 'delete'])("an %s of somebody else's message changes nothing", async (type) => {
    const before = await controlOf(sandbox).stats()
    const messageId = await written({ text: 'mine' })
    const body = { type, messageId, ...(type === 'edit' ? { text: 'yours' } : {}) }
    const id = await controlOf(sandbox).write(bob, { to: chat === 'a group' ? group : ana, ...body })
    for (const number of readers()) {
      expect((await controlOf(sandbox).shown(number, id)).problems).toHaveLength(1)
      expect(await unproblematic(number, messageId)).toMatchObject({ text: 'mine', body: { text: 'mine' } })
    }
    const after = await controlOf(sandbox).stats()
    expect((after['actsRefused'] ?? 0) - (before['actsRefused'] ?? 0)).toBe(readers().length)
  })
})

test('an admin of a group deletes what others wrote', async () => {
  const messageId = await controlOf(sandbox).write(bob, { to: group, text: 'spam' })
  await unproblematic(ana, messageId)
  const act = await controlOf(sandbox).write(ana, { to: group, type: 'delete', messageId })
  await unproblematic(cid, act)
  expect(await unproblematic(cid, messageId)).toMatchObject({
    deletedBy: `${ana}@s.whatsapp.net`,
    body: null,
  })
})

test('messages that others have to answer are named by what the phone knows', async () => {
  const { status, body } = await controlOf(sandbox).post(`/phones/${ana}/messages`, {
    to: bob,
    type: 'reaction',
    messageId: 'ABC',
    emoji: '👍',
  })
  expect(status).toBe(422)
  expect(body.error).toBe('messageId: the phone has no message ABC in this chat')
})

test('a file of a size is the same for everyone who asks for that size', async () => {
  const ids = []
  for (const to of [bob, cid]) {
    ids.push(
      await controlOf(sandbox).write(ana, { to, type: 'document', media: { bytes: 300_000 }, filename: 'a' }),
    )
  }
  const [one, two] = [await unproblematic(bob, ids[0] ?? ''), await unproblematic(cid, ids[1] ?? '')]
  expect(one.body).toEqual(two.body)
  expect(one.body?.['media']).toMatchObject({ bytes: 300_000 })
})

test.each([
  [{ media: { bytes: 256 * 1024 * 1024 + 1 } }, 'media.bytes'],
  [{ media: { bytes: 1, base64: 'AAAA' } }, 'send base64, or bytes (a number)'],
  [{ media: {} }, 'send base64, or bytes (a number)'],
])('a file that cannot be made is refused: %j', async (body, says) => {
  const answer = await controlOf(sandbox).post(`/phones/${ana}/messages`, { to: bob, type: 'image', ...body })
  expect(answer.status).toBe(422)
  expect(answer.body.error).toContain(says)
})

test('a voice message is delivered, read and played', async () => {
  const control = controlOf(sandbox)
  const id = await control.write(ana, { to: dan, type: 'voice', media: file })
  await unproblematic(dan, id)
  expect((await control.shown(ana, id)).status).toBe('delivered')
  expect((await control.post(`/phones/${dan}/read`, { chat: ana })).body).toEqual({ read: 1 })
  expect((await control.shown(ana, id)).status).toBe('read')
  expect((await control.post(`/phones/${dan}/played`, { chat: ana, ids: [id] })).body).toEqual({ played: 1 })
  expect((await control.shown(ana, id)).status).toBe('played')
  expect((await control.shown(ana, id)).receipts.map(({ type }) => type)).toEqual([
    'delivery',
    'read',
    'played',
  ])
})
