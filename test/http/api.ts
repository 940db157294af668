/** The HTTP API on a gateway in memory: what the tests of this folder share. */
import { createApp } from '../../src/http/app.ts'
import { createEventFeed, type StreamTimes } from '../../src/control/event-feed.ts'
import type { ControlContext, Waits } from '../../src/control/context.ts'
import type { Log } from '../../src/runtime/log.ts'
import type { Store } from '../../src/store/store.ts'
import { createWorld, type World } from '../control/world.ts'

interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

const recordingLog = (lines: LogLine[]): Log => {
  const write =
    (level: LogLine['level']): Log['info'] =>
    (fields, message) =>
      void lines.push({ level, fields, message })
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => recordingLog(lines),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The body as it was written. */
  readonly text: string
  /** The body's JSON, or undefined when it is none. */
  readonly json: unknown
}

const answerOf = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  const isJson = /^application\/(?:[a-z]+\+)?json(?:;|$)/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

export interface Api extends World {
  readonly lines: LogLine[]
  readonly app: ReturnType<typeof createApp>
  readonly request: (method: string, path: string, init?: Omit<RequestInit, 'method'>) => Promise<Answer>
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>
  /** Posts a value as JSON, or nothing at all. */
  readonly post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
}

/** `store` may stand before the world's own, to fail where a test wants it. */
export const createApi = async ({
  waits,
  store: wrap = (store) => store,
  times,
  webhookUrlProblem,
}: {
  waits?: Waits
  store?: (store: Store) => Store
  times?: StreamTimes
  webhookUrlProblem?: NonNullable<ControlContext['webhookUrlProblem']>
} = {}): Promise<Api> => {
  const world = await createWorld(waits)
  const lines: LogLine[] = []
  const store = wrap(world.store)
  const feed = createEventFeed({
    store,
    follower: world.follower,
    clock: world.clock,
    ...(times === undefined ? {} : { times }),
  })
  const ctx: ControlContext = {
    ...world.ctx,
    store,
    feed,
    ...(webhookUrlProblem === undefined ? {} : { webhookUrlProblem }),
  }
  const { origin: _, ...control } = ctx
  const app = createApp({ control, log: recordingLog(lines), version: '0.0.0-test' })
  const request: Api['request'] = async (method, path, init = {}) =>
    await answerOf(await app.request(path, { ...init, method }))
  return {
    ...world,
    ctx,
    app,
    lines,
    request,
    get: (path, headers = {}) => request('GET', path, { headers }),
    post: (path, body, headers = {}) =>
      request(
        'POST',
        path,
        body === undefined
          ? { headers }
          : { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) },
      ),
  }
}

/** Starts a device and links it, in the connector's part. */
export const linked = async (api: Api, id = 'myphone'): Promise<void> => {
  await api.post(`/api/devices/${id}/start`)
  await api.connector.link(id)
}
