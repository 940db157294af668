import { z } from '@hono/zod-openapi'
import { changeMessage } from '../../control/change-message.ts'
import { listScheduled } from '../../control/list-scheduled.ts'
import { getPacing, putPacing } from '../../control/set-pacing.ts'
import type { GivenBody } from '../../domain/body.ts'
import { bodyOf, defined, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { newBodySchema } from '../wire/body.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { messageSchema, toMessage } from '../wire/message.ts'
import { pacingBody, pacingSchema, toPacing } from '../wire/pacing.ts'
import { pageInput, pageQuery } from '../wire/page.ts'
import { changeBody, scheduledSchema, toScheduled } from '../wire/plan.ts'

const tags = ['outbox']
const params = z.strictObject({ id: deviceIdSchema })
const messageParams = z.strictObject({ id: z.string() })
const scheduledQuery = z.strictObject(pageQuery)
const change = changeBody(newBodySchema)

const bodyProblems = ['invalid_json', 'body_too_large', 'unsupported_media_type', 'invalid_body'] as const

export const outboxRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/scheduled',
      operationId: 'listScheduled',
      summary: 'The messages that wait for their sendAt, soonest first',
      tags,
      request: { params, query: scheduledQuery },
      responses: {
        200: jsonAnswer('A page of messages', scheduledSchema),
        ...problems('invalid_device_id', 'invalid_query', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const page = pageInput(queryOf(c, scheduledQuery))
      const { items, nextCursor } = await listScheduled(ctx, { id: pathParam(c, 'id'), page })
      return replyJson(c, { messages: items.map(toScheduled), nextCursor })
    },
  },
  {
    doc: {
      method: 'patch',
      path: '/api/messages/{id}',
      operationId: 'changeMessage',
      summary: 'Change a message that waits for its sendAt',
      description:
        'Its times, its priority, or what it says. A text that was sent is edited with a message of type `edit`.',
      tags,
      request: { params: messageParams, body: jsonBody(change) },
      responses: {
        200: jsonAnswer('The message as it is now', messageSchema),
        ...problems(
          ...bodyProblems,
          'message_not_found',
          'message_not_ours',
          'message_not_scheduled',
          'invalid_plan',
          'invalid_text',
          'invalid_message',
          'invalid_reference',
        ),
      },
    },
    handle: async (c, ctx) => {
      const { body, ...plan } = await bodyOf(c, change)
      const message = await changeMessage(ctx, {
        id: pathParam(c, 'id'),
        plan: defined(plan),
        ...(body === undefined ? {} : { body: body as GivenBody }),
      })
      return replyJson(c, toMessage(message))
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/pacing',
      operationId: 'getPacing',
      summary: 'How fast a device may send, and whether it may now',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('The pacing', pacingSchema),
        ...problems('invalid_device_id', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => replyJson(c, toPacing(await getPacing(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'put',
      path: '/api/devices/{id}/pacing',
      operationId: 'putPacing',
      summary: 'Set how fast a device may send',
      description:
        'Off by default. What is held back waits in the outbox, which counts as no attempt; `plan.waiting` of the message says why and until when.',
      tags,
      request: { params, body: jsonBody(pacingBody) },
      responses: {
        200: jsonAnswer('The pacing as it is now', pacingSchema),
        ...problems('invalid_device_id', ...bodyProblems, 'device_not_found', 'invalid_pacing'),
      },
    },
    handle: async (c, ctx) => {
      const { preset, ...rules } = await bodyOf(c, pacingBody)
      return replyJson(
        c,
        toPacing(await putPacing(ctx, { id: pathParam(c, 'id'), preset, rules: defined(rules) })),
      )
    },
  },
]
