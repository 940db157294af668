/**
 * Answers requests that never reach the app: Node's HTTP parser refuses them, and by itself says so without a body. Its
 * codes are those of llhttp (`HPE_…`, node:http, `clientError`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { problemBody, problemKinds, type ProblemCode } from './problem.ts'

const codes: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const details: Partial<Record<ProblemCode, string>> = {
  headers_too_large: 'the address and the headers of a request may be 16 KiB long together',
  body_too_large: 'the body has chunks with too long extensions: send it with a Content-Length',
  request_timeout: 'the request did not come to its end in time: send it again',
}

/** So long is what still comes taken and thrown away: a connection cut before would take the answer with it. */
export const lingerMs = 1_000

type Listener = (request: IncomingMessage, response: ServerResponse) => void

const problem = (code: ProblemCode, detail: string, instance: string, requestId: string) => ({
  ...problemKinds[code],
  headers: { 'Content-Type': 'application/problem+json', 'X-Request-Id': requestId },
  body: JSON.stringify(problemBody(code, { detail, instance, requestId })),
})

/** It ends the connection, so that its length must be told. */
const lastHeaders = ({ headers, body }: ReturnType<typeof problem>) => ({
  Connection: 'close',
  ...headers,
  'Content-Length': Buffer.byteLength(body),
})

/**
 * A server that answers with a problem what never reaches `listener`. `requestId` makes an id for each. A request that asks
 * for an upgrade is an ordinary one, unless `mayUpgrade`.
 */
export const createHttpServer = (
  listener: Listener,
  requestId: () => string,
  mayUpgrade: (request: IncomingMessage) => boolean = () => false,
): Server => {
  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    code: ProblemCode,
    detail: string,
  ): void => {
    const instance = (request.url ?? '/').replace(/[?#].*/s, '')
    const answer = problem(code, detail, instance, requestId())
    response.writeHead(answer.status, lastHeaders(answer))
    response.end(answer.body)
  }
  // Node's own check (RFC 9112 section 3.2) answers without a body.
  const server = createServer(
    { requireHostHeader: false, shouldUpgradeCallback: mayUpgrade },
    (request, response) => {
      if (request.httpVersion === '1.1' && request.headers.host === undefined) {
        refuse(request, response, 'malformed_request', 'a request of HTTP/1.1 needs the header Host')
      } else listener(request, response)
    },
  )
  const answered = new WeakSet<Duplex>()
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') return socket.destroy()
    // Each piece that still comes of a refused request is an error again.
    if (answered.has(socket)) return
    if (!socket.writable) return socket.destroy()
    answered.add(socket)
    const linger = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(linger))
    const code = codes[error.code ?? ''] ?? 'malformed_request'
    const detail = details[code] ?? `this is no HTTP/1.1 request (${error.code ?? error.message})`
    const answer = problem(code, detail, '/', requestId())
    const lines = Object.entries(lastHeaders(answer)).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${answer.status} ${answer.title}\r\n${lines.join('')}\r\n${answer.body}`)
  })
  server.on('checkExpectation', (request, response) =>
    refuse(
      request,
      response,
      'expectation_failed',
      'of the header Expect, only 100-continue is understood: leave it out',
    ),
  )
  return server
}

const answerWith = (code: ProblemCode, detail: string, requestId: () => string): Response => {
  const { body, status, headers } = problem(code, detail, '/', requestId())
  return new Response(body, { status, headers })
}

export const answerMalformed = (detail: string, requestId: () => string): Response =>
  answerWith('malformed_request', detail, requestId)

/** Answers a request that is HTTP, and that no address can be read from (its Host, its path). */
export const answerUnreadable = (error: unknown, requestId: () => string): Response =>
  error instanceof Error && error.name === 'RequestError'
    ? answerMalformed(`this is no request that can be answered: ${error.message}`, requestId)
    : answerWith('internal', 'something went wrong here', requestId)
