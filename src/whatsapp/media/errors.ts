/**
 * Why a file did not get through. `gone`: the host has it no more (404, 410), or the phone has not. `forbidden`: 401, 403,
 * which is what a link that is too old is answered with too. `corrupt`: it arrived, and is not what the message names.
 * `too_large`: over our limit, or the host's. `unreachable`: no host, or no phone, answered as it should; may pass.
 */
export type MediaErrorCode = 'gone' | 'forbidden' | 'corrupt' | 'too_large' | 'unreachable'

export class MediaError extends Error {
  override readonly name = 'MediaError'
  readonly code: MediaErrorCode
  constructor(code: MediaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
