/** Files given to the API, over the real wire, as other phones have them. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ffmpegFile,
  film,
  hasFfmpeg,
  movingPicture,
  newFolder,
  pictureBytes,
  serve,
  sound,
} from '../media/samples.ts'
import { closePromised } from './promised.ts'
import { type PhoneMessage, World } from './world.ts'

let world: World
const [own, friend] = ['15550821', '15550822']
const to = `${friend}@s.whatsapp.net`
beforeAll(async () => {
  world = await World.withGateway({ MEDIA_URL_ALLOW: '127.0.0.1' })
  await world.createPhone(friend)
  await world.link('dev', own)
}, 90_000)
afterAll(() => closePromised(world))

interface File {
  readonly uploadId: string
  readonly sha256: string
  readonly bytes: number
}
type Shown = PhoneMessage & { readonly body: { readonly media: File; readonly [field: string]: unknown } }

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const send = async (body: object): Promise<Shown> => {
  const answer = await world.api('POST', '/api/devices/dev/messages', { to, ...body })
  expect(answer).toMatchObject({ status: 200, body: { status: 'sent', to } })
  return (await world.phoneShows(friend, String(answer.body['id']))) as Shown
}

const post = async (
  path: string,
  form: FormData,
): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(`${world.apiUrl}${path}`, { method: 'POST', body: form })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const formOf = (bytes: Uint8Array, name: string, fields: Readonly<Record<string, string>> = {}): FormData => {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(bytes)]), name)
  for (const [field, value] of Object.entries(fields)) form.append(field, value)
  return form
}
const upload = async (bytes: Uint8Array, name: string): Promise<File> => {
  const { status, body } = await post('/api/media', formOf(bytes, name))
  expect(status).toBe(201)
  return body as unknown as File
}

test('a form sends a picture as a picture, and a phone has the same bytes', async () => {
  const bytes = await pictureBytes('jpeg')
  const { status, body } = await post(
    '/api/devices/dev/send-media',
    formOf(bytes, 'cat.jpg', { to: friend, caption: 'A cat' }),
  )
  expect(status).toBe(200)
  expect(body).toEqual({ status: 'sent', to, type: 'image', filename: 'cat.jpg', id: body['id'] })
  expect(await world.phoneShows(friend, String(body['id']))).toMatchObject({
    type: 'image',
    body: {
      caption: 'A cat',
      mimetype: 'image/jpeg',
      media: { sha256: sha256(bytes), bytes: bytes.length, width: 320, height: 160 },
    },
  })
})

test('a form sends any other file as a document', async () => {
  const { body } = await post(
    '/api/devices/dev/send-media',
    formOf(Buffer.from('words'), 'a.txt', { to: friend }),
  )
  expect(body).toMatchObject({ status: 'sent', type: 'document', filename: 'a.txt' })
  const shown = await world.phoneShows(friend, String(body['id']))
  expect(shown.body).toMatchObject({ filename: 'a.txt', media: { sha256: sha256(Buffer.from('words')) } })
})

test('a file of a URL and one in base64 arrive', async () => {
  const bytes = await pictureBytes('png')
  const url = await serve((_, response) => response.end(bytes))
  const fetched = await send({ type: 'image', media: { url: `${url}/a.png` } })
  const given = await send({
    type: 'document',
    media: { base64: bytes.toString('base64') },
    filename: 'b.png',
  })
  for (const { body } of [fetched, given]) expect(body.media.sha256).toBe(sha256(bytes))
})

test('an upload is sent as often as wanted, and brought to WhatsApp once', async () => {
  const file = await upload(await pictureBytes('png'), 'cat.png')
  const before = (await world.stats())['mediaUploads'] ?? 0
  for (const caption of ['one', 'two']) {
    const shown = await send({ type: 'image', media: { uploadId: file.uploadId }, caption })
    expect(shown.body).toMatchObject({ caption, media: { sha256: file.sha256 } })
  }
  const after = (await world.stats())['mediaUploads']
  expect(after).toBe(before + 1)
})

test('a GIF becomes a sticker that moves', async () => {
  const file = await upload(await movingPicture('gif'), 'cat.gif')
  const { body } = await send({ type: 'sticker', media: { uploadId: file.uploadId } })
  expect(body).toMatchObject({ type: 'sticker', mimetype: 'image/webp', animated: true })
  expect(body.media.sha256).not.toBe(file.sha256)
})

test.skipIf(!hasFfmpeg)('sounds and films become what WhatsApp plays', async () => {
  const folder = await newFolder()
  const [mp3, webm] = [
    await upload(await readFile(ffmpegFile(folder, 'a.mp3', sound)), 'a.mp3'),
    await upload(await readFile(ffmpegFile(folder, 'v.webm', `${film} -c:v libvpx`)), 'v.webm'),
  ]
  const voice = await send({ type: 'voice', media: { uploadId: mp3.uploadId } })
  expect(voice.body).toMatchObject({
    type: 'voice',
    mimetype: 'audio/ogg; codecs=opus',
    media: { seconds: 3 },
  })
  expect(voice.body['waveform']).toHaveLength(64)
  const audio = await send({ type: 'audio', media: { uploadId: mp3.uploadId } })
  expect(audio.body).toMatchObject({ type: 'audio', mimetype: 'audio/mpeg', media: { sha256: mp3.sha256 } })
  for (const type of ['video', 'gif', 'round_video']) {
    const { body } = await send({ type, media: { uploadId: webm.uploadId } })
    expect(body).toMatchObject({
      type,
      mimetype: 'video/mp4',
      media: { width: 320, height: 240, seconds: 2 },
    })
  }
})

test('a text with a link arrives with the preview of its page', async () => {
  const picture = await pictureBytes('png')
  const url = await serve((request, response) => {
    const isPage = request.url === '/'
    response.writeHead(200, { 'content-type': isPage ? 'text/html' : 'image/png' })
    response.end(isPage ? '<title>Cats</title><meta property="og:image" content="/cat.png">' : picture)
  })
  const text = `look: ${url}/`
  const answer = await world.api('POST', '/api/devices/dev/send', { to, message: text })
  const shown = await world.phoneShows(friend, String(answer.body['id']))
  expect(shown).toMatchObject({ text, body: { linkPreview: { url: `${url}/`, title: 'Cats' } } })
})

test('what is no picture is refused, and nothing is sent', async () => {
  const answer = await world.api('POST', '/api/devices/dev/messages', {
    to,
    type: 'image',
    media: { base64: Buffer.from('words').toString('base64') },
  })
  expect(answer).toMatchObject({ status: 422, body: { type: '/problems/media-invalid' } })
})
