import { linked } from '../api.ts'
import { after, type Case, id, of } from './frame.ts'

export const searchCases: readonly Case[] = [
  { operation: 'search', path: '/api/search', nobody: '/api/search?q=hi&device=nobody' },
  { operation: 'searchDevice', path: `${id}/search`, nobody: '/api/devices/nobody/search?q=hi' },
].flatMap(({ operation, path, nobody }) => [
  of(
    operation,
    200,
    after(
      async (api) => {
        await linked(api)
        await api.connector.receive('myphone', 'hi there')
      },
      (api) => api.get(`${path}?q=hi`),
    ),
  ),
  of(
    operation,
    400,
    after(linked, (api) => api.get(path)),
  ),
  of(operation, 404, (api) => api.get(nobody)),
])
