import type { Context } from 'hono'

/** What the middleware leaves for the handlers of a request. */
export interface AppEnv {
  Variables: { requestId: string }
}

export type RequestContext = Context<AppEnv>

/** The path as it came, without the query: that may hold phone numbers. */
export const pathOf = (c: RequestContext): string => {
  const { url } = c.req
  const start = url.indexOf('/', url.indexOf('://') + '://'.length)
  const end = url.slice(start).search(/[?#]/)
  return end === -1 ? url.slice(start) : url.slice(start, start + end)
}
