import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { RequestContext } from './env.ts'

/** Beyond those that every answer has. */
export type ReplyHeaders = Readonly<Record<string, string>>

/**
 * An answer with the headers that all answers have. They are given to its constructor as a plain object: the server's
 * adapter hands a text with such headers straight to the socket, while a `Headers` object, or a header that is set on an
 * answer later (Hono's `c.header`), costs more than all else that a read does.
 */
export const reply = (
  c: RequestContext,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  contentType: string,
  { status = 200, headers }: { readonly status?: ContentfulStatusCode; readonly headers?: ReplyHeaders } = {},
): Response =>
  new Response(body, {
    status,
    headers: {
      'Content-Type': contentType,
      'X-Request-Id': c.get('requestId'),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    },
  })

export const replyJson = (
  c: RequestContext,
  value: unknown,
  more?: { readonly status?: ContentfulStatusCode; readonly headers?: ReplyHeaders },
): Response => reply(c, JSON.stringify(value), 'application/json', more)

/**
 * An answer that is made while it is read: no faster than that, and never all of it in memory. When `chunks` throws, the
 * connection breaks, so that nobody takes a part for the whole.
 */
export const replyStream = (
  c: RequestContext,
  chunks: AsyncIterable<string>,
  contentType: string,
  more?: { readonly headers?: ReplyHeaders },
): Response => reply(c, ReadableStream.from(chunks).pipeThrough(new TextEncoderStream()), contentType, more)
