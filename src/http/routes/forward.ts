import { forwardMessage } from '../../control/forward-message.ts'
import { rawMessage } from '../../control/raw-message.ts'
import { bodyOf, pathParam } from '../input.ts'
import { OutcomeProblem } from '../problem.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { forwardBody, forwardedSchema, rawSchema, toForwarded, toRaw } from '../wire/forward.ts'
import { messageParams, sendHeaders, sendOptions, sendProblems } from './messages.ts'

const tags = ['messages']

/** What is done with a message that is there: it is sent on, or looked into. */
export const forwardRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/messages/{id}/forward',
      operationId: 'forwardMessage',
      summary: 'Send what a message says to other chats, marked as forwarded',
      description:
        "From the message's own device. Acts, deleted messages, those that can be viewed once or could not be decrypted cannot be forwarded. 200 when WhatsApp's server has acknowledged or refused each; 202 when one still waits; 502 when all were refused.",
      tags,
      request: { params: messageParams, headers: sendHeaders, body: jsonBody(forwardBody) },
      responses: {
        200: jsonAnswer('What became of each', forwardedSchema),
        202: jsonAnswer('What is known of each; some are queued', forwardedSchema),
        ...problems(
          ...sendProblems.filter((code) => code !== 'invalid_device_id'),
          'invalid_message',
          'message_not_found',
        ),
      },
    },
    handle: async (c, ctx) => {
      const { to } = await bodyOf(c, forwardBody)
      const options = sendOptions(c)
      const outcomes = await forwardMessage(ctx, {
        id: pathParam(c, 'id'),
        to: typeof to === 'string' ? [to] : to,
        ...options,
      })
      const [first] = outcomes
      if (first !== undefined && outcomes.every(({ kind }) => kind === 'failed')) {
        const { code, detail } = first.message.error ?? { code: 'unknown', detail: 'no reason is known' }
        throw new OutcomeProblem('message_failed', `message ${first.message.id} was not sent: ${detail}`, {
          failed: { id: first.message.id, code, detail },
        })
      }
      return replyJson(c, toForwarded(outcomes), {
        status: outcomes.some(({ kind }) => kind === 'queued') ? 202 : 200,
        headers: options.respondAsync ? { 'Preference-Applied': 'respond-async' } : {},
      })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/messages/{id}/raw',
      operationId: 'getRawMessage',
      summary: 'The protobuf of a message, to find out why it is shown as it is',
      tags,
      request: { params: messageParams },
      responses: {
        200: jsonAnswer('The content as it was encrypted', rawSchema),
        ...problems('message_not_found', 'content_not_kept'),
      },
    },
    handle: async (c, ctx) => replyJson(c, toRaw(await rawMessage(ctx, { id: pathParam(c, 'id') }))),
  },
]
