import { linked, type Api, type Answer } from '../api.ts'
import { after, bodyCases, type Case, hello, id, of } from './frame.ts'

const json = { 'content-type': 'application/json' }
const put = (api: Api, body: unknown): Promise<Answer> =>
  api.request('PUT', `${id}/pacing`, { headers: json, body: JSON.stringify(body) })
const patch = (api: Api, message: string, body: unknown): Promise<Answer> =>
  api.request('PATCH', `/api/messages/${message}`, { headers: json, body: JSON.stringify(body) })

const text = { to: '1234567890', type: 'text', text: 'hi' }

const scheduled = async (api: Api): Promise<string> => {
  await linked(api)
  const sendAt = new Date(api.clock.now() + 60_000).toISOString()
  const { json: answer } = await api.post(`${id}/messages`, { ...text, sendAt })
  return (answer as { id: string }).id
}

export const outboxCases: readonly Case[] = [
  of('sendMessage', 200, async (api) => {
    await linked(api)
    return await api.post(`${id}/send?dryRun=true`, hello)
  }),
  of('sendBody', 200, async (api) => {
    await linked(api)
    return await api.post(`${id}/messages?dryRun=true`, { ...text, simulateTyping: true })
  }),
  of('sendBody', 202, async (api) => {
    await linked(api)
    const sendAt = new Date(api.clock.now() + 60_000).toISOString()
    return await api.post(`${id}/messages`, { ...text, sendAt })
  }),
  of('sendBody', 422, async (api) => {
    await linked(api)
    return await api.post(`${id}/messages`, { ...text, expiresAt: '2001-01-01T00:00:00Z' })
  }),
  of('getMessage', 200, async (api) => api.get(`/api/messages/${await scheduled(api)}`)),
  of(
    'listScheduled',
    200,
    after(scheduled, (api) => api.get(`${id}/scheduled`)),
  ),
  of('listScheduled', 400, (api) => api.get(`${id}/scheduled?limit=0`)),
  of('listScheduled', 404, (api) => api.get(`${id}/scheduled`)),
  of('changeMessage', 200, async (api) =>
    patch(api, await scheduled(api), { sendAt: null, body: { type: 'text', text: 'new' } }),
  ),
  of('changeMessage', 404, (api) => patch(api, 'x', { sendAt: null })),
  of(
    'changeMessage',
    409,
    after(linked, async (api) => {
      const { json: sent } = await api.post(`${id}/send`, hello, { prefer: 'respond-async' })
      return await patch(api, (sent as { id: string }).id, { sendAt: null })
    }),
  ),
  ...bodyCases('changeMessage', '/api/messages/x', { x: 1 }, undefined, 'PATCH'),
  of(
    'getPacing',
    200,
    after(linked, (api) => api.get(`${id}/pacing`)),
  ),
  of('getPacing', 400, (api) => api.get('/api/devices/a%2Fb/pacing')),
  of('getPacing', 404, (api) => api.get(`${id}/pacing`)),
  of(
    'putPacing',
    200,
    after(linked, (api) => put(api, { preset: 'careful', messagesPerDay: 5 })),
  ),
  of('putPacing', 404, (api) => put(api, { preset: 'off' })),
  of(
    'putPacing',
    422,
    after(linked, (api) =>
      put(api, { quietHours: { from: '22:00', to: '07:00', timeZone: 'Mars/Olympus' } }),
    ),
  ),
  ...bodyCases('putPacing', `${id}/pacing`, { preset: 'x' }, undefined, 'PUT'),
]
