/** Events about messages: whose and which it is, and what was done; all of it, when it enters the log. */
import { z } from '@hono/zod-openapi'
import type { MessageEventType } from '../../../domain/event.ts'
import type { ShownMessage } from '../../../domain/shown-message.ts'
import { messageSchema } from '../message.ts'
import { isoSchema } from '../time.ts'
import { chat, chatLid, chatShape, errorSchema, moment, phone, type EventSpecs } from './spec.ts'

/** Of all of them: each has the same members about its message. */
const notes: readonly string[] = []

const shape = {
  messageId: z.string().openapi({ description: 'The id of the API' }),
  whatsappId: z.string(),
  ...chatShape,
  fromMe: z.boolean().openapi({ description: "Whether the account's owner wrote it, here or on a phone" }),
}
const from = z.string().openapi({ description: 'The JID of the person who caused it' })
const type = z.string().openapi({ description: 'The `type` of the message' })
const message = messageSchema.optional().openapi({
  description: 'All of the message, when it enters the log by this event',
})
const actId = z.string().openapi({ description: 'The id of the message that did it' })

const saying = <Shape extends z.ZodRawShape>(more: Shape) => z.strictObject({ ...shape, ...more })
const step = saying({ at: isoSchema, from: from.optional() })
const act = { actId, from }

const id = '3EB0E58EFEB63301E51946'
const ours = { messageId: id, whatsappId: id, chat, chatLid, fromMe: true }
const theirs = { ...ours, messageId: 'msg_01jdb2v9x4k7q2m5n8p3r6t9w1', fromMe: false }
const times = {
  queued: null,
  sending: null,
  sent: null,
  delivered: null,
  read: null,
  played: null,
  failed: null,
}
const received: ShownMessage = {
  id: theirs.messageId,
  device: 'myphone',
  whatsappId: id,
  direction: 'inbound',
  chat,
  chatPhone: phone,
  chatLid,
  sender: { phone, lid: chatLid, name: 'Ada' },
  type: 'text',
  text: 'Hello',
  body: { type: 'text', text: 'Hello' },
  target: null,
  editedAt: null,
  deletedAt: null,
  starred: false,
  deletedForMeAt: null,
  pinnedUntil: null,
  status: 'delivered',
  attempts: 0,
  error: null,
  timestamp: moment,
  times: { ...times, delivered: '2025-11-16T02:18:05.123Z' },
}
const queued: ShownMessage = {
  ...received,
  id,
  direction: 'outbound',
  sender: { phone: '4915123456789', lid: null, name: 'Olive' },
  status: 'queued',
  timestamp: null,
  times: { ...times, queued: moment },
}
const unreadable = {
  code: 'awaiting_retry',
  detail: 'it cannot be decrypted, and its sender was asked for it again',
}

export const messageEvents: EventSpecs<MessageEventType> = {
  'message.received': {
    notes,
    data: saying({ from, type, message: messageSchema }),
    example: { ...theirs, from: chat, type: 'text', message: received },
  },
  'message.queued': { notes, data: saying({ message }), example: { ...ours, message: queued } },
  'message.scheduled': {
    notes,
    data: saying({ sendAt: isoSchema, message }),
    example: { ...ours, sendAt: '2025-12-24T18:00:00.000Z', message: queued },
  },
  'message.sending': { notes, data: saying({}), example: ours },
  'message.sent': {
    notes,
    data: saying({ at: isoSchema.optional(), from: from.optional(), type: type.optional(), message }),
    example: { ...ours, at: moment },
  },
  'message.delivered': { notes, data: step, example: { ...ours, at: moment, from: chat } },
  'message.read': { notes, data: step, example: { ...ours, at: moment, from: chat } },
  'message.played': { notes, data: step, example: { ...ours, at: moment, from: chat } },
  'message.acknowledged': {
    notes,
    data: saying({
      member: z.string().openapi({ description: 'The JID of the member' }),
      status: z.enum(['delivered', 'read', 'played']),
      at: isoSchema,
    }),
    example: {
      ...ours,
      chat: '120363000000000000@g.us',
      chatLid: null,
      member: chat,
      status: 'read',
      at: moment,
    },
  },
  'message.failed': {
    notes,
    data: saying({ error: errorSchema, from: from.optional(), type: type.optional() }),
    example: { ...ours, error: { code: 'no_such_number', detail: 'WhatsApp has no such number' } },
  },
  'message.cancelled': {
    notes,
    data: saying({ error: errorSchema }),
    example: { ...ours, error: { code: 'cancelled', detail: 'somebody has cancelled it' } },
  },
  'message.pending': {
    notes,
    data: saying({ from, type, error: errorSchema }),
    example: { ...theirs, from: chat, type: 'undecryptable', error: unreadable },
  },
  'message.reacted': {
    notes,
    data: saying({ ...act, emoji: z.string() }),
    example: { ...ours, actId: '3EB0C431C26A1916E07A', from: chat, emoji: '👍' },
  },
  'message.edited': {
    notes,
    data: saying({ ...act, text: z.string() }),
    example: { ...theirs, actId: '3EB0C431C26A1916E07A', from: chat, text: 'Hello!' },
  },
  'message.deleted': {
    notes,
    data: saying(act),
    example: { ...theirs, actId: '3EB0C431C26A1916E07A', from: chat },
  },
  'message.pinned': {
    notes,
    data: saying({ ...act, until: isoSchema.nullable() }),
    example: { ...theirs, actId: '3EB0C431C26A1916E07A', from: chat, until: '2025-11-17T02:18:05.000Z' },
  },
  'message.starred': { notes, data: saying({}), example: theirs },
  'message.unstarred': { notes, data: saying({}), example: theirs },
  'message.deleted_for_me': { notes, data: saying({}), example: theirs },
  'poll.voted': {
    notes,
    data: saying({ ...act, options: z.array(z.string()) }),
    example: { ...ours, actId: '3EB0C431C26A1916E07A', from: chat, options: ['Pizza'] },
  },
}
