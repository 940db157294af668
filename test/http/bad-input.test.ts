import { beforeEach, describe, expect, test } from 'vitest'
import { bodyBytesMax } from '../../src/http/body.ts'
import { createApi, linked, type Answer, type Api } from './api.ts'

let api: Api
beforeEach(async () => {
  api = await createApi()
  await linked(api)
})

const send = '/api/devices/myphone/send'
const json = { 'content-type': 'application/json' }
const async202 = { prefer: 'respond-async' }

const postRaw = (
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Record<string, string> = json,
  path = send,
): Promise<Answer> => api.request('POST', path, { headers: { ...async202, ...headers }, body })

const isProblem = ({ status, headers, json: body }: Answer, name: string): void => {
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(body).toMatchObject({ type: `/problems/${name}`, status })
}

describe('a body', () => {
  test.each([
    ['empty', ''],
    ['cut off', '{"to":"1234567890","mess'],
    ['with a comma too many', '{"to":"1234567890","message":"hi",}'],
    ['in single quotes', "{'to':'1234567890'}"],
    ['of words', 'hello'],
    ['of a form', 'to=1234567890&message=hi'],
    ['NaN', 'NaN'],
    ['of NUL bytes', '\0\0\0'],
    ['with a raw NUL in a text', '{"to":"1234567890","message":"a\0b"}'],
    ['a million brackets deep and never closed', '['.repeat(1_000_000)],
  ])('%s is 400', async (_, body) => {
    const answer = await postRaw(body)
    expect(answer.status).toBe(400)
    isProblem(answer, 'invalid-json')
  })

  test.each(['buttons', 'list', 'interactive', 'template', 'carousel'])(
    'of the type %s, which phones do not show, is told what to send instead',
    async (type) => {
      const answer = await postRaw(
        JSON.stringify({ to: '1234567890', type }),
        json,
        '/api/devices/myphone/messages',
      )
      isProblem(answer, 'invalid-body')
      expect(answer.json).toMatchObject({ status: 422, error: expect.stringContaining('poll') })
    },
  )

  test('that is no UTF-8 is 400', async () => {
    const answer = await postRaw(Uint8Array.from([0x22, 0xff, 0xfe, 0x22]))
    expect(answer.status).toBe(400)
    isProblem(answer, 'invalid-json')
  })

  test.each([
    ['null', 'object'],
    ['[]', 'object'],
    ['"text"', 'object'],
    ['42', 'object'],
    ['{}', 'to'],
    ['{"to":"1234567890"}', 'message'],
    ['{"to":1234567890,"message":"hi"}', 'to'],
    ['{"to":"1234567890","message":null}', 'message'],
    ['{"to":"1234567890","message":["hi"]}', 'message'],
    ['{"to":{"toString":"x"},"message":"hi"}', 'to'],
    [`{"to":"1234567890","message":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'message'],
  ])('with the wrong shape is 422 and says where: %.60s', async (body, where) => {
    const answer = await postRaw(body)
    expect(answer.status).toBe(422)
    isProblem(answer, 'invalid-body')
    expect(answer.json).toMatchObject({ error: expect.stringContaining(where) })
  })

  test('with unknown members is 422, names them and those that it may have', async () => {
    const answer = await api.post(send, { to: '1234567890', message: 'hi', text: 'hi', __proto: 1 }, async202)
    expect(answer.status).toBe(422)
    expect(answer.json).toMatchObject({ error: 'unknown: "text", "__proto" (known: to, message)' })
  })

  test('with a member of a hundred thousand characters is refused in few', async () => {
    const { status, text } = await api.post(send, { to: '1', message: 'hi', ['x\ud83d'.repeat(50_000)]: 1 })
    expect(status).toBe(422)
    expect(text.length).toBeLessThan(2_000)
  })

  test.each([
    ['start', { webhooks: [] }],
    ['stop', { webhook: { url: 'http://127.0.0.1/' } }],
    ['restart', { webhook: { url: 'http://127.0.0.1/' } }],
  ])('of %s need not be there, and may not say %j', async (verb, body) => {
    const path = `/api/devices/myphone/${verb}`
    expect((await api.post(path, body)).status).toBe(422)
    expect((await postRaw('{', json, path)).status).toBe(400)
    expect((await api.post(path)).status).toBe(200)
  })
})

describe('a content type', () => {
  const hello = '{"to":"1234567890","message":"hi"}'
  const bytes = new TextEncoder().encode(hello)

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/json; profile=x',
  ])('of %s is taken', async (type) => {
    expect((await postRaw(hello, { 'content-type': type })).status).toBe(202)
  })

  test('may be missing', async () => {
    expect((await postRaw(bytes, {})).status).toBe(202)
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/jsonp',
    'nonsense',
  ])('of %s is 415 and says what to send', async (type) => {
    const answer = await postRaw(hello, { 'content-type': type })
    expect(answer.status).toBe(415)
    isProblem(answer, 'unsupported-media-type')
    expect(answer.json).toMatchObject({ error: expect.stringContaining('Content-Type: application/json') })
  })

  test('does not matter where there is no body', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await postRaw(null, headers, '/api/devices/myphone/start')).status).toBe(200)
  })
})

describe('the size of a body', () => {
  /** A request of exactly so many bytes. */
  const sized = (bytes: number): string => {
    const frame = '{"to":"1234567890","message":""}'
    return `${frame.slice(0, -2)}${'x'.repeat(bytes - frame.length)}"}`
  }

  test('may be 1 MiB: then the text is what is too long', async () => {
    const answer = await postRaw(sized(bodyBytesMax))
    isProblem(answer, 'invalid-text')
  })

  test('of 1 MiB and a byte is 413, with and without its length said', async () => {
    const body = sized(bodyBytesMax + 1)
    for (const headers of [json, { ...json, 'content-length': String(body.length) }]) {
      const answer = await postRaw(body, headers)
      expect(answer.status).toBe(413)
      isProblem(answer, 'body-too-large')
    }
  })

  test('is 413 for a stream as soon as it is too long, and the rest is not read', async () => {
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++
        controller.enqueue(new Uint8Array(65_536).fill(0x20))
      },
    })
    const init = { method: 'POST', headers: json, body: endless, duplex: 'half' } as RequestInit
    expect((await api.app.request(send, init)).status).toBe(413)
    expect(pulled).toBeLessThan(32)
  })

  test('counts where the body says nothing too', async () => {
    expect((await postRaw(sized(bodyBytesMax + 1), json, '/api/devices/myphone/start')).status).toBe(413)
  })
})

describe('a device id', () => {
  test.each([
    ['a%2Fb', 400],
    ['..%2F..%2Fetc', 400],
    ['%2e%2e', 404],
    ['caf%C3%A9', 400],
    ['%F0%9F%93%B1', 400],
    ['%00', 400],
    ['a%0Ab', 400],
    ['a%20b', 400],
    ["a'--", 400],
    ['%E0%A4%A', 400],
    ['%ED%A0%80', 400],
    ['a.b', 400],
    ['x'.repeat(65), 400],
    ['x'.repeat(100_000), 400],
    ['a/b', 404],
    ['', 404],
    ['x'.repeat(64), 200],
    ['A-z_0', 200],
  ])('%.40s is %i', async (id, expected) => {
    const answer = await api.post(`/api/devices/${id}/start`)
    expect(answer.status).toBe(expected)
    if (expected === 200) return
    isProblem(answer, expected === 400 ? 'invalid-device-id' : 'route-not-found')
    if (expected === 400) {
      expect(answer.json).toMatchObject({
        error: 'a device id is 1 to 64 characters out of A-Z, a-z, 0-9, _ and -',
      })
    }
  })

  test('that is wrong is 400 on every route', async () => {
    const wrong = '/api/devices/a%2Fb'
    for (const path of ['', '/status', '/history', '/qr', '/messages']) {
      isProblem(await api.get(wrong + path), 'invalid-device-id')
    }
    for (const path of ['/start', '/stop', '/restart'])
      isProblem(await api.post(wrong + path), 'invalid-device-id')
    isProblem(await api.post(`${wrong}/send`, { to: '1234567890', message: 'hi' }), 'invalid-device-id')
    isProblem(await api.post(`${wrong}/pairing-code`, { phone: '1234567890' }), 'invalid-device-id')
    isProblem(await api.request('DELETE', wrong), 'invalid-device-id')
  })
})

describe('a path', () => {
  test.each(['/api', '/api/nothing', '/api/devices/a/b/c', '/', '/favicon.ico', '/api/%E0%A4%A'])(
    '%s that is no route is a JSON 404',
    async (path) => {
      const answer = await api.get(path)
      expect(answer.status).toBe(404)
      isProblem(answer, 'route-not-found')
      expect(answer.json).toMatchObject({ instance: path })
    },
  )

  test('may end with a slash', async () => {
    expect((await api.get('/api/devices/')).status).toBe(200)
  })

  test.each([
    ['GET', '/api/devices/myphone/start', 'POST'],
    ['PUT', '/api/devices/myphone/send', 'POST'],
    ['POST', '/api/devices', 'GET, HEAD'],
    ['PATCH', '/api/devices/myphone', 'GET, HEAD, DELETE'],
    ['DELETE', '/healthz', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['OPTIONS', '/api/messages/x', 'GET, HEAD, PATCH, DELETE'],
  ])('%s %s is 405 and allows %s', async (method, path, allow) => {
    const answer = await api.request(method, path)
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allow)
    isProblem(answer, 'method-not-allowed')
  })

  test('answers HEAD like GET without the body', async () => {
    const answer = await api.request('HEAD', '/api/devices/myphone/status')
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('')
  })
})
