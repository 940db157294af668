import type { ServerResponse } from 'node:http'
import type { Context } from 'hono'
import type { WebSocket } from 'ws'

/** What the server gives with a request. A test may ask the app without one. */
export interface ServerBindings {
  /** The request on its connection. */
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } }
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

const mappedPrefix = '::ffff:'

/** The address at the other end of the socket: headers such as X-Forwarded-For say what their sender likes. */
export const addressOf = (c: RequestContext): string | undefined => {
  const address = c.env?.incoming?.socket.remoteAddress
  // An IPv4 address, on a socket that takes both.
  return address?.startsWith(mappedPrefix) === true && address.includes('.')
    ? address.slice(mappedPrefix.length)
    : address
}
