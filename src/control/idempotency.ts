import { GatewayError } from '../domain/errors.ts'
import { sha256Hex } from '../runtime/hash.ts'

/** 1 to 255 visible ASCII characters. */
const keyPattern = /^[\u0021-\u007e]{1,255}$/

/** Refuses, with the rule in words, what is no idempotency key. */
export const checkIdempotencyKey = (key: string): string => {
  if (!keyPattern.test(key)) {
    throw new GatewayError(
      'invalid_idempotency_key',
      'an Idempotency-Key is 1 to 255 visible ASCII characters without spaces',
    )
  }
  return key
}

/** SHA-256, as hex, of what makes two requests the same. */
export const requestHash = (parts: readonly string[]): string => sha256Hex(JSON.stringify(parts))
