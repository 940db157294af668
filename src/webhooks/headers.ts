import type { Endpoint } from '../domain/webhook.ts'
import { signedHeaders } from './sign.ts'

/** What frames the request is for the HTTP client to say. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** All headers of an attempt: those of the endpoint, and ours, which win. */
export const requestHeaders = (
  endpoint: Endpoint,
  { eventId, body, now, userAgent }: { eventId: string; body: string; now: number; userAgent: string },
): Readonly<Record<string, string>> => {
  const ours = {
    'content-type': 'application/json',
    'user-agent': userAgent,
    ...signedHeaders(endpoint, eventId, body, now),
  }
  const isTheirs = ([name]: readonly [string, string]): boolean =>
    !framing.has(name.toLowerCase()) && !(name.toLowerCase() in ours)
  return { ...Object.fromEntries(Object.entries(endpoint.headers).filter(isTheirs)), ...ours }
}
