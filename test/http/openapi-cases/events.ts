import { once } from 'node:events'
import { WebSocket } from 'ws'
import { tailsMax } from '../../../src/control/event-feed.ts'
import type { Answer, Api } from '../api.ts'
import { createApi } from '../api.ts'
import { serveApi } from '../serve.ts'
import { after, type Case, of, start } from './frame.ts'

/** A log whose first events are not kept any more. */
const forgetful = (): Promise<Api> =>
  createApi({ store: (store) => ({ ...store, events: { ...store.events, floor: async () => 1_000 } }) })

const fill = async ({ ctx }: Api): Promise<void> => {
  for (let n = 0; n < tailsMax; n++) ctx.feed.open(0, {})
}

/** The first piece of an answer that has no end. */
const begin = async ({ app }: Api, path: string): Promise<Answer> => {
  const { status, headers, body } = await app.request(path)
  const reader = body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  await reader?.cancel()
  return { status, headers, text: new TextDecoder().decode(value), json: undefined }
}

/** Asks a real server for a WebSocket. */
const knock = async (api: Api, query = '', headers: Record<string, string> = {}): Promise<Answer> => {
  const { socketUrl } = await serveApi(api)
  const socket = new WebSocket(`${socketUrl}/api/events/ws${query}`, { headers })
  const opened = once(socket, 'upgrade').then(() => ({
    status: 101,
    headers: new Headers(),
    text: '',
    json: undefined,
  }))
  const refused = once(socket, 'unexpected-response').then(async ([, response]) => {
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
    const told = new Headers({ 'content-type': String(response.headers['content-type']) })
    return { status: Number(response.statusCode), headers: told, text, json: JSON.parse(text) as unknown }
  })
  try {
    return await Promise.race([opened, refused])
  } finally {
    opened.catch(() => undefined)
    refused.catch(() => undefined)
    socket.on('error', () => undefined)
    socket.terminate()
  }
}

export const eventCases: readonly Case[] = [
  of(
    'listEvents',
    200,
    after(start, (api) => api.get('/api/events')),
  ),
  of('listEvents', 400, (api) => api.get('/api/events?types=message.exploded')),
  of('listEvents', 410, async () => (await forgetful()).get('/api/events?after=3')),
  of(
    'listEvents',
    503,
    after(fill, (api) => api.get('/api/events?wait=60')),
  ),
  of(
    'streamEvents',
    200,
    after(start, (api) => begin(api, '/api/events/stream')),
  ),
  of('streamEvents', 400, (api) => api.get('/api/events/stream?after=never')),
  of('streamEvents', 410, async () => (await forgetful()).get('/api/events/stream?after=3')),
  of(
    'streamEvents',
    503,
    after(fill, (api) => api.get('/api/events/stream')),
  ),
  of('openEventSocket', 101, (api) => knock(api)),
  of('openEventSocket', 400, (api) => knock(api, '?after=never')),
  of('openEventSocket', 403, (api) => knock(api, '', { origin: 'https://example.com' })),
  of('openEventSocket', 410, async () => knock(await forgetful(), '?after=3')),
  of('openEventSocket', 426, (api) => api.get('/api/events/ws')),
  of(
    'openEventSocket',
    503,
    after(fill, (api) => knock(api)),
  ),
]
