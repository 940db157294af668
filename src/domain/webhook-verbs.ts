/** What people do to an endpoint beside setting it up. */
import { GatewayError } from './errors.ts'
import { secretPrefix } from './webhook-settings.ts'
import type { Endpoint } from './webhook.ts'

/** How long the secret of before a rotation goes on signing beside the new one. */
export const keepSecretMaxSeconds = 7 * 24 * 60 * 60
export const keepSecretDefaultSeconds = 24 * 60 * 60

/** Nothing is sent any more, and what comes waits. One that is disabled stays so: it gets nothing in any case. */
export const pauseEndpoint = (before: Endpoint, now: number): Endpoint =>
  before.state === 'active' ? { ...before, state: 'paused', updatedAt: now } : before

/** Sending goes on, with a clean record; what failed before is tried again soon. */
export const resumeEndpoint = (before: Endpoint, now: number): Endpoint => ({
  ...before,
  state: 'active',
  disabledReason: null,
  disabledSeq: null,
  failures: 0,
  failingSince: null,
  notBefore: null,
  recoveredAt: before.failures > 0 || before.state === 'disabled' ? now : before.recoveredAt,
  updatedAt: now,
})

/** `secret` is base64. */
export const rotateSecret = (
  before: Endpoint,
  secret: string,
  keepPreviousSeconds: number,
  now: number,
): Endpoint => {
  if (keepPreviousSeconds < 0 || keepPreviousSeconds > keepSecretMaxSeconds) {
    throw new GatewayError(
      'invalid_webhook',
      `keepPreviousFor: must be from 0 to ${keepSecretMaxSeconds} seconds`,
    )
  }
  const keeps = keepPreviousSeconds > 0
  return {
    ...before,
    secret: `${secretPrefix}${secret}`,
    previousSecret: keeps ? before.secret : null,
    previousSecretUntil: keeps ? now + keepPreviousSeconds * 1_000 : null,
    updatedAt: now,
  }
}

export const removeEndpoint = (before: Endpoint, now: number): Endpoint => ({
  ...before,
  state: 'removed',
  updatedAt: now,
})
