import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { storeFailure } from '../control/store-failure.ts'
import { CursorTooOldError, GatewayError, type ErrorCode } from '../domain/errors.ts'
import { pathOf, type RequestContext } from './env.ts'
import { reply, type ReplyHeaders } from './reply.ts'
import type { Problem } from './wire/problem.ts'

/** Every kind of problem that an answer can name: the refusals of the gateway, and outcomes that are no success. */
export type ProblemCode =
  | ErrorCode
  | 'message_failed'
  | 'range_not_satisfiable'
  | 'operation_failed'
  | 'operation_unknown'
  | 'pairing_code_pending'
  | 'not_ready'
  | 'malformed_request'
  | 'upgrade_required'
  | 'origin_refused'
  | 'headers_too_large'
  | 'request_timeout'
  | 'expectation_failed'

interface ProblemKind {
  readonly status: ContentfulStatusCode
  readonly title: string
  /** Trying again after so many seconds makes sense. */
  readonly retryAfterSeconds?: number
}

export const problemKinds: Readonly<Record<ProblemCode, ProblemKind>> = {
  invalid_device_id: { status: 400, title: 'Invalid device id' },
  invalid_json: { status: 400, title: 'The body is not JSON' },
  invalid_body: { status: 422, title: 'Invalid body' },
  invalid_form: { status: 400, title: 'The body is no form with a file' },
  invalid_query: { status: 400, title: 'Invalid query' },
  cursor_too_old: { status: 410, title: 'Events before are not kept' },
  too_many_streams: { status: 503, title: 'Too many wait for events', retryAfterSeconds: 5 },
  invalid_recipient: { status: 422, title: 'Invalid recipient' },
  invalid_text: { status: 422, title: 'Invalid text' },
  invalid_message: { status: 422, title: 'Such a message cannot be sent' },
  invalid_group: { status: 422, title: 'Such a group there is not' },
  invalid_reference: { status: 422, title: 'It refers to no such message' },
  invalid_plan: { status: 422, title: 'Such times cannot be kept' },
  invalid_pacing: { status: 422, title: 'Such a pacing cannot be kept' },
  invalid_phone: { status: 422, title: 'Invalid phone number' },
  invalid_idempotency_key: { status: 400, title: 'Invalid Idempotency-Key' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported content type' },
  route_not_found: { status: 404, title: 'No such route' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  device_not_found: { status: 404, title: 'No such device' },
  device_not_linked: { status: 409, title: 'The device is not linked' },
  device_already_linked: { status: 409, title: 'The device is linked already' },
  message_not_found: { status: 404, title: 'No such message' },
  message_not_ours: { status: 409, title: 'The message was not sent through this gateway' },
  message_in_flight: { status: 409, title: 'The message is being sent', retryAfterSeconds: 1 },
  message_settled: { status: 409, title: 'The message is sent' },
  content_not_kept: { status: 404, title: 'The content of the message is not kept' },
  operation_not_found: { status: 404, title: 'No such operation' },
  bulk_not_found: { status: 404, title: 'No such bulk' },
  bulk_ended: { status: 409, title: 'The bulk has ended' },
  operations_full: { status: 429, title: 'Too many operations wait', retryAfterSeconds: 10 },
  message_not_scheduled: { status: 409, title: 'The message does not wait for its time' },
  idempotency_conflict: { status: 409, title: 'The Idempotency-Key was used for another request' },
  media_not_found: { status: 404, title: 'No such file' },
  media_waiting: { status: 409, title: 'The file is not here yet', retryAfterSeconds: 2 },
  media_failed: { status: 409, title: 'The file could not be fetched' },
  media_removed: { status: 410, title: 'The file was removed' },
  media_in_use: { status: 409, title: 'The file is needed' },
  qr_not_available: { status: 409, title: 'There is no QR code now' },
  pairing_code_unavailable: { status: 409, title: 'There is no pairing code' },
  media_too_large: { status: 413, title: 'The file is too large' },
  media_invalid: { status: 422, title: 'The file cannot be used' },
  media_url_refused: { status: 422, title: 'The URL is refused' },
  media_fetch_failed: { status: 422, title: 'The URL could not be fetched' },
  media_busy: { status: 503, title: 'Too many files at a time', retryAfterSeconds: 5 },
  ffmpeg_missing: { status: 501, title: 'ffmpeg is needed for this' },
  invalid_webhook: { status: 422, title: 'Such a webhook there cannot be' },
  webhook_not_found: { status: 404, title: 'No such webhook' },
  webhooks_full: { status: 409, title: 'There are too many webhooks' },
  delivery_not_found: { status: 404, title: 'No such delivery' },
  delivery_in_flight: { status: 409, title: 'The delivery is being sent', retryAfterSeconds: 1 },
  store_busy: { status: 503, title: 'The database is busy', retryAfterSeconds: 1 },
  store_full: { status: 507, title: 'The database is full' },
  store_read_only: { status: 503, title: 'The database is read-only' },
  store_io_error: { status: 503, title: 'The disk of the database fails' },
  internal: { status: 500, title: 'Internal error' },
  range_not_satisfiable: { status: 416, title: 'The file has no such part' },
  message_failed: { status: 502, title: 'WhatsApp did not take the message' },
  operation_failed: { status: 502, title: 'It was not done' },
  operation_unknown: { status: 502, title: 'It is not known whether it was done' },
  pairing_code_pending: { status: 504, title: 'The pairing code is not there yet', retryAfterSeconds: 5 },
  malformed_request: { status: 400, title: 'Malformed request' },
  upgrade_required: { status: 426, title: 'This is for a WebSocket' },
  origin_refused: { status: 403, title: 'Not for other web pages' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  request_timeout: { status: 408, title: 'The request took too long' },
  expectation_failed: { status: 417, title: 'Unknown expectation' },
  not_ready: { status: 503, title: 'Not ready', retryAfterSeconds: 5 },
}

/** A problem to answer with: an outcome that is no success, or what may be told of an error. */
export class OutcomeProblem extends Error {
  override readonly name = 'OutcomeProblem'
  readonly code: ProblemCode
  /** The message that the problem is about. */
  readonly failed: Problem['message']
  /** The operation that it is about. */
  readonly undone: Problem['operation']
  /** The `seq` of the oldest event that is kept. */
  readonly oldest: number | undefined
  readonly headers: ReplyHeaders
  constructor(
    code: ProblemCode,
    detail: string,
    {
      failed,
      undone,
      oldest,
      headers = {},
      cause,
    }: {
      failed?: Problem['message']
      undone?: Problem['operation']
      oldest?: number
      headers?: ReplyHeaders
      cause?: unknown
    } = {},
  ) {
    super(detail, { cause })
    this.code = code
    this.failed = failed
    this.undone = undone
    this.oldest = oldest
    this.headers = headers
  }
}

const internalDetail = 'something went wrong here; the log has more under the requestId of this answer'

/** What may leave this process of something thrown. The text of an error that nobody expected may not. */
export const explain = (error: unknown): OutcomeProblem => {
  if (error instanceof OutcomeProblem) return error
  if (error instanceof CursorTooOldError) {
    return new OutcomeProblem(error.code, error.message, { oldest: error.oldest, cause: error })
  }
  const told = error instanceof GatewayError ? error : storeFailure(error)
  return told === undefined
    ? new OutcomeProblem('internal', internalDetail, { cause: error })
    : new OutcomeProblem(told.code, told.message, { cause: error })
}

const problemType = (code: ProblemCode): string => `/problems/${code.replaceAll('_', '-')}`

/** The members of RFC 9457, with the guide's plain `error` beside them. */
export const problemBody = (
  code: ProblemCode,
  { detail, instance, requestId }: { detail: string; instance: string; requestId: string },
): Problem => {
  const { status, title } = problemKinds[code]
  return { type: problemType(code), title, status, detail, instance, error: detail, requestId }
}

/** The answer to a request that reached the app. */
export const problemAnswer = (c: RequestContext, problem: OutcomeProblem): Response => {
  const { code, message: detail, failed, undone, oldest, headers } = problem
  const { status, retryAfterSeconds } = problemKinds[code]
  const body: Problem = {
    ...problemBody(code, { detail, instance: pathOf(c), requestId: c.get('requestId') }),
    ...(failed === undefined ? {} : { message: failed }),
    ...(undone === undefined ? {} : { operation: undone }),
    ...(oldest === undefined ? {} : { oldest }),
  }
  return reply(c, JSON.stringify(body), 'application/problem+json', {
    status,
    headers:
      retryAfterSeconds === undefined ? headers : { ...headers, 'Retry-After': String(retryAfterSeconds) },
  })
}
