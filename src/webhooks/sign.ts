/** Standard Webhooks 1.0: who receives an event can tell by these headers that it comes from us, and when it was sent. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { Endpoint } from '../domain/webhook.ts'

const secretPrefix = 'whsec_'
const secondMs = 1_000

/** To make one costs more than to sign with it. */
const keys = new Map<string, KeyObject>()
const keysMax = 1_000

const keyOf = (secret: string): KeyObject => {
  const known = keys.get(secret)
  if (known !== undefined) return known
  const text = secret.startsWith(secretPrefix) ? secret.slice(secretPrefix.length) : secret
  const key = createSecretKey(Buffer.from(text, 'base64'))
  if (keys.size >= keysMax) keys.clear()
  keys.set(secret, key)
  return key
}

/** `now`: wall-clock ms of the attempt. For a while after a rotation there is a signature of either secret. */
export const signedHeaders = (
  {
    secret,
    previousSecret,
    previousSecretUntil,
  }: Pick<Endpoint, 'secret' | 'previousSecret' | 'previousSecretUntil'>,
  eventId: string,
  body: string,
  now: number,
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> => {
  const timestamp = String(Math.floor(now / secondMs))
  const sign = (by: string): string =>
    `v1,${createHmac('sha256', keyOf(by)).update(`${eventId}.${timestamp}.`).update(body).digest('base64')}`
  const isRotating = previousSecret !== null && previousSecretUntil !== null && now < previousSecretUntil
  return {
    'webhook-id': eventId,
    'webhook-timestamp': timestamp,
    'webhook-signature': isRotating ? `${sign(secret)} ${sign(previousSecret)}` : sign(secret),
  }
}
