/**
 * Fetches a URL that somebody else has chosen, without being led to a private network by it: each host is looked up once,
 * all its addresses are checked, and the connection is made to those and no other. Each redirect is checked anew.
 */
import { lookup } from 'node:dns/promises'
import { type IncomingMessage, request as requestByHttp, type RequestOptions } from 'node:http'
import { isIP } from 'node:net'
import { MIMEType } from 'node:util'
import { GatewayError } from '../domain/errors.ts'
import type { AddressGuard } from './addresses.ts'
import { tooLarge } from './spool.ts'

interface Address {
  readonly address: string
  readonly family: number
}

export interface FetchOptions {
  readonly guard: AddressGuard
  readonly bytesMax: number
  /** For all of it, redirects and body included. */
  readonly totalMs: number
  /** So long may nothing come. */
  readonly idleMs: number
  /** The header Accept. */
  readonly accept: string
  /** Whether a Content-Type will do; one that is missing is `application/octet-stream`. The body of another is not read. */
  readonly takes: (mimetype: string) => boolean
  readonly signal?: AbortSignal
  /** Of a host's name: all its addresses. The system's own, or a test's. */
  readonly resolve?: (host: string) => Promise<readonly Address[]>
}

/** An answer of status 200 whose body is still to be read. */
export interface Fetched {
  /** After all redirects. */
  readonly url: URL
  readonly mimetype: string
  readonly charset: string | null
  /** Of the header Content-Disposition, else of the path. */
  readonly filename: string | null
  readonly body: AsyncIterable<Uint8Array>
}

const redirectsMax = 5
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const headerBytesMax = 16_384
const filenameCharsMax = 255
const unknownType = 'application/octet-stream'

const refused = (detail: string): GatewayError => new GatewayError('media_url_refused', detail)
const failed = (detail: string, cause?: unknown): GatewayError =>
  new GatewayError('media_fetch_failed', detail, { cause })

const parseUrl = (text: string, base?: URL): URL => {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined
  if (url === undefined) throw refused('this is not a URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refused(`only http: and https: URLs are fetched, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('a URL with a name and password in it is not fetched')
  }
  return url
}

/** Without the brackets of an IPv6 address, and the dot that a full name may end in. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')

const resolveBySystem = (host: string): Promise<readonly Address[]> =>
  lookup(host, { all: true, order: 'verbatim' })

/** A promise that somebody else may never settle, until the signal. */
const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort))
}

const addressesOf = async (
  url: URL,
  { guard, resolve = resolveBySystem }: FetchOptions,
  signal: AbortSignal,
): Promise<readonly Address[]> => {
  const host = hostOf(url)
  const family = isIP(host)
  let addresses: readonly Address[] = [{ address: host, family }]
  if (family === 0) {
    try {
      addresses = await orAborted(resolve(host), signal)
    } catch (cause) {
      if (signal.aborted) throw cause
      throw failed(`there is no host ${host}`, cause)
    }
  }
  if (addresses.length === 0) throw failed(`there is no host ${host}`)
  if (!addresses.every(({ address }) => guard.allows(host, address))) {
    throw refused(
      `${host} is not on the public internet; the operator of the gateway can allow it by MEDIA_URL_ALLOW`,
    )
  }
  return addresses
}

/** TLS is loaded by who needs it. */
const requestOf = async ({ protocol }: URL): Promise<typeof requestByHttp> =>
  protocol === 'https:' ? (await import('node:https')).request : requestByHttp

const ask = async (
  url: URL,
  addresses: readonly Address[],
  { accept, idleMs }: FetchOptions,
  stop: AbortController,
): Promise<IncomingMessage> => {
  const request = await requestOf(url)
  const options: RequestOptions = {
    agent: false,
    maxHeaderSize: headerBytesMax,
    timeout: idleMs,
    signal: stop.signal,
    headers: {
      Accept: accept,
      'Accept-Encoding': 'identity',
      'User-Agent': 'Mozilla/5.0 (compatible; whatsapp-api-gateway)',
    },
    lookup: (_host, { all }, callback) => {
      const [first] = addresses
      if (all === true) callback(null, [...addresses])
      else callback(null, first?.address ?? '', first?.family)
    },
  }
  return await new Promise((resolve, reject) => {
    const sent = request(url, options, resolve)
    sent.once('timeout', () => stop.abort(failed(`${url.host} was silent for ${idleMs} ms`)))
    sent.on('error', (cause: NodeJS.ErrnoException) =>
      reject(failed(`${url.host} could not be asked: ${cause.code ?? cause.message}`, cause)),
    )
    sent.end()
  })
}

/** Of a header's value: its parameters, by the rules for those of a Content-Type, which are the same. */
const parametersOf = (value: string): ReadonlyMap<string, string> => {
  const at = value.indexOf(';')
  return at < 0 ? new Map() : new Map(new MIMEType(`a/b${value.slice(at)}`).params)
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const filenameOf = (url: URL, disposition: string | undefined): string | null => {
  const parameters = parametersOf(disposition ?? '')
  // RFC 8187: charset'language'text, of which servers send UTF-8 only.
  const extended = /^utf-8'[^']*'(.+)$/i.exec(parameters.get('filename*') ?? '')?.[1]
  const name =
    (extended === undefined ? undefined : decoded(extended)) ??
    parameters.get('filename') ??
    decoded(url.pathname)
  const last = name?.split(/[/\\]/).at(-1)?.toWellFormed().trim() ?? ''
  return last === '' ? null : last.slice(-filenameCharsMax)
}

const fetchedOf = (url: URL, answer: IncomingMessage, { bytesMax, takes }: FetchOptions): Fetched => {
  const { headers, statusCode } = answer
  if (statusCode !== 200) throw failed(`${url.host} answered with status ${statusCode}`)
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw failed(`${url.host} answered in the encoding ${encoding}, unasked`)
  if (Number(headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
  const contentType = headers['content-type'] ?? unknownType
  const mimetype = contentType.split(';')[0]?.trim().toLowerCase() ?? unknownType
  if (!takes(mimetype)) throw failed(`${url.host} answered with ${mimetype}, which is not what is needed`)
  return {
    url,
    mimetype,
    charset: parametersOf(contentType).get('charset') ?? null,
    filename: filenameOf(url, headers['content-disposition']),
    body: answer,
  }
}

/**
 * Fetches a URL and hands the answer to `use`, which reads its body; no time is left when `use` has settled. Rejects with
 * GatewayError `media_url_refused`, `media_fetch_failed` or `media_too_large`, or with what `use` or the signal fails with.
 * How much is read of the body is for `use` to limit: a Content-Length may lie.
 */
export const fetchUrl = async <T>(
  text: string,
  options: FetchOptions,
  use: (fetched: Fetched) => Promise<T>,
): Promise<T> => {
  const { totalMs, signal } = options
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(failed(`it took longer than ${totalMs} ms`)), totalMs)
  const abort = (): void => stop.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  let answer: IncomingMessage | undefined
  let broken: unknown
  try {
    let url = parseUrl(text)
    for (let redirected = 0; ; redirected += 1) {
      stop.signal.throwIfAborted()
      answer = await ask(url, await addressesOf(url, options, stop.signal), options, stop)
      answer.once('error', (error) => (broken = error))
      const { location } = answer.headers
      if (location === undefined || !redirects.has(answer.statusCode ?? 0)) break
      answer.destroy()
      if (redirected === redirectsMax) throw failed(`more than ${redirectsMax} redirects`)
      url = parseUrl(location, url)
    }
    return await use(fetchedOf(url, answer, options))
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason
    throw broken !== undefined && error === broken ? failed('the answer broke off', error) : error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    answer?.destroy()
  }
}
