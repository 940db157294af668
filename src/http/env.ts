import type { Context } from 'hono'

/** What the middleware leaves for the handlers of a request. */
export interface AppEnv {
  Variables: { requestId: string }
}

export type RequestContext = Context<AppEnv>

/** The path as it came, without the query: that may hold phone numbers. */
export const pathOf = (c: RequestContext): string => new URL(c.req.url).pathname
