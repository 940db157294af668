import { z } from '@hono/zod-openapi'
import { cancelMessage } from '../../control/cancel-message.ts'
import { listMessages } from '../../control/list-messages.ts'
import { retryMessage } from '../../control/retry-message.ts'
import { sendBody, tryBody } from '../../control/send-body.ts'
import { sendMessage, tryMessage } from '../../control/send-message.ts'
import type { SendOutcome, Submission } from '../../control/submit.ts'
import type { GivenBody } from '../../domain/body.ts'
import { bodyWithFileBytesMax } from '../body.ts'
import type { RequestContext } from '../env.ts'
import { bodyOf, defined, pathParam, queryOf, typedBodyOf } from '../input.ts'
import { OutcomeProblem } from '../problem.ts'
import { replyJson, type ReplyHeaders } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { refusedTypes, sendRequest, sendSchemas } from '../wire/body.ts'
import { deviceIdSchema } from '../wire/device.ts'
import {
  messageSchema,
  messagesQuery,
  messagesSchema,
  sendTextBody,
  sentSchema,
  toMessage,
  toSent,
} from '../wire/message.ts'
import { dryRunQuery, dryRunSchema, toDryRun } from '../wire/dry-run.ts'
import { pageInput } from '../wire/page.ts'
import { splitPlan } from '../wire/plan-shape.ts'

const tags = ['messages']
const sentAnswerSchema = z.union([sentSchema, dryRunSchema])
const params = z.strictObject({ id: deviceIdSchema })
export const messageParams = z.strictObject({ id: z.string() })

export const sendHeaders = z.object({
  'idempotency-key': z.string().optional().openapi({
    description:
      '1 to 255 visible ASCII characters. The same key with the same body gives the message that was made first.',
  }),
  prefer: z
    .string()
    .optional()
    .openapi({ description: '`respond-async` answers 202 as soon as the message is on disk' }),
})

const prefersAsync = (c: RequestContext): boolean =>
  (c.req.header('prefer') ?? '')
    .split(',')
    .some((preference) => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async')

/** What is answered to somebody who has sent something; `show` makes the body of it. */
export const sentAnswer = (
  c: RequestContext,
  outcome: SendOutcome,
  { respondAsync }: Pick<Submission, 'respondAsync'>,
  show: (kind: 'sent' | 'queued', outcome: SendOutcome) => object = toSent,
): Response => {
  const { kind, message } = outcome
  const headers: ReplyHeaders = respondAsync ? { 'Preference-Applied': 'respond-async' } : {}
  switch (kind) {
    case 'sent':
      return replyJson(c, show(kind, outcome), { headers })
    case 'queued':
      return replyJson(c, show(kind, outcome), {
        status: 202,
        headers: { ...headers, Location: `/api/messages/${message.id}` },
      })
    case 'failed': {
      const { code, detail } = message.error ?? { code: 'unknown', detail: 'no reason is known' }
      throw new OutcomeProblem('message_failed', `message ${message.id} was not sent: ${detail}`, {
        failed: { id: message.id, code, detail },
        headers,
      })
    }
  }
}

export const sendOptions = (c: RequestContext): Omit<Submission, 'plan'> => {
  const idempotencyKey = c.req.header('idempotency-key')
  return { respondAsync: prefersAsync(c), ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }
}

const isDryRun = (c: RequestContext): boolean => queryOf(c, dryRunQuery).dryRun === 'true'

export const sendProblems = [
  'invalid_device_id',
  'invalid_json',
  'invalid_idempotency_key',
  'device_not_found',
  'device_not_linked',
  'idempotency_conflict',
  'body_too_large',
  'unsupported_media_type',
  'invalid_body',
  'invalid_recipient',
  'invalid_text',
  'message_failed',
] as const

/** What may be wrong with a file that is to be sent. */
export const mediaProblems = [
  'media_too_large',
  'media_invalid',
  'media_url_refused',
  'media_fetch_failed',
  'media_waiting',
  'media_failed',
  'media_removed',
] as const

export const messageRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/send',
      operationId: 'sendMessage',
      summary: 'Send a text',
      description:
        "The message is on disk before anything is answered. 200 once WhatsApp's server has acknowledged it; 202 when that takes longer than the gateway waits, and it is sent later all the same. A device that is reconnecting accepts too. 502 when WhatsApp has refused the message: it will not be tried again, and `message` names it.",
      tags,
      request: { params, headers: sendHeaders, query: dryRunQuery, body: jsonBody(sendTextBody) },
      responses: {
        200: jsonAnswer(
          "WhatsApp's server has the message; or, of a dry run, what would be sent",
          sentAnswerSchema,
        ),
        202: jsonAnswer('The message is queued; its Location tells how it goes on', sentSchema),
        ...problems(...sendProblems, 'invalid_query'),
      },
    },
    handle: async (c, ctx) => {
      const dry = isDryRun(c)
      const { to, message: text } = await bodyOf(c, sendTextBody)
      const request = { deviceId: pathParam(c, 'id'), to, text }
      if (dry) return replyJson(c, toDryRun(await tryMessage(ctx, request)))
      const options = sendOptions(c)
      const outcome = await sendMessage(ctx, { ...request, ...options })
      return sentAnswer(c, outcome, options)
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/messages',
      operationId: 'sendBody',
      summary: 'Send a message of any kind, or do something to one',
      description:
        '`type` says which kind. A body of a received message can be sent as it is. The file of one that has one is uploaded before (`uploadId`), fetched from a `url`, or in the body as `base64`. Answers like `/send`. A reaction, edit, deletion for everyone, pin or vote acts on the message that `messageId` names; `to` may be left out of it.',
      tags,
      request: { params, headers: sendHeaders, query: dryRunQuery, body: jsonBody(sendRequest) },
      responses: {
        200: jsonAnswer(
          "WhatsApp's server has the message; or, of a dry run, what would be sent",
          sentAnswerSchema,
        ),
        202: jsonAnswer('The message is queued; its Location tells how it goes on', sentSchema),
        ...problems(
          ...sendProblems,
          ...mediaProblems,
          'invalid_message',
          'invalid_reference',
          'invalid_plan',
          'invalid_query',
        ),
      },
    },
    handle: async (c, ctx) => {
      const dry = isDryRun(c)
      const { plan, rest } = splitPlan(await typedBodyOf(c, sendSchemas, bodyWithFileBytesMax, refusedTypes))
      const { to, ...body } = rest
      const options = sendOptions(c)
      const request = {
        deviceId: pathParam(c, 'id'),
        ...(typeof to === 'string' ? { to } : {}),
        body: body as unknown as GivenBody,
        plan,
        ...options,
      }
      if (dry) return replyJson(c, toDryRun(await tryBody(ctx, request)))
      const outcome = await sendBody(ctx, request)
      return sentAnswer(c, outcome, options)
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/messages',
      operationId: 'listMessages',
      summary: 'The messages of a device in both directions, newest first',
      description:
        'Of a removed device too. Reactions, edits, deletions, pins and votes are left out: what they do is shown at the message that they act on.',
      tags,
      request: { params, query: messagesQuery },
      responses: {
        200: jsonAnswer('A page of messages', messagesSchema),
        ...problems('invalid_device_id', 'invalid_query', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const { limit, cursor, ...given } = queryOf(c, messagesQuery)
      const { items, nextCursor } = await listMessages(ctx, {
        filter: { deviceId: pathParam(c, 'id'), ...defined(given) },
        page: pageInput({ limit, cursor }),
      })
      return replyJson(c, { messages: items.map(toMessage), nextCursor })
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/messages/{id}/retry',
      operationId: 'retryMessage',
      summary: 'Have a message that has failed tried again',
      description:
        'It is queued under its own id, with a fresh allowance of attempts and time: a phone that has it after all shows it once. One that waits for its next attempt is tried at once.',
      tags,
      request: { params: messageParams },
      responses: {
        202: jsonAnswer('The message, queued; its Location tells how it goes on', messageSchema),
        ...problems(
          'message_not_found',
          'message_not_ours',
          'message_settled',
          'device_not_found',
          'device_not_linked',
        ),
      },
    },
    handle: async (c, ctx) => {
      const message = await retryMessage(ctx, { id: pathParam(c, 'id') })
      return replyJson(c, toMessage(message), {
        status: 202,
        headers: { Location: `/api/messages/${message.id}` },
      })
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/messages/{id}/cancel',
      operationId: 'cancelMessage',
      summary: 'Give up a message that is not sent',
      description:
        'It becomes `failed` with the code `cancelled`, and is not tried again unless somebody asks for that. A message that had an attempt before may have arrived all the same; a receipt that comes later corrects it.',
      tags,
      request: { params: messageParams },
      responses: {
        200: jsonAnswer('The message, given up', messageSchema),
        ...problems('message_not_found', 'message_not_ours', 'message_in_flight', 'message_settled'),
      },
    },
    handle: async (c, ctx) => replyJson(c, toMessage(await cancelMessage(ctx, { id: pathParam(c, 'id') }))),
  },
]
