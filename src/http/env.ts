import type { ServerResponse } from 'node:http'
import type { Context } from 'hono'
import type { WebSocket } from 'ws'

/** What the server gives with a request. A test may ask the app without one. */
export interface ServerBindings {
  /** The answer on its connection. */
  readonly outgoing?: ServerResponse
  /** Of a request for a WebSocket: has it opened once the handler has answered. */
  readonly upgrade?: (begin: (socket: WebSocket) => void) => void
}

export interface AppEnv {
  Bindings: ServerBindings
  /** What stands around a handler leaves this for it. */
  Variables: {
    requestId: string
    /** The answer is a WebSocket. */
    upgraded?: true
  }
}

export type RequestContext = Context<AppEnv>

/** The path as it came, without the query: that may hold phone numbers. */
export const pathOf = (c: RequestContext): string => {
  const { url } = c.req
  const start = url.indexOf('/', url.indexOf('://') + '://'.length)
  const end = url.slice(start).search(/[?#]/)
  return end === -1 ? url.slice(start) : url.slice(start, start + end)
}
