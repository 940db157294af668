import { linked, type Api } from '../api.ts'
import { after, bodyCases, type Case, hello, id, of } from './frame.ts'

const received = async (api: Api): Promise<string> => {
  await linked(api)
  return (await api.connector.receive('myphone', 'hi')).id
}
const forward = (api: Api, message: string, headers: Record<string, string> = {}) =>
  api.post(`/api/messages/${message}/forward`, { to: ['1234567890', '1234567891'] }, headers)

export const forwardCases: readonly Case[] = [
  ...(['sent', 'failed'] as const).map((state) =>
    of('forwardMessage', state === 'sent' ? 200 : 502, async (api) => {
      const message = await received(api)
      const error = { code: 'nack_463', detail: 'no' }
      api.connector.keepSettling(
        'myphone',
        state === 'sent' ? { state, at: api.clock.now() } : { state, error },
      )
      return await forward(api, message)
    }),
  ),
  of('forwardMessage', 202, async (api) => forward(api, await received(api), { prefer: 'respond-async' })),
  of('forwardMessage', 404, (api) => forward(api, 'x')),
  of('forwardMessage', 409, async (api) => {
    const message = await received(api)
    await api.connector.see('myphone', { account: null })
    return await forward(api, message)
  }),
  ...bodyCases('forwardMessage', '/api/messages/x/forward', { to: [] }),
  of('getRawMessage', 200, async (api) => api.get(`/api/messages/${await received(api)}/raw`)),
  of(
    'getRawMessage',
    404,
    after(linked, async (api) => {
      const { json } = await api.post(
        `${id}/messages`,
        { ...hello, message: undefined, type: 'location', latitude: 1, longitude: 2 },
        { prefer: 'respond-async' },
      )
      return await api.get(`/api/messages/${(json as { id: string }).id}/raw`)
    }),
  ),
]
