/** Why nothing arrived, in a word for programs and a sentence for people. */
import type { PostOutcome } from '../domain/webhook.ts'

type Failed = Extract<PostOutcome, { readonly kind: 'failed' }>

const detailCharsMax = 300

/** By the codes of node and undici. */
const known: Readonly<Record<string, string>> = {
  timeout: 'timeout',
  refused_address: 'refused_address',
  refused_url: 'refused_url',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
  ENOTFOUND: 'no_such_host',
  EAI_AGAIN: 'no_such_host',
  ECONNREFUSED: 'connection_refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ECONNRESET: 'connection_lost',
  EPIPE: 'connection_lost',
  UND_ERR_SOCKET: 'connection_lost',
  UND_ERR_HEADERS_OVERFLOW: 'not_http',
  UND_ERR_INVALID_ARG: 'invalid_request',
  UND_ERR_NOT_SUPPORTED: 'invalid_request',
}

const tlsCodes = /^(?:ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|HOSTNAME_MISMATCH|EPROTO)/

const codeOf = (code: string, error: Error): string => {
  const name = known[code]
  if (name !== undefined) return name
  if (error.name === 'HTTPParserError') return 'not_http'
  return tlsCodes.test(code) ? 'tls' : 'failed'
}

export const failureOf = (error: unknown): Failed => {
  if (!(error instanceof Error)) return { kind: 'failed', code: 'failed', detail: 'no reason is known' }
  const reason = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const code = codeOf(reason, error)
  // That of several addresses has no text of its own.
  const text = error.message === '' ? reason : error.message
  const detail = reason === code || text.includes(reason) ? text : `${text} (${reason})`
  return { kind: 'failed', code, detail: detail.slice(0, detailCharsMax).toWellFormed() }
}
