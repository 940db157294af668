import { impatient } from '../../control/world.ts'
import { createApi, linked, type Answer, type Api } from '../api.ts'
import { after, bodyCases, type Case, id, of, start } from './frame.ts'

const bad = '/api/devices/a%2Fb'
const phone = { phone: '49151234567' }

const pairing = async (api: Api, error: string | null): Promise<Answer> => {
  await start(api)
  const asking = api.post(`${id}/pairing-code`, phone)
  const code = error === null ? 'ABCD1234' : null
  await api.connector.see('myphone', { pairingCode: { ...phone, requestedAt: 1, code, error } })
  return await asking
}

export const deviceCases: readonly Case[] = [
  of('startDevice', 200, (api) => api.post(`${id}/start`)),
  ...bodyCases('startDevice', `${id}/start`, { x: 1 }),
  ...(['stop', 'restart'] as const).flatMap((verb) => [
    of(
      `${verb}Device`,
      200,
      after(start, (api) => api.post(`${id}/${verb}`)),
    ),
    of(`${verb}Device`, 404, (api) => api.post(`${id}/${verb}`)),
    ...bodyCases(`${verb}Device`, `${id}/${verb}`, { x: 1 }),
  ]),
  of(
    'getStatus',
    200,
    after(
      async (api) => {
        await start(api)
        await api.connector.showQr('myphone')
      },
      (api) => api.get(`${id}/status`),
    ),
  ),
  of('getStatus', 400, (api) => api.get(`${bad}/status`)),
  of('getStatus', 404, (api) => api.get(`${id}/status`)),
  of(
    'listDevices',
    200,
    after(start, (api) => api.get('/api/devices')),
  ),
  of(
    'getDevice',
    200,
    after(linked, (api) => api.get(id)),
  ),
  of('getDevice', 400, (api) => api.get(bad)),
  of('getDevice', 404, (api) => api.get(id)),
  of(
    'removeDevice',
    200,
    after(start, (api) => api.request('DELETE', id)),
  ),
  of('removeDevice', 400, (api) => api.request('DELETE', bad)),
  of('removeDevice', 404, (api) => api.request('DELETE', id)),
  of(
    'getHistory',
    200,
    after(linked, (api) => api.get(`${id}/history?limit=1`)),
  ),
  of('getHistory', 400, (api) => api.get(`${id}/history?limit=0`)),
  of('getHistory', 404, (api) => api.get(`${id}/history`)),
  of('getQr', 400, (api) => api.get(`${id}/qr?format=gif`)),
  of('getQr', 404, (api) => api.get(`${id}/qr`)),
  of(
    'getQr',
    409,
    after(linked, (api) => api.get(`${id}/qr`)),
  ),
  of(
    'getQr',
    200,
    after(
      async (api) => {
        await start(api)
        await api.connector.showQr('myphone')
      },
      (api) => api.get(`${id}/qr?format=svg`),
    ),
  ),
  of('requestPairingCode', 200, (api) => pairing(api, null)),
  of('requestPairingCode', 409, (api) => pairing(api, 'no')),
  of(
    'requestPairingCode',
    409,
    after(linked, (api) => api.post(`${id}/pairing-code`, phone)),
  ),
  of('requestPairingCode', 404, (api) => api.post(`${id}/pairing-code`, phone)),
  ...bodyCases('requestPairingCode', `${id}/pairing-code`, { phone: '12' }),
  of('requestPairingCode', 504, async () => {
    const api = await createApi({ waits: impatient })
    await start(api)
    return await api.post(`${id}/pairing-code`, phone)
  }),
]
