import { readFile } from 'node:fs/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { removeDevice } from '../../src/control/remove-device.ts'
import { sendBody } from '../../src/control/send-body.ts'
import { sendFile, takeFile } from '../../src/control/send-file.ts'
import { sendMessage } from '../../src/control/send-message.ts'
import { startDevice } from '../../src/control/start-device.ts'
import { uploadFile } from '../../src/control/upload-file.ts'
import type { GivenBody, MessageBody } from '../../src/domain/body.ts'
import type { Media, RemoteKind } from '../../src/domain/media.ts'
import type { Message } from '../../src/domain/message.ts'
import {
  ffmpegFile,
  hasFfmpeg,
  movingPicture,
  newFolder,
  pictureBytes,
  serve,
  sound,
  streamOf,
} from '../media/samples.ts'
import { createWorld, encodeText, impatient, type World } from './world.ts'

const bob = '15550001111@s.whatsapp.net'
const still = new AbortController().signal

let world: World
beforeEach(async () => {
  world = await createWorld(impatient)
  await startDevice(world.ctx, { id: 'myphone' })
  await world.connector.link('myphone')
})

/** A message with a file whose bytes are still at WhatsApp. */
const received = (kind: RemoteKind, mimetype: string) => {
  const row = { plaintext: encodeText(kind), stanzaKey: kind, stanza: '{}', part: 0, parts: 1 }
  const remote = {
    kind,
    url: '',
    directPath: '/v/1',
    mediaKey: Buffer.from('key'),
    mediaKeyTimestamp: 0,
    fileSha256: Buffer.alloc(32, 'a'),
    fileEncSha256: Buffer.alloc(32, 'b'),
    bytes: 1_234,
  }
  const info = { filename: null, width: null, height: null, seconds: null, waveform: null, thumbnail: null }
  const message = {
    id: `msg_${kind}`,
    deviceId: 'myphone',
    whatsappId: kind,
    direction: 'inbound',
    chat: { pn: bob, lid: null },
    sender: { pn: bob, lid: null },
    senderName: null,
    type: 'image',
    text: null,
    body: { type: 'image', media: { uploadId: `med_${kind}` } },
    whatsappAt: 0,
    content: null,
    error: null,
  } as const
  const promotion = { kind: 'message', message, file: { ...remote, ...info, mimetype } } as const
  return { hash: Buffer.alloc(32, kind), row, promotion }
}

const send = async (body: GivenBody, idempotencyKey?: string): Promise<Message> => {
  const key = idempotencyKey === undefined ? {} : { idempotencyKey }
  const input = { deviceId: 'myphone', to: bob, body, respondAsync: true, ...key }
  return (await sendBody(world.ctx, input)).message
}
const upload = (bytes: Uint8Array, filename: string | null = null): Promise<Media> =>
  uploadFile(world.ctx, { stream: streamOf(bytes), mimetype: null, filename }, 'file', still)

type FileBody = Extract<MessageBody, { media: unknown }>
const fileOf = async ({ body }: Message): Promise<Media> => {
  const file = await world.store.media.get((body as FileBody).media.uploadId)
  if (file === undefined) throw new Error('the body names no file')
  return file
}

describe('a message with a file', () => {
  test('has it in the body by its id, with what is known of it, and leaves the rest to the connector', async () => {
    const bytes = await pictureBytes('png')
    const message = await send({
      type: 'image',
      media: { base64: bytes.toString('base64') },
      caption: 'A cat',
    })
    const file = await fileOf(message)
    expect(file).toMatchObject({
      source: 'base64',
      state: 'stored',
      deviceId: 'myphone',
      mimetype: 'image/png',
    })
    expect(message).toMatchObject({ type: 'image', text: 'A cat', status: 'queued' })
    expect(message.body).toEqual({
      type: 'image',
      caption: 'A cat',
      mimetype: 'image/png',
      media: { uploadId: file.id, bytes: bytes.length, sha256: file.sha256, width: 320, height: 160 },
    })
    expect(file.thumbnail?.length).toBeGreaterThan(100)
    expect(await world.store.messages.contentOf(message.id)).toBeUndefined()
  })

  test('has it from a URL', async () => {
    const bytes = await pictureBytes('jpeg')
    const url = await serve((_, response) => response.end(bytes))
    const message = await send({ type: 'document', media: { url: `${url}/a.jpg` } })
    expect(message).toMatchObject({ text: 'a.jpg', body: { type: 'document', filename: 'a.jpg' } })
    expect(await fileOf(message)).toMatchObject({ source: 'url', bytes: bytes.length })
  })

  test('has what was uploaded, as often as wanted, and no copy of it', async () => {
    const file = await upload(await pictureBytes('jpeg'), 'cat.jpg')
    for (const type of ['image', 'document', 'image'] as const) {
      const message = await send({ type, media: { uploadId: file.id } })
      expect(await fileOf(message)).toMatchObject({ id: file.id, deviceId: null, filename: 'cat.jpg' })
    }
  })

  test('has what is made of an upload when it is of another kind', async () => {
    const file = await upload(await movingPicture('gif'), 'cat.gif')
    const message = await send({ type: 'sticker', media: { uploadId: file.id } })
    const made = await fileOf(message)
    expect(message.body).toMatchObject({ mimetype: 'image/webp', animated: true })
    expect(made).toMatchObject({ mimetype: 'image/webp', width: 512, source: 'upload', deviceId: 'myphone' })
    expect(made.sha256).not.toBe(file.sha256)
  })

  test('is called what its sender says, when it is a document', async () => {
    const file = await upload(Buffer.from('words'), 'notes.txt')
    const sent = await send({
      type: 'document',
      media: { uploadId: file.id },
      mimetype: 'application/x-notes',
      filename: 'other.notes',
    })
    expect(sent.body).toMatchObject({ mimetype: 'application/x-notes', filename: 'other.notes' })
    expect(await fileOf(sent)).toMatchObject({ id: file.id, mimetype: 'text/plain', filename: 'notes.txt' })
  })

  test('can be sent again as it was stored', async () => {
    const first = await send({
      type: 'image',
      media: { uploadId: (await upload(await pictureBytes('png'))).id },
    })
    const again = await send(first.body as GivenBody)
    expect(again.body).toEqual(first.body)
  })

  test.skipIf(!hasFfmpeg)(
    'has its waveform when it is a voice message, or the one that is given',
    async () => {
      const mp3 = await readFile(ffmpegFile(await newFolder(), 'a.mp3', sound))
      const { id } = await upload(mp3)
      const voice = await send({ type: 'voice', media: { uploadId: id } })
      expect(voice.body).toMatchObject({ mimetype: 'audio/ogg; codecs=opus' })
      expect((voice.body as Extract<MessageBody, { type: 'voice' }>).waveform).toHaveLength(64)
      const drawn = await send({ type: 'voice', media: { uploadId: id }, waveform: [1, 2] })
      expect(drawn.body).toMatchObject({ waveform: [1, 2] })
    },
  )
})

describe('a file is refused', () => {
  test('that nobody has uploaded, or that belongs to another device', async () => {
    await expect(send({ type: 'image', media: { uploadId: 'med_none' } })).rejects.toMatchObject({
      code: 'invalid_reference',
    })
    await startDevice(world.ctx, { id: 'other' })
    await world.connector.link('other')
    const { body } = await send({
      type: 'image',
      media: { base64: (await pictureBytes('png')).toString('base64') },
    })
    const theirs = sendBody(world.ctx, {
      deviceId: 'other',
      to: bob,
      body: body as GivenBody,
      respondAsync: true,
    })
    await expect(theirs).rejects.toMatchObject({ code: 'invalid_reference' })
  })

  test('that was removed', async () => {
    const { id } = await upload(Buffer.from('words'))
    await world.store.media.remove(id, world.ctx.origin, 0)
    await expect(send({ type: 'document', media: { uploadId: id } })).rejects.toMatchObject({
      code: 'media_removed',
    })
  })

  test('before it is fetched, when the device cannot send, or the body is wrong', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.end('x')
    })
    const body: GivenBody = { type: 'document', media: { url } }
    await expect(send({ ...body, replyTo: 'nothing' })).rejects.toMatchObject({ code: 'invalid_reference' })
    await removeDevice(world.ctx, { id: 'myphone' })
    await expect(send(body)).rejects.toThrow()
    expect(asked).toBe(0)
  })
})

describe('a file that came with a message', () => {
  const receive = async (kind: RemoteKind, mimetype: string): Promise<string> => {
    const { hash, ...given } = received(kind, mimetype)
    const lease = await world.connector.ofDevice('myphone')
    await world.store.auth.commit(lease, 'myphone', {}, { hash, ...given.row }, 0)
    const input = { deviceId: 'myphone', stanzaKey: given.row.stanzaKey, promotion: given.promotion }
    const file = { id: `med_${kind}`, dueAt: null }
    await world.store.inbound.promote(lease, { ...input, file }, world.ctx.origin, 0)
    return file.id
  }

  test.each([
    ['image', 'image/jpeg', 'image'],
    ['audio', 'audio/ogg; codecs=opus', 'voice'],
    ['sticker', 'image/webp', 'sticker'],
    ['document', 'application/pdf', 'document'],
  ] as const)('can be sent on before it is here: %s', async (kind, mimetype, type) => {
    const uploadId = await receive(kind, mimetype)
    expect((await send({ type, media: { uploadId } })).body).toEqual({
      type,
      mimetype,
      media: { uploadId, bytes: 1_234, sha256: '61'.repeat(32) },
    })
  })

  test('must be here when something else is to be made of it', async () => {
    const uploadId = await receive('image', 'image/jpeg')
    await expect(send({ type: 'sticker', media: { uploadId } })).rejects.toMatchObject({
      code: 'media_waiting',
    })
  })
})

describe('the same Idempotency-Key', () => {
  test('gives the first message for the same file, and refuses another', async () => {
    const [one, two] = [await pictureBytes('png'), await pictureBytes('png')]
    const image = (bytes: Buffer): GivenBody => ({
      type: 'image',
      media: { base64: bytes.toString('base64') },
    })
    const first = await send(image(one), 'k')
    expect((await send(image(one), 'k')).id).toBe(first.id)
    await expect(send(image(two), 'k')).rejects.toMatchObject({ code: 'idempotency_conflict' })
  })

  test('gives the first message for the same URL, whatever is there now', async () => {
    let times = 0
    const url = await serve((_, response) => response.end(`version ${++times}`))
    const first = await send({ type: 'document', media: { url } }, 'k')
    expect((await send({ type: 'document', media: { url } }, 'k')).id).toBe(first.id)
  })

  test('knows a file of a form by its bytes, also where it is converted', async () => {
    const sendForm = async (bytes: Buffer) => {
      const given = { stream: streamOf(bytes), mimetype: null, filename: 'a.webp' }
      const file = await takeFile(world.ctx, 'myphone', given)
      return await sendFile(world.ctx, file, { to: bob, respondAsync: true, idempotencyKey: 'k' })
    }
    const bytes = await pictureBytes('webp')
    const first = await sendForm(bytes)
    expect((await sendForm(bytes)).message.id).toBe(first.message.id)
    await expect(sendForm(await pictureBytes('webp'))).rejects.toMatchObject({ code: 'idempotency_conflict' })
  })
})

describe('a text with a link', () => {
  const page = () =>
    serve((request, response) => {
      const isPage = request.url === '/'
      response.writeHead(200, { 'content-type': isPage ? 'text/html' : 'image/png' })
      if (isPage) return void response.end('<title>Cats</title><meta property="og:image" content="/cat.png">')
      void pictureBytes('png').then((bytes) => response.end(bytes))
    })

  test('has a preview of the page, with its picture as a file', async () => {
    const url = `${await page()}/`
    const message = await send({ type: 'text', text: `look: ${url}` })
    expect(message.body).toMatchObject({
      type: 'text',
      text: `look: ${url}`,
      linkPreview: { url, title: 'Cats', image: { width: 192, height: 96 } },
    })
    const { linkPreview } = message.body as Extract<MessageBody, { type: 'text' }>
    const image = await world.store.media.get(linkPreview?.image?.uploadId ?? '')
    expect(image).toMatchObject({ source: 'url', mimetype: 'image/jpeg', deviceId: 'myphone' })
    expect(image?.thumbnail?.length).toBe(image?.bytes)
    expect(await world.store.messages.contentOf(message.id)).toBeUndefined()
    const again = await send(message.body as GivenBody)
    expect(again.body).toEqual(message.body)
  })

  test('has one through the short form too', async () => {
    const url = `${await page()}/`
    const { message } = await sendMessage(world.ctx, {
      deviceId: 'myphone',
      to: bob,
      text: url,
      respondAsync: true,
    })
    expect(message).toMatchObject({ type: 'text', text: url, body: { linkPreview: { title: 'Cats' } } })
  })

  test('is a plain text when the page says nothing, or nobody wants a preview', async () => {
    const silent = await serve((_, response) => response.writeHead(404).end())
    const withheld = { type: 'text', text: `${await page()}/`, linkPreview: false } as const
    for (const body of [{ type: 'text', text: silent } as const, withheld]) {
      const message = await send(body)
      expect(message.body).toBeNull()
      expect(await world.store.messages.contentOf(message.id)).toEqual(Buffer.from(encodeText(body.text)))
    }
    const { ctx } = world
    const off = { ...ctx, mediaIn: { ...ctx.mediaIn, previewLink: undefined } }
    const { message } = await sendBody(off, {
      deviceId: 'myphone',
      to: bob,
      body: { type: 'text', text: `${await page()}/`, linkPreview: true },
      respondAsync: true,
    })
    expect(message.body).toBeNull()
  })

  test('may bring its own preview; a picture that the device has not is left out', async () => {
    const linkPreview = { url: 'https://example.com/', title: 'Mine', image: { uploadId: 'med_none' } }
    const { body } = await send({ type: 'text', text: 'https://example.com/', linkPreview })
    expect(body).toMatchObject({ linkPreview: { url: 'https://example.com/', title: 'Mine' } })
    expect(body).not.toHaveProperty('linkPreview.image')
  })
})
