import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { pathOf, type AppEnv } from './env.ts'
import { explain } from './problem.ts'

/** What a caller may name a request: it stands in logs, audit entries and headers. */
const requestIdPattern = /^[A-Za-z0-9._:-]{1,128}$/

/** Probes ask every few seconds; their lines would bury the others. */
const isProbe = (path: string): boolean => path === '/healthz' || path === '/readyz'

/**
 * Gives each request its id (the caller's `X-Request-Id` when that is sane), the headers that all answers have, and
 * one line in the log.
 */
export const requestLog =
  (log: Log, clock: Clock): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const given = c.req.header('x-request-id') ?? ''
    const requestId = requestIdPattern.test(given) ? given : newId('req', clock.now())
    const startedAt = clock.monotonic()
    c.set('requestId', requestId)
    await next()
    c.header('X-Request-Id', requestId)
    c.header('Cache-Control', 'no-store')
    c.header('X-Content-Type-Options', 'nosniff')

    const path = pathOf(c)
    const fields = {
      requestId,
      method: c.req.method,
      path,
      status: c.res.status,
      durationMs: Math.round((clock.monotonic() - startedAt) * 10) / 10,
    }
    const problem = c.error === undefined ? undefined : explain(c.error)
    const known = problem === undefined ? fields : { ...fields, code: problem.code }
    if (problem?.code === 'internal') log.error({ ...known, err: c.error }, 'request failed')
    else if (problem !== undefined && c.res.status >= 500) {
      log.warn({ ...known, detail: problem.message }, 'request')
    } else if (isProbe(path)) log.debug(known, 'request')
    else log.info(known, 'request')
  }
