import { bodyWithFileBytesMax } from '../../../src/http/body.ts'
import { linked, type Api } from '../api.ts'
import { after, bodyCases, type Case, hello, id, of, start } from './frame.ts'

const poll = { to: '1234567890', type: 'poll', question: 'Tea?', options: ['yes', 'no'] }

export const messageCases: readonly Case[] = [
  of(
    'sendMessage',
    200,
    after(linked, (api) => {
      api.connector.keepSettling('myphone', { state: 'sent', at: api.clock.now() })
      return api.post(`${id}/send`, hello)
    }),
  ),
  of(
    'sendMessage',
    202,
    after(linked, (api) => api.post(`${id}/send`, hello, { prefer: 'respond-async' })),
  ),
  of('sendMessage', 404, (api) => api.post(`${id}/send`, hello)),
  of(
    'sendMessage',
    409,
    after(start, (api) => api.post(`${id}/send`, hello)),
  ),
  ...bodyCases('sendMessage', `${id}/send`, { to: '1234567890' }),
  of(
    'sendMessage',
    502,
    after(linked, (api) => {
      api.connector.keepSettling('myphone', { state: 'failed', error: { code: 'nack_463', detail: 'no' } })
      return api.post(`${id}/send`, hello)
    }),
  ),
  ...(['sent', 'failed'] as const).map((state) =>
    of(
      'sendBody',
      state === 'sent' ? 200 : 502,
      after(linked, (api) => {
        const error = { code: 'nack_463', detail: 'no' }
        api.connector.keepSettling(
          'myphone',
          state === 'sent' ? { state, at: api.clock.now() } : { state, error },
        )
        return api.post(`${id}/messages`, poll)
      }),
    ),
  ),
  of(
    'sendBody',
    202,
    after(linked, (api) => api.post(`${id}/messages`, poll, { prefer: 'respond-async' })),
  ),
  of('sendBody', 404, (api) => api.post(`${id}/messages`, poll)),
  of(
    'sendBody',
    409,
    after(start, (api) => api.post(`${id}/messages`, poll)),
  ),
  ...bodyCases('sendBody', `${id}/messages`, { type: 'poll' }, bodyWithFileBytesMax),
  of(
    'sendBody',
    410,
    after(linked, async (api) => {
      const { json } = await api.request('POST', '/api/media', { body: 'hello' })
      const { uploadId } = json as { uploadId: string }
      await api.store.media.remove(uploadId, api.ctx.origin, 0)
      return await api.post(`${id}/messages`, { to: '1234567890', type: 'document', media: { uploadId } })
    }),
  ),
  of(
    'listMessages',
    200,
    after(
      async (api) => {
        await linked(api)
        await api.connector.receive('myphone', 'hi')
        await api.post(`${id}/send`, hello, { prefer: 'respond-async' })
      },
      (api) => api.get(`${id}/messages`),
    ),
  ),
  of('listMessages', 400, (api) => api.get(`${id}/messages?chatId=x`)),
  of('listMessages', 404, (api) => api.get(`${id}/messages`)),
  of(
    'getMessage',
    200,
    after(linked, async (api) =>
      api.get(`/api/messages/${(await api.connector.receive('myphone', 'hi')).id}`),
    ),
  ),
  of('getMessage', 404, (api) => api.get('/api/messages/x')),
  ...(
    [
      ['listChanges', 'changes'],
      ['listReceipts', 'receipts'],
    ] as const
  ).flatMap(([operation, path]) => [
    of(
      operation,
      200,
      after(linked, async (api) =>
        api.get(`/api/messages/${(await api.connector.receive('myphone', 'hi')).id}/${path}`),
      ),
    ),
    of(operation, 404, (api) => api.get(`/api/messages/x/${path}`)),
  ]),
  ...(['retry', 'cancel'] as const).flatMap((verb) => {
    const operation = `${verb}Message`
    const ask = (api: Api, message: string) => api.post(`/api/messages/${message}/${verb}`)
    return [
      of(
        operation,
        verb === 'retry' ? 202 : 200,
        after(linked, async (api) => {
          const { json } = await api.post(`${id}/send`, hello, { prefer: 'respond-async' })
          return await ask(api, (json as { id: string }).id)
        }),
      ),
      of(operation, 404, (api) => ask(api, 'x')),
      of(
        operation,
        409,
        after(linked, async (api) => ask(api, (await api.connector.receive('myphone', 'hi')).id)),
      ),
    ]
  }),
]
