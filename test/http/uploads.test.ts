import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import { pictureBytes } from '../media/samples.ts'
import { type Api, createApi, linked } from './api.ts'

type Body = FormData | Uint8Array<ArrayBuffer> | string

/** A form is sent as bytes: the stream that Node makes of one fails when nobody reads it to its end. */
const post = async (api: Api, path: string, body: Body, headers: Record<string, string> = {}) => {
  if (!(body instanceof FormData)) return await api.request('POST', path, { body, headers })
  const whole = new Response(body)
  const type = { 'content-type': whole.headers.get('content-type') ?? '' }
  return await api.request('POST', path, { body: await whole.bytes(), headers: { ...type, ...headers } })
}

const formOf = (fields: Readonly<Record<string, string | File>>): FormData => {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  return form
}
const picture = async (name = 'cat.png', type = 'image/png'): Promise<File> =>
  new File([new Uint8Array(await pictureBytes('png'))], name, { type })

const messagesOf = async (api: Api): Promise<readonly { body: MessageBody }[]> =>
  ((await api.get('/api/devices/myphone/messages')).json as { messages: { body: MessageBody }[] }).messages

describe('POST /api/media', () => {
  test('takes a form', async () => {
    const api = await createApi()
    const file = await picture()
    const { status, json } = await post(api, '/api/media', formOf({ file }))
    expect(status).toBe(201)
    expect(json).toEqual({
      uploadId: expect.stringMatching(/^med_/) as string,
      mimetype: 'image/png',
      filename: 'cat.png',
      bytes: file.size,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      width: 320,
      height: 160,
      seconds: null,
    })
  })

  test('takes the bytes themselves, under a name of the address', async () => {
    const api = await createApi()
    const bytes = new Uint8Array(await pictureBytes('png'))
    const asked = await post(api, '/api/media?filename=a.png', bytes, { 'content-type': 'text/plain' })
    expect(asked).toMatchObject({ status: 201, json: { mimetype: 'image/png', filename: 'a.png' } })
    const words = await post(api, '/api/media', 'a,b', { 'content-type': 'text/csv; charset=utf-8' })
    expect(words).toMatchObject({ status: 201, json: { mimetype: 'text/csv', filename: null, bytes: 3 } })
    const json = await post(api, '/api/media', '{}', { 'content-type': 'application/json' })
    expect(json).toMatchObject({ status: 201, json: { mimetype: 'application/json' } })
  })

  test('makes it ready for a type of message', async () => {
    const api = await createApi()
    const { json } = await post(api, '/api/media?type=sticker', formOf({ file: await picture() }))
    expect(json).toMatchObject({ mimetype: 'image/webp', width: 512, height: 512 })
    expect(await post(api, '/api/media?type=image', 'words')).toMatchObject({
      status: 422,
      json: { type: '/problems/media-invalid' },
    })
    expect((await post(api, '/api/media?type=poll', 'words')).status).toBe(400)
  })

  test('refuses what is too large, as soon as it is', async () => {
    const api = await createApi()
    let given = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 65_536
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    const answer = await api.request('POST', '/api/media', { body: endless, duplex: 'half' })
    expect(answer).toMatchObject({ status: 413, json: { type: '/problems/media-too-large' } })
    expect(given).toBeLessThan(8_000_000)
    const form = await post(api, '/api/media', formOf({ file: new File([new Uint8Array(2_100_000)], 'x') }))
    expect(form.status).toBe(413)
  })

  test.each<[string, () => Body, number, string]>([
    ['nothing', () => '', 422, 'the file is empty'],
    ['a form without a file', () => formOf({ to: 'x' }), 400, 'the form has no file'],
    [
      'a file under another name',
      () => formOf({ photo: new File(['x'], 'x') }),
      400,
      'in the field file, not in',
    ],
    [
      'two files',
      () => {
        const form = formOf({ file: new File(['x'], 'x') })
        form.append('file', new File(['y'], 'y'))
        return form
      },
      400,
      'one file',
    ],
    [
      'too long a field',
      () => formOf({ caption: 'x'.repeat(70_000), file: new File(['x'], 'x') }),
      400,
      '65536 bytes long',
    ],
    [
      'too many fields',
      () => formOf(Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`f${at}`, 'x']))),
      400,
      '16 fields',
    ],
  ])('refuses %s', async (_, body, status, detail) => {
    const api = await createApi()
    const answer = await post(api, '/api/media', body())
    expect(answer.status).toBe(status)
    expect((answer.json as { detail: string }).detail).toContain(detail)
  })

  test.each([
    ['without a boundary', 'multipart/form-data', 'x', 'boundary'],
    [
      'that breaks off',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
      'broke off',
    ],
    ['that is none', 'multipart/form-data; boundary=b', 'hello', 'broke off'],
  ])('refuses a form %s', async (_, type, body, detail) => {
    const api = await createApi()
    const answer = await post(api, '/api/media', body, { 'content-type': type })
    expect(answer).toMatchObject({ status: 400, json: { type: '/problems/invalid-form' } })
    expect((answer.json as { detail: string }).detail).toContain(detail)
  })

  test('refuses a body that breaks off', async () => {
    const api = await createApi()
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(10))
        controller.error(new Error('gone'))
      },
    })
    const answer = await api.request('POST', '/api/media', { body: broken, duplex: 'half' })
    expect(answer).toMatchObject({ status: 400, json: { type: '/problems/invalid-form' } })
  })
})

describe('POST /api/devices/{id}/send-media', () => {
  const path = '/api/devices/myphone/send-media'
  const sent = async (): Promise<Api> => {
    const api = await createApi()
    await linked(api)
    return api
  }

  test('answers as its users know it, with the fields in any order', async () => {
    const api = await createApi()
    await linked(api)
    const file = await picture()
    const orders = [
      { to: '15550001111', caption: 'A cat', file },
      { file, caption: 'A cat', to: '15550001111' },
    ]
    for (const fields of orders) {
      const { status, text, headers } = await post(api, path, formOf(fields), { prefer: 'respond-async' })
      expect(status).toBe(202)
      const { id } = JSON.parse(text) as { id: string }
      expect(text).toBe(
        `{"status":"queued","to":"15550001111@s.whatsapp.net","type":"image","filename":"cat.png","id":"${id}"}`,
      )
      expect(headers.get('location')).toBe(`/api/messages/${id}`)
    }
    const [message] = await messagesOf(api)
    expect(message?.body).toMatchObject({ type: 'image', caption: 'A cat', mimetype: 'image/png' })
  })

  test.each([
    ['an image', 'x.bin', async () => await pictureBytes('jpeg'), 'image'],
    ['a document', 'notes.txt', () => Promise.resolve(Buffer.from('words')), 'document'],
  ])('sends %s as what it is, whatever it is called', async (_, name, bytes, type) => {
    const api = await sent()
    const file = new File([new Uint8Array(await bytes())], name, { type: 'application/pdf' })
    const { json } = await post(api, path, formOf({ file, to: '15550001111', caption: '' }), {
      prefer: 'respond-async',
    })
    expect(json).toMatchObject({ type, filename: name })
    const [message] = await messagesOf(api)
    expect(message?.body).not.toHaveProperty('caption')
  })

  test('refuses a device that cannot send before it takes the file', async () => {
    const api = await createApi()
    let given = 0
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(given === 0 ? Buffer.from(head) : new Uint8Array(65_536))
        given += 65_536
      },
    })
    const answer = await api.request('POST', path, {
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: endless,
      duplex: 'half',
    })
    expect(answer).toMatchObject({ status: 404, json: { type: '/problems/device-not-found' } })
    expect(given).toBeLessThan(2_000_000)
  })

  test('refuses a form without a recipient, with an unknown field, and what is no form', async () => {
    const api = await sent()
    const file = await picture()
    expect(await post(api, path, formOf({ file }))).toMatchObject({
      status: 422,
      json: { type: '/problems/invalid-body' },
    })
    for (const name of ['text', '__proto__'])
      expect(await post(api, path, formOf({ file, to: '1', [name]: 'x' }))).toMatchObject({ status: 422 })
    expect(await post(api, path, formOf({ file, to: 'nobody' }))).toMatchObject({
      status: 422,
      json: { type: '/problems/invalid-recipient' },
    })
    expect(await api.post(path, { to: '15550001111' })).toMatchObject({ status: 415 })
    expect(await messagesOf(api)).toEqual([])
  })
})

describe('POST /api/devices/{id}/messages with a file in it', () => {
  const path = '/api/devices/myphone/messages'

  test('takes one of 17 MB in base64, and no more', async () => {
    const api = await createApi()
    await linked(api)
    const base64 = Buffer.alloc(1_900_000, 7).toString('base64')
    const body = { to: '15550001111', type: 'document', media: { base64 }, filename: 'big.bin' }
    expect(await api.post(path, body, { prefer: 'respond-async' })).toMatchObject({ status: 202 })
    const most = { ...body, media: { base64: 'A'.repeat(25_000_000) } }
    expect(await api.post(path, most)).toMatchObject({
      status: 413,
      json: { type: '/problems/media-too-large' },
    })
    const more = { ...body, media: { base64: 'A'.repeat(25_165_824) } }
    expect(await api.post(path, more)).toMatchObject({
      status: 413,
      json: { type: '/problems/body-too-large' },
    })
  })

  test.each([
    ['base64 that is none', { base64: 'no base64!' }, 422, 'invalid-body'],
    ['two sources', { base64: 'AAAA', url: 'https://example.com/' }, 422, 'invalid-body'],
    ['a URL of another scheme', { url: 'file:///etc/passwd' }, 422, 'invalid-body'],
    ['a private URL', { url: 'http://127.0.0.2/x.png' }, 422, 'media-url-refused'],
    ['a URL that nobody answers', { url: 'http://127.0.0.1:1/x.png' }, 422, 'media-fetch-failed'],
    ['a file that is not there', { uploadId: 'med_x' }, 422, 'invalid-reference'],
    ['what is no image', { base64: 'AAAA' }, 422, 'media-invalid'],
  ])('refuses %s', async (_, media, status, problem) => {
    const api = await createApi()
    await linked(api)
    const answer = await api.post(path, { to: '15550001111', type: 'image', media })
    expect(answer).toMatchObject({ status, json: { type: `/problems/${problem}` } })
  })

  test('says that ffmpeg is missing where it is needed', async () => {
    vi.stubEnv('PATH', '')
    onTestFinished(() => void vi.unstubAllEnvs())
    const api = await createApi()
    await linked(api)
    const base64 = (await pictureBytes('gif')).toString('base64')
    const answer = await api.post(path, { to: '15550001111', type: 'gif', media: { base64 } })
    expect(answer).toMatchObject({ status: 501, json: { type: '/problems/ffmpeg-missing' } })
  })
})
