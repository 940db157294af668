import { linked } from '../api.ts'
import { after, type Case, id, of } from './frame.ts'

export const exportCases: readonly Case[] = [
  ...['text', 'jsonl'].map((format) =>
    of(
      'exportChat',
      200,
      after(
        async (api) => {
          await linked(api)
          await api.connector.receive('myphone', 'hi there')
        },
        async (api) => ({
          ...(await api.get(`${id}/export?chat=15550001111&format=${format}`)),
          json: undefined,
        }),
      ),
    ),
  ),
  of(
    'exportChat',
    400,
    after(linked, (api) => api.get(`${id}/export`)),
  ),
  of('exportChat', 404, (api) => api.get(`${id}/export?chat=15550001111`)),
]
