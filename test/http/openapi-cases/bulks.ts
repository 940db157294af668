import { bulkBodyBytesMax } from '../../../src/http/body.ts'
import { linked, type Answer, type Api } from '../api.ts'
import { after, bodyCases, type Case, id, of } from './frame.ts'

const ask = { message: { type: 'text', text: 'hi' }, recipients: ['15550100001', 'nobody'] }
const key = { 'idempotency-key': 'k' }

const made = async (api: Api): Promise<string> => {
  await linked(api)
  const { json } = await api.post(`${id}/bulks`, ask)
  return `/api/bulks/${(json as { id: string }).id}`
}
const ofBulk =
  (verb: (api: Api, bulk: string) => Promise<Answer>): Case['ask'] =>
  async (api) =>
    verb(api, await made(api))

export const bulkCases: readonly Case[] = [
  of(
    'createBulk',
    200,
    after(linked, (api) => api.post(`${id}/bulks?dryRun=true`, ask)),
  ),
  of(
    'createBulk',
    201,
    after(linked, (api) => api.post(`${id}/bulks`, ask)),
  ),
  of('createBulk', 404, (api) => api.post(`${id}/bulks`, ask)),
  of(
    'createBulk',
    409,
    after(linked, async (api) => {
      await api.post(`${id}/bulks`, ask, key)
      return await api.post(`${id}/bulks`, { ...ask, name: 'another' }, key)
    }),
  ),
  of(
    'createBulk',
    410,
    after(linked, async (api) => {
      const { json } = await api.request('POST', '/api/media', { body: 'hello' })
      const { uploadId } = json as { uploadId: string }
      await api.store.media.remove(uploadId, api.ctx.origin, 0)
      return await api.post(`${id}/bulks`, { ...ask, message: { type: 'document', media: { uploadId } } })
    }),
  ),
  ...bodyCases('createBulk', `${id}/bulks`, { ...ask, recipients: [] }, bulkBodyBytesMax),
  of(
    'listBulks',
    200,
    after(made, (api) => api.get(`${id}/bulks`)),
  ),
  of('listBulks', 400, (api) => api.get(`${id}/bulks?limit=0`)),
  of('listBulks', 404, (api) => api.get(`${id}/bulks`)),
  of(
    'getBulk',
    200,
    ofBulk((api, bulk) => api.get(bulk)),
  ),
  of('getBulk', 404, (api) => api.get('/api/bulks/x')),
  of(
    'listRecipients',
    200,
    ofBulk((api, bulk) => api.get(`${bulk}/recipients`)),
  ),
  of('listRecipients', 400, (api) => api.get('/api/bulks/x/recipients?state=x')),
  of('listRecipients', 404, (api) => api.get('/api/bulks/x/recipients')),
  ...(['pause', 'resume', 'cancel'] as const).flatMap((verb) => [
    of(
      `${verb}Bulk`,
      200,
      ofBulk((api, bulk) => api.post(`${bulk}/${verb}`)),
    ),
    of(`${verb}Bulk`, 404, (api) => api.post(`/api/bulks/x/${verb}`)),
  ]),
  ...(['pause', 'resume'] as const).map((verb) =>
    of(
      `${verb}Bulk`,
      409,
      ofBulk(async (api, bulk) => {
        await api.post(`${bulk}/cancel`)
        return await api.post(`${bulk}/${verb}`)
      }),
    ),
  ),
  of(
    'cancelBulk',
    409,
    ofBulk(async (api, bulk) => {
      const seat = await api.connector.takeSeat()
      await api.store.bulks.feed(seat, api.ctx.origin, api.clock.now())
      await api.connector.ack('myphone')
      await api.store.bulks.feed(seat, api.ctx.origin, api.clock.now())
      return await api.post(`${bulk}/cancel`)
    }),
  ),
]
