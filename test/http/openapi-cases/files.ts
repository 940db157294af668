import { enqueue, origin } from '../../store/conformance/fixtures.ts'
import { linked, type Api } from '../api.ts'
import { receive, upload } from '../file-world.ts'
import { after, type Case, of } from './frame.ts'

const got = (api: Api, headers: Record<string, string> = {}) => api.get('/api/media/med_1', headers)
const error = { code: 'media_gone', detail: 'gone' }

/** A message with a file that is here. */
const kept = async (api: Api): Promise<string> => {
  const sha256 = await upload(api, { id: 'med_other' })
  const message = await receive(api, 0, Buffer.from('small'))
  const stored = { state: 'stored', sha256, bytes: 1_000 } as const
  await api.store.media.fetched(await api.connector.ofDevice('myphone'), 'med_in', stored, origin, 1)
  return message
}

export const fileCases: readonly Case[] = [
  of(
    'getMedia',
    200,
    after(upload, (api) => got(api)),
  ),
  of(
    'getMedia',
    206,
    after(upload, (api) => got(api, { range: 'bytes=0-1' })),
  ),
  of(
    'getMedia',
    304,
    after(upload, (api) => got(api, { 'if-none-match': '*' })),
  ),
  of(
    'getMedia',
    416,
    after(upload, (api) => got(api, { range: 'bytes=5000-' })),
  ),
  of('getMedia', 404, (api) => got(api)),
  of(
    'getMedia',
    409,
    after(receive, (api) => api.get('/api/media/med_in')),
  ),
  of('getMedia', 410, async (api) => {
    await upload(api)
    await api.request('DELETE', '/api/media/med_1')
    return await got(api)
  }),
  of('getMessageMedia', 200, async (api) => api.get(`${await kept(api)}/media`)),
  of('getMessageMedia', 206, async (api) => api.get(`${await kept(api)}/media`, { range: 'bytes=0-1' })),
  of('getMessageMedia', 304, async (api) => api.get(`${await kept(api)}/media`, { 'if-none-match': '*' })),
  of('getMessageMedia', 416, async (api) => api.get(`${await kept(api)}/media`, { range: 'bytes=5000-' })),
  of('getMessageMedia', 404, (api) => api.get('/api/messages/x/media')),
  of('getMessageMedia', 409, async (api) => {
    const message = await receive(api, 0)
    const failed = { state: 'failed', error } as const
    await api.store.media.fetched(await api.connector.ofDevice('myphone'), 'med_in', failed, origin, 1)
    return await api.get(`${message}/media`)
  }),
  of('getMessageMedia', 410, async (api) => {
    const message = await kept(api)
    await api.request('DELETE', '/api/media/med_in')
    return await api.get(`${message}/media`)
  }),
  of('fetchMessageMedia', 200, async (api) => api.post(`${await kept(api)}/media/retry`)),
  of('fetchMessageMedia', 202, async (api) => api.post(`${await receive(api)}/media/retry`)),
  of('fetchMessageMedia', 404, (api) => api.post('/api/messages/x/media/retry')),
  of('fetchMessageMedia', 410, async (api) => {
    await linked(api)
    await upload(api)
    const body = { type: 'image', media: { uploadId: 'med_1' } } as const
    await enqueue(api.store, 'OUT1', { deviceId: 'myphone', type: 'image', body })
    await api.request('DELETE', '/api/media/med_1')
    return await api.post('/api/messages/OUT1/media/retry')
  }),
  of('getMessageThumbnail', 200, async (api) => api.get(`${await kept(api)}/thumbnail`)),
  of('getMessageThumbnail', 404, async (api) => api.get(`${await receive(api)}/thumbnail`)),
  of(
    'removeMedia',
    200,
    after(upload, (api) => api.request('DELETE', '/api/media/med_1')),
  ),
  of('removeMedia', 404, (api) => api.request('DELETE', '/api/media/med_1')),
  of('removeMedia', 409, async (api) => {
    await linked(api)
    await upload(api)
    await enqueue(api.store, 'OUT1', {
      deviceId: 'myphone',
      type: 'image',
      body: { type: 'image', media: { uploadId: 'med_1' } },
      content: null as never,
    })
    return await api.request('DELETE', '/api/media/med_1')
  }),
]
