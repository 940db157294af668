/** What the table of kinds says, on the wire: out, in, in and out again, and what can be done to a message of each kind. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ffmpegFile, film, hasFfmpeg, movingPicture, pictureBytes, sound } from '../media/samples.ts'
import { type Kind, type Operation, operations, table, type Verdict, wordOf } from './kinds/table.ts'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type Answer, type PhoneMessage, World } from './world.ts'

const [own, ana, ben] = ['15550811', '15550812', '15550813']
const jid = (number: string): string => `${number}@s.whatsapp.net`

let world: World
let folder: string
const samples = new Map<string, Buffer>()

const ffmpegSample = async (name: string, args: string): Promise<Buffer> =>
  readFile(ffmpegFile(folder, name, args))

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wag-kinds-'))
  samples.set('picture', await pictureBytes('png'))
  samples.set('sticker', await movingPicture('webp'))
  samples.set('paper', Buffer.from('%PDF-1.4\n%%EOF\n'))
  if (hasFfmpeg) {
    samples.set('film', await ffmpegSample('film.mp4', `${film} -pix_fmt yuv420p`))
    samples.set('sound', await ffmpegSample('sound.mp3', sound))
    samples.set('speech', await ffmpegSample('speech.ogg', `${sound} -c:a libopus -ac 1`))
  }
  world = await World.withGateway()
  for (const friend of [ana, ben]) await world.createPhone(friend)
  await world.link('dev', own)
}, 120_000)
afterAll(async () => {
  await closePromised(world)
  await rm(folder, { recursive: true, force: true })
})

const mimetypes: Readonly<Record<string, string>> = {
  picture: 'image/png',
  sticker: 'image/webp',
  paper: 'application/pdf',
  film: 'video/mp4',
  sound: 'audio/mpeg',
  speech: 'audio/ogg; codecs=opus',
}

/** A body of this kind, with its file whole in it. */
const bodyOf = (kind: Kind): Record<string, unknown> => {
  const { body, file } = table[kind]
  if (file === undefined) return { type: kind, ...body }
  const base64 = samples.get(file)?.toString('base64')
  return { type: kind, ...body, media: { base64 }, mimetype: mimetypes[file] }
}

/** What must come out of it again: all but the file, which is told by its hash. */
const wordsOf = (kind: Kind): Record<string, unknown> => ({ type: kind, ...table[kind].body })

/** Files that reach the other side byte for byte; the others are made what WhatsApp needs. */
const isUnchanged = (kind: Kind): boolean => !['gif', 'sticker'].includes(kind)

const expectFile = (kind: Kind, media: { sha256?: string; bytes?: number } | undefined): void => {
  const { file } = table[kind]
  if (file === undefined) return expect(media).toBeUndefined()
  expect(media?.bytes).toBeGreaterThan(0)
  const sample = samples.get(file) ?? Buffer.alloc(0)
  if (isUnchanged(kind)) expect(media?.sha256).toBe(createHash('sha256').update(sample).digest('hex'))
}

const send = async (body: object, to: string = ana): Promise<string> => {
  const answer = await world.api('POST', '/api/devices/dev/messages', { to: jid(to), ...body })
  if (answer.status !== 200) throw new Error(JSON.stringify(answer))
  return String(answer.body['id'])
}

const stored = async (whatsappId: string) =>
  eventually(`${whatsappId} is stored`, async () => {
    const found = (await world.messages('dev', '&direction=inbound')).find(
      (message) => message.whatsappId === whatsappId,
    )
    return found as unknown as { id: string; body: Record<string, unknown> } | undefined
  })

const downloaded = async (id: string): Promise<void> => {
  await eventually(`the file of ${id} is here`, async () => {
    return (await get(`/api/messages/${id}/media`)).status === 200
  })
}

const runnable = (kind: Kind): boolean => {
  const { file } = table[kind]
  return hasFfmpeg || file === undefined || !['film', 'sound', 'speech'].includes(file)
}
const kinds = (Object.keys(table) as Kind[]).filter(runnable)

describe.each(kinds)('%s', (kind) => {
  test('goes out, and the phone shows what was sent', async () => {
    const id = await send(bodyOf(kind))
    const shown = await world.phoneShows(ana, id)
    expect(shown.problems).toBeUndefined()
    expect(shown.body).toMatchObject(wordsOf(kind))
    expectFile(kind, shown.body?.['media'] as never)
  })

  test('comes in, and goes on to somebody else as it came', async () => {
    const whatsappId = await world.phoneSend(ana, { to: own, ...bodyOf(kind) })
    const { id, body } = await stored(whatsappId)
    expect(body).toMatchObject(wordsOf(kind))
    if (table[kind].file !== undefined) await downloaded(id)
    const again = await send(body, ben)
    const shown = await world.phoneShows(ben, again)
    expect(shown.problems).toBeUndefined()
    expect(shown.body).toMatchObject(wordsOf(kind))
    expectFile(kind, shown.body?.['media'] as never)
  })
})

/** What is no JSON, as text. */
const get = async (route: string): Promise<Answer> => {
  const response = await fetch(`${world.apiUrl}${route}`)
  return { status: response.status, body: (await response.text()) as never }
}
const post = (route: string, body?: object): Promise<Answer> => world.api('POST', route, body)
const act = (body: object): Promise<Answer> => post('/api/devices/dev/messages', body)

/** What somebody asks for, and how it is seen that it was done. */
const asked: Readonly<Record<Operation, (id: string, kind: Kind) => Promise<Answer>>> = {
  reply: (replyTo) => act({ to: jid(ana), type: 'text', text: 'yes', replyTo }),
  react: (messageId) => act({ type: 'reaction', messageId, emoji: '👍' }),
  pin: (messageId) => act({ type: 'pin', messageId, seconds: 86_400 }),
  forward: (id) => post(`/api/messages/${id}/forward`, { to: jid(ben) }),
  edit: (messageId) => act({ type: 'edit', messageId, text: 'new words' }),
  vote: (messageId) => act({ type: 'vote', messageId, options: ['Salad'] }),
  delete: (messageId) => act({ type: 'delete', messageId }),
  star: (id) => post(`/api/messages/${id}/star`),
  mark_read: (id) => post(`/api/messages/${id}/read`),
  delete_for_me: (id) => world.api('DELETE', `/api/messages/${id}?for=me`),
  download: (id) => get(`/api/messages/${id}/media`),
  raw: (id) => world.api('GET', `/api/messages/${id}/raw`),
  search: async (_id, kind) => {
    const answer = await eventually('all is in the index', async () => {
      const found = await world.api('GET', `/api/devices/dev/search?q=${wordOf(kind)}`)
      return found.body['complete'] ? found : undefined
    })
    // Nothing that could be found is no failure of the search; in the table it is.
    return (answer.body['results'] as unknown as unknown[]).length === 0 ? { ...answer, status: 404 } : answer
  },
  export: () => get(`/api/devices/dev/export?chat=${jid(ana)}`),
}

const onPhone = async (
  number: string,
  id: string,
  what: (message: PhoneMessage) => boolean,
): Promise<void> => {
  await eventually(`${number} shows what was done to ${id}`, async () =>
    (await world.phoneMessages(number)).some((message) => message.id === id && what(message)),
  )
}

/** How it is seen that it was done. `id` is of the message, on the phone and at the gateway. */
const seen: Readonly<Record<Operation, (id: Ids, answer: Answer, kind: Kind) => Promise<unknown>>> = {
  reply: async ({ whatsappId }, { body }) =>
    expect((await world.phoneShows(ana, String(body['id']))).body).toMatchObject({ replyTo: whatsappId }),
  react: ({ whatsappId }) => onPhone(ana, whatsappId, ({ reactions }) => reactions?.[0]?.emoji === '👍'),
  pin: ({ whatsappId }) => onPhone(ana, whatsappId, ({ pinnedUntil }) => (pinnedUntil ?? 0) > Date.now()),
  forward: async (_, { body }, kind) => {
    const [{ id }] = body['forwarded'] as unknown as [{ id: string }]
    expect((await world.phoneShows(ben, id)).body).toMatchObject({ ...wordsOf(kind), forwarded: true })
  },
  edit: ({ whatsappId }) =>
    onPhone(
      ana,
      whatsappId,
      ({ body }) => body?.['text'] === 'new words' || body?.['caption'] === 'new words',
    ),
  vote: ({ whatsappId }) => onPhone(ana, whatsappId, ({ votes }) => votes?.[0]?.options.join() === 'Salad'),
  delete: ({ whatsappId }) => onPhone(ana, whatsappId, ({ deletedBy }) => typeof deletedBy === 'string'),
  star: ({ whatsappId }) => onPhone(own, whatsappId, ({ starred }) => starred === true),
  mark_read: ({ whatsappId }) =>
    onPhone(ana, whatsappId, ({ status }) => status === 'read' || status === 'played'),
  delete_for_me: ({ whatsappId }) => onPhone(own, whatsappId, ({ deletedForMe }) => deletedForMe === true),
  download: async () => undefined,
  raw: async (_, { body }) =>
    expect(Object.keys(body['content'] as unknown as object).length).toBeGreaterThan(0),
  search: async ({ id }, { body }) => expect(JSON.stringify(body)).toContain(id),
  export: async ({ id }, { body }) => expect(JSON.stringify(body)).toContain(id),
}

interface Ids {
  readonly id: string
  readonly whatsappId: string
}

/** What is done to a message that came in; the rest is done to one of our own. */
const toIncoming: ReadonlySet<Operation> = new Set(['mark_read', 'delete_for_me'])

describe.each(kinds)('what can be done to a message of kind %s', (kind) => {
  test('is what the table says, and it is seen where it should be', async () => {
    const id = await send(bodyOf(kind))
    await world.phoneShows(ana, id)
    const mine = { id, whatsappId: id }
    const whatsappId = await world.phoneSend(ana, { to: own, ...bodyOf(kind) })
    const theirs = { id: (await stored(whatsappId)).id, whatsappId }
    const done: Partial<Record<Operation, Verdict>> = {}
    for (const operation of operations) {
      const on = toIncoming.has(operation) ? theirs : mine
      const answer = await asked[operation](on.id, kind)
      const works = answer.status >= 200 && answer.status < 300
      if (works) await seen[operation](on, answer, kind)
      else expect(answer.status, `${operation}: ${JSON.stringify(answer.body)}`).toBeLessThan(500)
      done[operation] = works ? 'works' : 'refused'
    }
    expect(done).toEqual(table[kind].does)
  }, 120_000)
})
