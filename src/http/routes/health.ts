import { checkReady } from '../../control/check-ready.ts'
import { readClock } from '../../runtime/clock.ts'
import { explain, OutcomeProblem } from '../problem.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { healthSchema, readySchema, toReady } from '../wire/health.ts'

const tags = ['health']

export const healthRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/healthz',
      operationId: 'getHealth',
      summary: 'The process is up',
      tags,
      responses: { 200: jsonAnswer('It is', healthSchema), ...problems() },
    },
    handle: (c) => replyJson(c, { status: 'ok' }),
  },
  {
    doc: {
      method: 'get',
      path: '/readyz',
      operationId: 'getReadiness',
      summary: 'The store can be written and read',
      description: 'Requests are accepted without a connector; who holds its lease is told for information.',
      tags,
      responses: { 200: jsonAnswer('Ready', readySchema), ...problems('not_ready') },
    },
    handle: async (c, ctx) => {
      try {
        return replyJson(c, toReady((await checkReady(ctx)).connector, readClock(ctx.clock)))
      } catch (error) {
        const told = explain(error)
        throw new OutcomeProblem(
          'not_ready',
          told.code === 'internal' ? 'the database cannot be used' : told.message,
          { cause: error },
        )
      }
    },
  },
]
