import { z } from '@hono/zod-openapi'
import type { SendOutcome } from '../../control/submit.ts'
import { messageTypes, shownStatuses, textLengthMax, type Message } from '../../domain/message.ts'
import { shownMessage } from '../../domain/shown-message.ts'
import { bodySchema } from './body.ts'
import { deviceIdSchema } from './device.ts'
import { nextCursorSchema, pageQuery } from './page.ts'
import { iso, isoSchema, timeQuery } from './time.ts'

export const sendTextBody = z
  .strictObject({
    to: z.string().openapi({
      description: 'The JID of a person or a group, or a phone number with or without +, spaces and dashes',
      example: '1234567890@s.whatsapp.net',
    }),
    message: z.string().openapi({
      description: `Text of 1 to ${textLengthMax} characters (UTF-16 units)`,
      example: 'Hello from WhatsApp API!',
    }),
  })
  .openapi('SendRequest')

export const sentSchema = z
  .strictObject({
    status: z.enum(['sent', 'queued']),
    to: z.string().openapi({ description: 'The JID of the recipient' }),
    type: z.string().openapi({ example: 'text' }),
    id: z
      .string()
      .openapi({ description: "The message's id, here and at WhatsApp", example: '3EB0C431C26A1916E07A' }),
    sendAt: isoSchema.optional().openapi({ description: 'Of a message that waits for its time' }),
  })
  .openapi('Sent')

export const toSent = (
  kind: Exclude<SendOutcome['kind'], 'failed'>,
  { to, message, sendAt = null }: SendOutcome,
): z.output<typeof sentSchema> => ({
  status: kind,
  to,
  type: message.type,
  id: message.id,
  ...(sendAt === null ? {} : { sendAt: iso(sendAt) }),
})

export const messagesQuery = z.strictObject({
  ...pageQuery,
  chat: z.string().min(1).optional().openapi({ description: 'A JID or a phone number' }),
  direction: z.enum(['inbound', 'outbound']).optional(),
  status: z.enum(shownStatuses).optional(),
  type: z.enum(messageTypes).optional(),
  acts: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .openapi({
      type: 'string',
      description:
        '`true` lists reactions, edits, deletions, pins and votes too; `type` finds those of one type',
    }),
  after: timeQuery,
  before: timeQuery,
})

const stepSchema = isoSchema.nullable()

export const messageSchema = z
  .strictObject({
    id: z.string(),
    device: deviceIdSchema,
    whatsappId: z.string(),
    direction: z.enum(['inbound', 'outbound']),
    chat: z.string().openapi({ description: 'The JID to show: by phone number where it is known' }),
    chatPhone: z.string().nullable().openapi({ description: 'Digits' }),
    chatLid: z.string().nullable(),
    sender: z.strictObject({
      phone: z.string().nullable().openapi({ description: 'Digits' }),
      lid: z.string().nullable(),
      name: z.string().nullable(),
    }),
    type: z.string().openapi({ example: 'text' }),
    text: z.string().nullable(),
    body: bodySchema.nullable().openapi({
      description:
        'All that it says, as it can be sent again; null for what could not be decrypted or has no name here',
    }),
    target: z.string().nullable().openapi({ description: 'The id of the message that it acts on' }),
    editedAt: isoSchema.nullable(),
    deletedAt: isoSchema.nullable(),
    starred: z.boolean(),
    deletedForMeAt: isoSchema.nullable().openapi({
      description:
        "When it was taken out of the chat on the owner's devices; others have it, and so does this log",
    }),
    pinnedUntil: isoSchema.nullable(),
    status: z.enum(shownStatuses).openapi({
      description: '`pending`: it cannot be decrypted, and was asked for again',
    }),
    attempts: z.int(),
    error: z.strictObject({ code: z.string(), detail: z.string() }).nullable(),
    timestamp: isoSchema.nullable().openapi({ description: "WhatsApp's time of the message" }),
    times: z
      .strictObject({
        queued: stepSchema,
        sending: stepSchema,
        sent: stepSchema,
        delivered: stepSchema,
        read: stepSchema,
        played: stepSchema,
        failed: stepSchema,
      })
      .openapi({
        description: 'When the message came to each step; null for a step that it has not come to',
      }),
  })
  .openapi('Message')

/** The types of schemas know nothing of lists that are read-only, as those of the domain are. */
export const toMessage = (message: Message): z.output<typeof messageSchema> =>
  shownMessage(message) as z.output<typeof messageSchema>

export const messagesSchema = z
  .strictObject({ messages: z.array(messageSchema), nextCursor: nextCursorSchema })
  .openapi('Messages')
