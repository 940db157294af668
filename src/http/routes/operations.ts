import { z } from '@hono/zod-openapi'
import { getOperation } from '../../control/get-operation.ts'
import { pathParam } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { operationSchema, toOperation } from '../wire/operation.ts'

export const operationRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/operations/{id}',
      operationId: 'getOperation',
      summary: 'One operation: how far it is, and what it came to',
      description: 'What was only asked, such as the members of a group, is forgotten after an hour.',
      tags: ['operations'],
      request: { params: z.strictObject({ id: z.string() }) },
      responses: { 200: jsonAnswer('The operation', operationSchema), ...problems('operation_not_found') },
    },
    handle: async (c, ctx) => replyJson(c, toOperation(await getOperation(ctx, { id: pathParam(c, 'id') }))),
  },
]
