import { describe, expect, it } from 'vitest'
import { putBytes } from '../media/memory-blobs.ts'
import { enqueue, origin } from '../store/conformance/fixtures.ts'
import { createApi, linked, type Api } from './api.ts'
import { bytes, receive, upload } from './file-world.ts'

const hour = 60 * 60 * 1_000

const ask = async (api: Api, path: string, headers: Record<string, string> = {}, method = 'GET') => {
  const response = await api.app.request(path, { method, headers })
  return {
    status: response.status,
    headers: response.headers,
    body: Buffer.from(await response.arrayBuffer()),
  }
}

describe('a file', () => {
  it('is answered whole, with what is known of it, and as nothing that runs', async () => {
    const api = await createApi()
    const sha256 = await upload(api, { mimetype: 'text/html', filename: 'ä.html' })
    const { status, headers, body } = await ask(api, '/api/media/med_1')
    expect(status).toBe(200)
    expect(body.equals(bytes)).toBe(true)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html',
      'content-length': '1000',
      'content-disposition': `attachment; filename="_.html"; filename*=UTF-8''%C3%A4.html`,
      etag: `"${sha256}"`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': 'private, no-cache',
    })
  })

  it('is answered in parts', async () => {
    const api = await createApi()
    const sha256 = await upload(api)
    const part = await ask(api, '/api/media/med_1', { range: 'bytes=10-19', 'if-range': `"${sha256}"` })
    expect(part.status).toBe(206)
    expect(part.body.equals(bytes.subarray(10, 20))).toBe(true)
    expect(part.headers.get('content-range')).toBe('bytes 10-19/1000')
    expect(part.headers.get('content-length')).toBe('10')
    const none = await api.get('/api/media/med_1', { range: 'bytes=1000-' })
    expect(none.status).toBe(416)
    expect(none.headers.get('content-range')).toBe('bytes */1000')
    expect(none.json).toMatchObject({ error: 'the file has 1000 bytes' })
    expect((await ask(api, '/api/media/med_1', { range: 'bytes=10-19', 'if-range': '"x"' })).status).toBe(200)
  })

  it('is not answered to whom has it', async () => {
    const api = await createApi()
    const sha256 = await upload(api)
    const known = await ask(api, '/api/media/med_1', { 'if-none-match': `"${sha256}"` })
    expect([known.status, known.body.length, known.headers.get('etag')]).toEqual([304, 0, `"${sha256}"`])
  })

  it('is told of by HEAD', async () => {
    const api = await createApi()
    await upload(api)
    const head = await ask(api, '/api/media/med_1', {}, 'HEAD')
    expect([head.status, head.body.length, head.headers.get('content-length')]).toEqual([200, 0, '1000'])
    const part = await ask(api, '/api/media/med_1', { range: 'bytes=0-1' }, 'HEAD')
    expect([part.status, part.headers.get('content-length')]).toEqual([206, '2'])
  })

  it('of a type that no header can hold has none that a browser knows', async () => {
    const api = await createApi()
    await upload(api, { mimetype: 'text/html\r\nSet-Cookie: a=b' })
    expect((await ask(api, '/api/media/med_1')).headers.get('content-type')).toBe('application/octet-stream')
  })

  it('that is nowhere is not found, and neither is that of a text', async () => {
    const api = await createApi()
    await linked(api)
    const { id } = await api.connector.receive('myphone', 'hi')
    for (const path of ['/api/media/med_9', `/api/messages/${id}/media`, `/api/messages/${id}/thumbnail`]) {
      expect((await api.get(path)).json).toMatchObject({ status: 404, type: '/problems/media-not-found' })
    }
    expect((await api.get('/api/messages/nothing/media')).json).toMatchObject({
      type: '/problems/message-not-found',
    })
  })
})

describe('the file of a message', () => {
  it('is asked for, waited for, and there', async () => {
    const api = await createApi()
    const message = await receive(api)
    const idle = await api.get(`${message}/media`)
    expect([idle.status, idle.headers.get('retry-after')]).toEqual([409, '2'])
    expect(idle.json).toMatchObject({
      type: '/problems/media-waiting',
      error: expect.stringContaining('/media/retry has it fetched'),
    })

    const asked = await api.post(`${message}/media/retry`)
    expect([asked.status, asked.json]).toMatchObject([
      202,
      { uploadId: 'med_in', state: 'waiting', messageId: 'msg_file' },
    ])
    expect((await api.get(`${message}/media`)).json).toMatchObject({
      error: 'the file is being fetched from WhatsApp',
    })

    const sha256 = await putBytes(api.ctx.blobs, bytes)
    const lease = await api.connector.ofDevice('myphone')
    await api.store.media.fetched(
      lease,
      'med_in',
      { state: 'stored', sha256, bytes: bytes.length },
      origin,
      api.clock.now(),
    )
    expect((await ask(api, `${message}/media`)).body.equals(bytes)).toBe(true)
    expect(await api.post(`${message}/media/retry`)).toMatchObject({ status: 200, json: { state: 'stored' } })
  })

  it('says why it could not be fetched, and is asked for again', async () => {
    const api = await createApi()
    const message = await receive(api, 0)
    const error = { code: 'media_gone', detail: 'the phone has the file no more' }
    await api.store.media.fetched(
      await api.connector.ofDevice('myphone'),
      'med_in',
      { state: 'failed', error },
      origin,
      1,
    )
    expect((await api.get(`${message}/media`)).json).toMatchObject({
      status: 409,
      type: '/problems/media-failed',
      error: expect.stringContaining('the phone has the file no more'),
    })
    expect((await api.post(`${message}/media/retry`)).status).toBe(202)
  })

  it('is fetched again when its bytes are lost here', async () => {
    const api = await createApi()
    const message = await receive(api, 0)
    const stored = { state: 'stored', sha256: 'ab'.repeat(32), bytes: 5 } as const
    await api.store.media.fetched(await api.connector.ofDevice('myphone'), 'med_in', stored, origin, 1)
    expect((await api.get(`${message}/media`)).json).toMatchObject({
      status: 410,
      error: expect.stringContaining('lost'),
    })
    expect(await api.post(`${message}/media/retry`)).toMatchObject({
      status: 202,
      json: { state: 'waiting' },
    })
  })

  it('has a small picture before it is here itself', async () => {
    const api = await createApi()
    const message = await receive(api, null, Buffer.from('small'))
    const { headers, body } = await ask(api, `${message}/thumbnail`)
    expect([headers.get('content-type'), body.toString()]).toEqual(['image/jpeg', 'small'])
  })
})

describe('removing a file', () => {
  it('takes its bytes when they are old enough, and says so ever after', async () => {
    const api = await createApi()
    const sha256 = await upload(api)
    // The bytes were put by the wall clock of the machine.
    api.clock.wallMs = Date.now() + hour
    expect(await api.request('DELETE', '/api/media/med_1')).toMatchObject({
      status: 200,
      json: { state: 'removed' },
    })
    expect(await api.ctx.blobs.size(sha256)).toBeUndefined()
    expect((await api.get('/api/media/med_1')).json).toMatchObject({
      status: 410,
      type: '/problems/media-removed',
    })
    expect((await api.request('DELETE', '/api/media/med_1')).status).toBe(200)
    expect((await api.request('DELETE', '/api/media/med_2')).status).toBe(404)
  })

  it('leaves bytes that another file has', async () => {
    const api = await createApi()
    const sha256 = await upload(api)
    await upload(api, { id: 'med_2' })
    api.clock.wallMs = Date.now() + hour
    await api.request('DELETE', '/api/media/med_1')
    expect(await api.ctx.blobs.size(sha256)).toBe(1_000)
    expect((await ask(api, '/api/media/med_2')).status).toBe(200)
  })

  it('is refused while a message needs it that is not sent yet', async () => {
    const api = await createApi()
    await linked(api)
    await upload(api)
    await enqueue(api.store, 'OUT1', {
      deviceId: 'myphone',
      type: 'image',
      body: { type: 'image', media: { uploadId: 'med_1' } },
      content: null as never,
    })
    expect((await api.request('DELETE', '/api/media/med_1')).json).toMatchObject({
      status: 409,
      type: '/problems/media-in-use',
    })
  })
})
