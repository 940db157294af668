import type { SocketClose } from '../domain/disconnect.ts'

interface BoomLike {
  readonly message: string
  readonly output?: { readonly statusCode?: number }
  readonly data?: unknown
}

const isBoomLike = (error: unknown): error is BoomLike =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'

/** Of a 402: `{ code, expire }` with the seconds until the ban ends (Baileys, socket.ts `CB:failure`). */
const expiryOf = (data: unknown): number | undefined => {
  if (typeof data !== 'object' || data === null || !('expire' in data)) return undefined
  const seconds = Number(data.expire)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
}

/**
 * Reads Baileys' `lastDisconnect.error`. Who spoke is told from the text, since the numbers overlap: `WebSocket Error`
 * carries HTTP and proxy codes from the same range as WhatsApp's own.
 */
export const readClose = (error: unknown): SocketClose => {
  if (!isBoomLike(error)) {
    return { origin: 'client', code: null, message: typeof error === 'number' ? `code ${error}` : 'closed' }
  }
  const { message } = error
  const code = error.output?.statusCode ?? null
  const expiresInSeconds = expiryOf(error.data)
  if (/^(Stream Errored|Connection Failure|Multi-device beta)/.test(message)) {
    return {
      origin: 'session',
      code,
      message,
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
    }
  }
  if (/^(QR refs attempts ended|Connection was lost)/.test(message))
    return { origin: 'client', code, message }
  return { origin: 'transport', code, message }
}
