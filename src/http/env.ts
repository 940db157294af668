import type { Context } from 'hono'

/** What the middleware leaves for the handlers of a request. */
export interface AppEnv {
  Variables: { requestId: string }
  /** What the server's adapter gives; nothing when there is no server. */
  Bindings: { readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } } }
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
