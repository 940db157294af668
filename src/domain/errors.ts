/** What can be wrong with a request. Each code has one HTTP status, in src/http/problem.ts. */
export type ErrorCode =
  | 'invalid_device_id'
  | 'invalid_json'
  | 'invalid_body'
  | 'invalid_form'
  | 'invalid_query'
  | 'cursor_too_old'
  | 'too_many_streams'
  | 'invalid_recipient'
  | 'invalid_text'
  | 'invalid_message'
  | 'invalid_group'
  | 'invalid_reference'
  | 'invalid_plan'
  | 'invalid_pacing'
  | 'invalid_phone'
  | 'invalid_idempotency_key'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'device_not_found'
  | 'device_not_linked'
  | 'device_already_linked'
  | 'message_not_found'
  | 'message_not_ours'
  | 'message_in_flight'
  | 'message_settled'
  | 'content_not_kept'
  | 'operation_not_found'
  | 'bulk_not_found'
  | 'bulk_ended'
  | 'operations_full'
  | 'message_not_scheduled'
  | 'idempotency_conflict'
  | 'media_not_found'
  | 'media_waiting'
  | 'media_failed'
  | 'media_removed'
  | 'media_in_use'
  | 'qr_not_available'
  | 'pairing_code_unavailable'
  | 'media_too_large'
  | 'media_invalid'
  | 'media_url_refused'
  | 'media_fetch_failed'
  | 'media_busy'
  | 'ffmpeg_missing'
  | 'invalid_webhook'
  | 'webhook_not_found'
  | 'webhooks_full'
  | 'delivery_not_found'
  | 'delivery_in_flight'
  | 'store_busy'
  | 'store_full'
  | 'store_read_only'
  | 'store_io_error'
  | 'internal'

/** The caller's fault, or a state that the caller must know of: `message` says what to do about it. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What a reader of the event log asks for is not kept any more. `oldest` is the `seq` of the first event that is. */
export class CursorTooOldError extends GatewayError {
  readonly oldest: number
  constructor(oldest: number) {
    super(
      'cursor_too_old',
      `events before ${oldest} are not kept any more, so that some were missed: look up what matters in the API, and go on with after=${oldest - 1}`,
    )
    this.oldest = oldest
  }
}

/** A defect of ours: ends the request or the tick, never the process. */
class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (condition === false || condition === undefined || condition === null) throw new AssertionError(message)
}

/** For the default branch of a switch over a union that the compiler has checked to be complete. */
export const unreachable = (value: never): never => {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
