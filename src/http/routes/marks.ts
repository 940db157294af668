import { z } from '@hono/zod-openapi'
import {
  deleteForMe,
  markChatRead,
  markMessageRead,
  readMessagesMax,
  starMessage,
} from '../../control/mark-messages.ts'
import { getMessage } from '../../control/get-message.ts'
import { sendBody } from '../../control/send-body.ts'
import { showTyping } from '../../control/show-typing.ts'
import type { ControlContext } from '../../control/context.ts'
import type { RequestContext } from '../env.ts'
import { bodyOf, optionalBodyOf, pathParam, queryOf } from '../input.ts'
import { operationAnswer } from '../operation-answer.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { sentSchema } from '../wire/message.ts'
import { operationSchema } from '../wire/operation.ts'
import { messageParams, sendHeaders, sendOptions, sentAnswer } from './messages.ts'

const tags = ['messages']
const chatParams = z.strictObject({
  id: deviceIdSchema,
  chat: z.string().openapi({ description: 'A JID or a phone number', example: '1234567890' }),
})

const done = jsonAnswer('The operation, done', operationSchema)
const queued = jsonAnswer('It is queued; its Location tells how it goes on', operationSchema)

const common = [
  'invalid_idempotency_key',
  'device_not_found',
  'device_not_linked',
  'idempotency_conflict',
  'operations_full',
  'operation_failed',
] as const
const ofMessage = [...common, 'message_not_found', 'invalid_message'] as const
const ofBody = ['invalid_json', 'body_too_large', 'unsupported_media_type', 'invalid_body'] as const

const readBody = z
  .strictObject({
    played: z
      .boolean()
      .default(false)
      .openapi({ description: 'Of a recording, a video, or what opens once: it was played too' }),
  })
  .openapi('ReadRequest')

const chatReadBody = z
  .strictObject({
    messageIds: z
      .array(z.string())
      .min(1)
      .max(readMessagesMax)
      .optional()
      .openapi({ description: `Those alone; without it the newest ${readMessagesMax} that are not read` }),
  })
  .openapi('ReadChatRequest')

const typingBody = z
  .strictObject({ state: z.enum(['composing', 'recording', 'paused']) })
  .openapi('TypingRequest')

const deleteQuery = z.strictObject({
  for: z.enum(['everyone', 'me']).openapi({
    description: "`everyone`: nobody sees it any more; `me`: only the owner's devices drop it",
  }),
})

const star =
  (starred: boolean): Route['handle'] =>
  async (c, ctx) => {
    const options = sendOptions(c)
    const operation = await starMessage(ctx, { id: pathParam(c, 'id'), starred, ...options })
    return operationAnswer(c, operation, options)
  }

const starRoute = (method: 'post' | 'delete', operationId: string, summary: string): Route => ({
  doc: {
    method,
    path: '/api/messages/{id}/star',
    operationId,
    summary,
    tags,
    request: { params: messageParams, headers: sendHeaders },
    responses: { 200: done, 202: queued, ...problems(...ofMessage) },
  },
  handle: star(method === 'post'),
})

const deleteForEveryone = async (c: RequestContext, ctx: ControlContext): Promise<Response> => {
  const options = sendOptions(c)
  const { id, deviceId } = await getMessage(ctx, { id: pathParam(c, 'id') })
  const outcome = await sendBody(ctx, { deviceId, body: { type: 'delete', messageId: id }, ...options })
  return sentAnswer(c, outcome, options)
}

/** What the owner of the account does to messages and chats beside writing in them. */
export const markRoutes: readonly Route[] = [
  starRoute('post', 'starMessage', 'Put a star on a message'),
  starRoute('delete', 'unstarMessage', 'Take the star off a message'),
  {
    doc: {
      method: 'delete',
      path: '/api/messages/{id}',
      operationId: 'deleteMessage',
      summary: 'Delete a message, for everyone or on the own devices alone',
      description:
        'For everyone it is the message of type `delete`, and answers like one. For me it leaves the chat on all devices of the owner, and gets `deletedForMeAt` here; the message log keeps it.',
      tags,
      request: { params: messageParams, query: deleteQuery, headers: sendHeaders },
      responses: {
        200: jsonAnswer('Deleted', z.union([operationSchema, sentSchema])),
        202: jsonAnswer(
          'It is queued; its Location tells how it goes on',
          z.union([operationSchema, sentSchema]),
        ),
        ...problems(...ofMessage, 'invalid_query', 'message_failed'),
      },
    },
    handle: async (c, ctx) => {
      if (queryOf(c, deleteQuery).for === 'everyone') return deleteForEveryone(c, ctx)
      const options = sendOptions(c)
      return operationAnswer(c, await deleteForMe(ctx, { id: pathParam(c, 'id'), ...options }), options)
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/messages/{id}/read',
      operationId: 'markMessageRead',
      summary: 'Tell the sender that a message was read, or played',
      description: 'Who has switched read receipts off on the phone tells the own devices alone.',
      tags,
      request: { params: messageParams, headers: sendHeaders, body: jsonBody(readBody, false) },
      responses: { 200: done, 202: queued, ...problems(...ofMessage, ...ofBody) },
    },
    handle: async (c, ctx) => {
      const { played } = await optionalBodyOf(c, readBody)
      const options = sendOptions(c)
      const operation = await markMessageRead(ctx, { id: pathParam(c, 'id'), played, ...options })
      return operationAnswer(c, operation, options)
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/chats/{chat}/read',
      operationId: 'markChatRead',
      summary: 'Tell the senders of a chat that their messages were read',
      tags: ['chats'],
      request: { params: chatParams, headers: sendHeaders, body: jsonBody(chatReadBody, false) },
      responses: {
        200: done,
        202: queued,
        ...problems(
          ...common,
          ...ofBody,
          'invalid_device_id',
          'invalid_recipient',
          'invalid_reference',
          'invalid_message',
        ),
      },
    },
    handle: async (c, ctx) => {
      const { messageIds } = await optionalBodyOf(c, chatReadBody)
      const options = sendOptions(c)
      const operation = await markChatRead(ctx, {
        deviceId: pathParam(c, 'id'),
        chat: pathParam(c, 'chat'),
        ...(messageIds === undefined ? {} : { messageIds }),
        ...options,
      })
      return operationAnswer(c, operation, options)
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/chats/{chat}/typing',
      operationId: 'showTyping',
      summary: 'Show in a chat that somebody types or records',
      description:
        'Phones show it for some seconds, or until `paused` or a message. When the device is not connected within 10 s it is forgotten.',
      tags: ['chats'],
      request: { params: chatParams, headers: sendHeaders, body: jsonBody(typingBody) },
      responses: {
        200: done,
        202: queued,
        ...problems(...common, ...ofBody, 'invalid_device_id', 'invalid_recipient'),
      },
    },
    handle: async (c, ctx) => {
      const { state } = await bodyOf(c, typingBody)
      const options = sendOptions(c)
      const operation = await showTyping(ctx, {
        deviceId: pathParam(c, 'id'),
        chat: pathParam(c, 'chat'),
        state,
        ...options,
      })
      return operationAnswer(c, operation, options)
    },
  },
]
