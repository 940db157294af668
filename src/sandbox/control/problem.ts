import type { Context as Request } from 'hono'

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  422: 'Unprocessable content',
  500: 'Internal error',
}

/** An error as RFC 9457 says, with `error` for those who look for that. */
export const problem = (request: Request, status: number, detail: string): Response =>
  request.body(
    JSON.stringify({
      type: 'about:blank',
      title: titles[status] ?? 'Error',
      status,
      detail,
      error: detail,
    }),
    status as 400,
    { 'content-type': 'application/problem+json' },
  )
