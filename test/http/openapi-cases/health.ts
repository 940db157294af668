import { StoreError } from '../../../src/store/store.ts'
import { createApi } from '../api.ts'
import { after, type Case, of } from './frame.ts'

export const healthCases: readonly Case[] = [
  of('getHealth', 200, (api) => api.get('/healthz')),
  of(
    'getReadiness',
    200,
    after(
      (api) => api.connector.takeSeat(),
      (api) => api.get('/readyz'),
    ),
  ),
  of('getReadiness', 503, async () => {
    const api = await createApi({
      store: (store) => ({ ...store, probe: () => Promise.reject(new StoreError('busy', 'busy')) }),
    })
    return await api.get('/readyz')
  }),
]
