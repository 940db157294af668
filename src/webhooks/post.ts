/**
 * One attempt to bring a body to a URL. Redirects are not followed. undici is loaded with the first attempt: it would be 10 MB of
 * each process.
 */
import type { Dispatcher, Pool } from 'undici'
import type { PostOutcome } from '../domain/webhook.ts'
import type { AddressGuard } from '../media/addresses.ts'
import type { Clock } from '../runtime/clock.ts'
import { answerBytesMax, headOf, retryAfterMs } from './answer.ts'
import { checkLiteral, guardedLookup, resolveBySystem, type Resolve } from './guarded-lookup.ts'
import { failureOf } from './post-failure.ts'

export interface PostOptions {
  readonly guard: AddressGuard
  readonly clock: Clock
  readonly limits?: Partial<PostLimits>
  readonly resolve?: Resolve
}

export interface PostLimits {
  /** For all of an attempt, name and connection included. */
  readonly totalMs: number
  /** So long the body of an answer is waited for when its status has come. */
  readonly answerMs: number
}

/** Less than the attempt may take, so that a connection that does not come about says so. */
const connectPart = 2 / 3
const postLimits: PostLimits = { totalMs: 15_000, answerMs: 2_000 }
/** Of one endpoint; each holds one attempt at a time. */
export const connectionsMax = 64
/** Connections of endpoints that nothing was sent to for so long are closed. */
const idleMs = 60_000

export interface PostRequest {
  /** Connections are kept for each. */
  readonly endpointId: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Ends the attempt: it is lost then. */
  readonly signal: AbortSignal
}

export interface Poster {
  post(request: PostRequest): Promise<PostOutcome>
  /** Cuts all connections. */
  close(): Promise<void>
}

interface Kept {
  readonly origin: string
  readonly pool: Pool
  usedAt: number
}

/** Throws for a URL that nothing may be sent to. */
const targetOf = (text: string, guard: AddressGuard): URL => {
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw Object.assign(new Error(`only http: and https: URLs are sent to, not ${url.protocol}`), {
      code: 'refused_url',
    })
  }
  if (url.username !== '' || url.password !== '') {
    throw Object.assign(new Error('a URL with a name and password in it is not sent to'), {
      code: 'refused_url',
    })
  }
  checkLiteral(url, guard)
  return url
}

export const createPoster = ({ guard, clock, limits, resolve = resolveBySystem }: PostOptions): Poster => {
  const { totalMs, answerMs } = { ...postLimits, ...limits }
  const pools = new Map<string, Kept>()
  const connect = { lookup: guardedLookup(guard, resolve), timeout: totalMs * connectPart }
  let sweptAt = clock.monotonic()
  let closed = false

  const cut = (id: string, { pool }: Kept): void => {
    pools.delete(id)
    pool.destroy().catch(() => undefined)
  }
  const sweep = (now: number): void => {
    if (now - sweptAt < idleMs) return
    sweptAt = now
    for (const [id, kept] of pools) if (now - kept.usedAt >= idleMs) cut(id, kept)
  }
  const poolOf = async (endpointId: string, { origin }: URL): Promise<Pool> => {
    const { Pool } = await import('undici')
    const now = clock.monotonic()
    sweep(now)
    const before = pools.get(endpointId)
    if (before?.origin === origin) {
      before.usedAt = now
      return before.pool
    }
    if (before !== undefined) {
      // Attempts under way go on to where they were sent.
      pools.delete(endpointId)
      before.pool.close().catch(() => undefined)
    }
    const pool = new Pool(origin, {
      connections: connectionsMax,
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect,
    })
    pools.set(endpointId, { origin, pool, usedAt: now })
    return pool
  }

  const exchange = (pool: Pool, url: URL, { headers, body, signal }: PostRequest): Promise<PostOutcome> =>
    new Promise((settle) => {
      let controller: Dispatcher.DispatchController | undefined
      let over = false
      let answer: { readonly status: number; readonly text: string; readonly headers: Headers } | undefined
      const chunks: Uint8Array[] = []
      let bytes = 0

      const end = (error?: Error): void => {
        if (over) return
        over = true
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        settle(
          // Once there is a status that is the answer, however its body ends.
          answer === undefined
            ? failureOf(error ?? new Error('there was no answer'))
            : {
                kind: 'answered',
                status: answer.status,
                retryAfterMs: retryAfterMs(answer.headers, clock.now()),
                head: headOf(answer.status, answer.text, answer.headers, chunks),
              },
        )
      }
      /** Ends the attempt and lets its connection go. */
      const stop = (error: Error): void => {
        end(error)
        controller?.abort(error)
      }
      const abort = (): void => stop(new Error('the attempt was cut'))
      const tooLong = (): void =>
        stop(Object.assign(new Error(`there was no answer within ${totalMs} ms`), { code: 'timeout' }))
      let timer = setTimeout(tooLong, totalMs)
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) return abort()

      pool.dispatch(
        { path: `${url.pathname}${url.search}`, method: 'POST', headers, body },
        {
          onRequestStart(given) {
            controller = given
            if (over) given.abort(new Error('the attempt is over'))
          },
          onResponseStart(_, status, given, text = '') {
            if (status < 200) return
            answer = { status, text, headers: given }
            clearTimeout(timer)
            timer = setTimeout(() => stop(new Error('the body of the answer was slow')), answerMs)
          },
          onResponseData(_, chunk) {
            chunks.push(Uint8Array.prototype.slice.call(chunk, 0, answerBytesMax - bytes))
            bytes += chunk.length
            if (bytes >= answerBytesMax) stop(new Error('the answer is long enough'))
          },
          onResponseEnd: () => end(),
          onResponseError: (_, error) => end(error),
        },
      )
    })

  return {
    async post(request) {
      try {
        const url = targetOf(request.url, guard)
        const pool = await poolOf(request.endpointId, url)
        if (closed) throw new Error('the process is stopping')
        return await exchange(pool, url, request)
      } catch (error) {
        return failureOf(error)
      }
    },
    async close() {
      closed = true
      await Promise.allSettled([...pools.values()].map(({ pool }) => pool.destroy()))
      pools.clear()
    },
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>
