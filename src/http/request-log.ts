import type { Clock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { pathOf, type RequestContext } from './env.ts'
import { explain, problemAnswer, type OutcomeProblem } from './problem.ts'

/** What a caller may name a request: it stands in logs, audit entries and headers. */
const requestIdPattern = /^[A-Za-z0-9._:-]{1,128}$/

/** Probes ask every few seconds; their lines would bury the others. */
const isProbe = (path: string): boolean => path === '/healthz' || path === '/readyz'

/**
 * What stands around each handler: gives the request its id (the caller's `X-Request-Id` when that is sane), answers
 * what it throws with a problem, and writes one line in the log. No middleware: Hono hands a request with a single handler
 * straight to it.
 */
export const answering =
  (log: Log, clock: Clock) =>
  (handle: (c: RequestContext) => Response | Promise<Response>) =>
  async (c: RequestContext): Promise<Response> => {
    const startedAt = clock.monotonic()
    const given = c.req.header('x-request-id')
    const requestId = given !== undefined && requestIdPattern.test(given) ? given : newId('req', clock.now())
    c.set('requestId', requestId)

    let response: Response
    let problem: OutcomeProblem | undefined
    try {
      response = await handle(c)
    } catch (error) {
      problem = explain(error)
      response = problemAnswer(c, problem)
    }

    const path = pathOf(c)
    const fields = {
      requestId,
      method: c.req.method,
      path,
      // No Response can have the status of a WebSocket.
      status: c.get('upgraded') === true ? 101 : response.status,
      durationMs: Math.round((clock.monotonic() - startedAt) * 10) / 10,
    }
    const known = problem === undefined ? fields : { ...fields, code: problem.code }
    if (problem?.code === 'internal') log.error({ ...known, err: problem.cause }, 'request failed')
    else if (problem !== undefined && response.status >= 500) {
      log.warn({ ...known, detail: problem.message }, 'request')
    } else if (isProbe(path)) log.debug(known, 'request')
    else log.info(known, 'request')
    return response
  }
