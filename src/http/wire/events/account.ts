/** Events about what is seen on an account beside messages. */
import { z } from '@hono/zod-openapi'
import type { Sighting } from '../../../domain/event.ts'
import { isoSchema } from '../time.ts'
import {
  chat,
  chatLid,
  chatShape,
  type EventSpecs,
  group,
  party,
  partySchema,
  unchanged as notes,
} from './spec.ts'

const by = partySchema.nullable().openapi({ description: 'Who did it; null where WhatsApp does not say' })
const groupShape = { chat: z.string().openapi({ description: 'The JID of the group' }), by }
const membership = {
  notes,
  data: z.strictObject({ ...groupShape, subject: z.string().nullable() }),
  example: { chat: group, subject: 'Football on Friday', by: party },
}
const ofChat = { notes, data: z.strictObject(chatShape), example: { chat, chatLid } }
const call = {
  notes,
  data: z.strictObject({
    callId: z.string(),
    ...chatShape,
    from: partySchema,
    video: z.boolean(),
    group: z.boolean(),
  }),
  example: { callId: '5F3A9C0E7B1D4A68', chat, chatLid, from: party, video: false, group: false },
}
const labelId = z.string()
const labelled = {
  notes,
  data: z.strictObject({
    labelId,
    ...chatShape,
    whatsappId: z
      .string()
      .nullable()
      .openapi({ description: "WhatsApp's id of the message that it is on; null: on the whole chat" }),
  }),
  example: { labelId: '7', chat, chatLid, whatsappId: null },
}

export const accountEvents: EventSpecs<Sighting['type']> = {
  'group.joined': membership,
  'group.left': membership,
  'group.members_changed': {
    notes,
    data: z.strictObject({
      ...groupShape,
      change: z.enum(['added', 'removed', 'promoted', 'demoted']),
      members: z.array(partySchema),
    }),
    example: {
      chat: group,
      by: party,
      change: 'added',
      members: [{ jid: chatLid, lid: chatLid, phone: null }],
    },
  },
  'group.updated': {
    notes,
    data: z.strictObject({
      ...groupShape,
      subject: z.string().optional(),
      description: z.string().nullable().optional(),
      announce: z.boolean().optional().openapi({ description: 'Whether only admins may write' }),
      locked: z.boolean().optional().openapi({
        description: 'Whether only admins may change subject, picture and description',
      }),
      expiresInSeconds: z.int().optional().openapi({ description: 'Disappearing messages; 0 is off' }),
    }),
    example: { chat: group, by: party, subject: 'Football on Sunday' },
  },
  'contact.updated': {
    notes,
    data: z.strictObject({
      contact: partySchema,
      name: z
        .string()
        .nullable()
        .optional()
        .openapi({ description: "As the owner's address book calls them" }),
      pushName: z.string().optional().openapi({ description: 'As they call themselves' }),
      picture: z.enum(['changed', 'removed']).optional(),
      about: z.string().optional().openapi({ description: 'What they say of themselves' }),
    }),
    example: { contact: party, pushName: 'Ada' },
  },
  'chat.updated': {
    notes,
    data: z.strictObject({
      ...chatShape,
      archived: z.boolean().optional(),
      pinned: z.boolean().optional(),
      mutedUntil: isoSchema.nullable().optional(),
      read: z.boolean().optional(),
    }),
    example: { chat, chatLid, archived: true },
  },
  'chat.deleted': ofChat,
  'chat.cleared': ofChat,
  'presence.updated': {
    notes,
    data: z.strictObject({
      ...chatShape,
      from: partySchema,
      state: z.enum(['available', 'unavailable', 'composing', 'recording', 'paused']),
      lastSeenAt: isoSchema.nullable(),
    }),
    example: { chat, chatLid, from: party, state: 'composing', lastSeenAt: null },
  },
  'call.received': call,
  'call.accepted': call,
  'call.rejected': call,
  'call.missed': call,
  'call.ended': call,
  'label.updated': {
    notes,
    data: z.strictObject({
      labelId,
      name: z.string(),
      color: z.int().openapi({ description: "WhatsApp's number of a colour" }),
      deleted: z.boolean(),
    }),
    example: { labelId: '7', name: 'New customer', color: 2, deleted: false },
  },
  'label.assigned': labelled,
  'label.unassigned': labelled,
  'history.synced': {
    notes,
    data: z.strictObject({
      kind: z.enum(['initial', 'recent', 'full', 'push_names', 'on_demand', 'other']),
      chats: z.int(),
      contacts: z.int(),
      messages: z.int(),
      progress: z.number().nullable().openapi({ description: 'Percent; null when WhatsApp does not say' }),
    }),
    example: { kind: 'recent', chats: 12, contacts: 40, messages: 580, progress: 60 },
  },
}
