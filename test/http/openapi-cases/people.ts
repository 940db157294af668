import { linked } from '../api.ts'
import { after, type Case, hello, id, of } from './frame.ts'

export const peopleCases: readonly Case[] = [
  of(
    'erasePerson',
    200,
    after(linked, async (api) => {
      await api.post(`${id}/send`, hello, { prefer: 'respond-async' })
      return await api.request('DELETE', `/api/people/${hello.to}`)
    }),
  ),
  of('erasePerson', 404, (api) => api.request('DELETE', `/api/people/${hello.to}`)),
  of(
    'erasePerson',
    409,
    after(linked, async (api) => {
      const own = (await api.store.devices.get('myphone'))?.device.account?.pn ?? ''
      return await api.request('DELETE', `/api/people/${own}`)
    }),
  ),
  of('erasePerson', 422, (api) => api.request('DELETE', '/api/people/somebody')),
]
