import type { Submission } from '../control/submit.ts'
import type { Operation } from '../domain/operation.ts'
import type { RequestContext } from './env.ts'
import { OutcomeProblem } from './problem.ts'
import { replyJson, type ReplyHeaders } from './reply.ts'
import { toOperation } from './wire/operation.ts'

/**
 * What is answered to somebody who has asked a device to do something: when it is done, the operation, or what `shown`
 * makes of it; before that, the operation with 202.
 */
export const operationAnswer = (
  c: RequestContext,
  operation: Operation,
  { respondAsync }: Submission,
  shown: (operation: Operation) => unknown = toOperation,
): Response => {
  const { id, state, error } = operation
  const headers: ReplyHeaders = respondAsync ? { 'Preference-Applied': 'respond-async' } : {}
  switch (state) {
    case 'done':
      return replyJson(c, shown(operation), { headers })
    case 'queued':
    case 'running':
      return replyJson(c, toOperation(operation), {
        status: 202,
        headers: { ...headers, Location: `/api/operations/${id}` },
      })
    case 'failed':
    case 'unknown': {
      const { code, detail } = error ?? { code: 'unknown', detail: 'no reason is known' }
      throw new OutcomeProblem(`operation_${state}`, `operation ${id}: ${detail}`, {
        undone: { id, code, detail },
        headers,
      })
    }
  }
}
