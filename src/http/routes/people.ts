import { z } from '@hono/zod-openapi'
import { erasePerson } from '../../control/erase-person.ts'
import { pathParam } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { erasureSchema, toErasure } from '../wire/people.ts'

export const peopleRoutes: readonly Route[] = [
  {
    doc: {
      method: 'delete',
      path: '/api/people/{person}',
      operationId: 'erasePerson',
      summary: 'Erase a person from everything but the chain of the audit trail',
      description:
        'By phone number or JID; both addresses of the person count. Messages that are queued to them are cancelled first. It answers when it is done, which takes minutes in a large database; when it was interrupted, ask again. The audit trail keeps a hash of the address.',
      tags: ['people'],
      request: { params: z.strictObject({ person: z.string() }) },
      responses: {
        200: jsonAnswer('What was erased', erasureSchema),
        ...problems('invalid_recipient', 'person_not_found', 'person_is_ours', 'message_in_flight'),
      },
    },
    handle: async (c, ctx) =>
      replyJson(c, toErasure(await erasePerson(ctx, { person: pathParam(c, 'person') }))),
  },
]
