import { messageChanges, messageDetail, messageReceipts } from '../../control/message-detail.ts'
import { pathParam } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import {
  changesSchema,
  messageDetailSchema,
  receiptsSchema,
  toChange,
  toMemberReceipt,
  toMessageDetail,
} from '../wire/message-detail.ts'
import { messageParams } from './messages.ts'

const tags = ['messages']

export const messageDetailRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/messages/{id}',
      operationId: 'getMessage',
      summary: 'One message, with the time of each step, its reactions and votes',
      tags,
      request: { params: messageParams },
      responses: { 200: jsonAnswer('The message', messageDetailSchema), ...problems('message_not_found') },
    },
    handle: async (c, ctx) =>
      replyJson(c, toMessageDetail(await messageDetail(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'get',
      path: '/api/messages/{id}/changes',
      operationId: 'listChanges',
      summary: 'What a message said before each edit and deletion, oldest first',
      tags,
      request: { params: messageParams },
      responses: { 200: jsonAnswer('Its changes', changesSchema), ...problems('message_not_found') },
    },
    handle: async (c, ctx) => {
      const { message, changes } = await messageChanges(ctx, { id: pathParam(c, 'id') })
      return replyJson(c, { changes: changes.map(toChange(message.type)) })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/messages/{id}/receipts',
      operationId: 'listReceipts',
      summary: 'How far a message to a group has come with each member',
      description: 'Members of whom nothing is known yet are not in it.',
      tags,
      request: { params: messageParams },
      responses: { 200: jsonAnswer('Its receipts', receiptsSchema), ...problems('message_not_found') },
    },
    handle: async (c, ctx) => {
      const receipts = await messageReceipts(ctx, { id: pathParam(c, 'id') })
      return replyJson(c, { receipts: receipts.map(toMemberReceipt) })
    },
  },
]
