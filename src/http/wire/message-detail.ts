import { z } from '@hono/zod-openapi'
import type { MessageDetail } from '../../control/message-detail.ts'
import type { MessageChange, Reaction } from '../../domain/acts.ts'
import type { Party } from '../../domain/jid.ts'
import { messageChangeKinds } from '../../domain/message.ts'
import type { MemberReceipt } from '../../domain/receipts.ts'
import { phoneDigits } from '../../domain/jid.ts'
import { bodySchema } from './body.ts'
import { shownBody } from '../../domain/shown-message.ts'
import { messageSchema, toMessage } from './message.ts'
import { planSchema, toPlan } from './plan.ts'
import { iso, isoOrNull, isoSchema } from './time.ts'

const personSchema = z
  .strictObject({
    phone: z.string().nullable().openapi({ description: 'Digits' }),
    lid: z.string().nullable(),
  })
  .openapi('Person')

const toPerson = ({ pn, lid }: Party): z.output<typeof personSchema> => ({ phone: phoneDigits(pn), lid })

const count = z.int().min(0)

export const messageDetailSchema = messageSchema
  .extend({
    reactions: z
      .array(
        z.strictObject({
          emoji: z.string(),
          count,
          people: z.array(z.strictObject({ ...personSchema.shape, at: isoSchema })),
        }),
      )
      .openapi({ description: 'By emoji, as they are now' }),
    poll: z
      .strictObject({
        voters: count.openapi({ description: 'How many people have chosen something' }),
        options: z.array(z.strictObject({ option: z.string(), votes: count, voters: z.array(personSchema) })),
      })
      .nullable()
      .openapi({ description: 'The votes in a poll; null for what is none' }),
    receipts: z.strictObject({ delivered: count, read: count, played: count }).nullable().openapi({
      description: 'Of a message that was sent to a group: with how many members it has come so far',
    }),
    plan: planSchema.nullable().openapi({ description: 'While it is not sent: how it will be' }),
  })
  .openapi('MessageDetail')

const byEmoji = (reactions: readonly Reaction[]): z.output<typeof messageDetailSchema>['reactions'] =>
  [...Map.groupBy(reactions, ({ emoji }) => emoji)].map(([emoji, same]) => ({
    emoji,
    count: same.length,
    people: same.map(({ by, at }) => ({ ...toPerson(by), at: iso(at) })),
  }))

export const toMessageDetail = ({
  message,
  reactions,
  poll,
  receipts,
  plan,
}: MessageDetail): z.output<typeof messageDetailSchema> => ({
  ...toMessage(message),
  reactions: byEmoji(reactions),
  poll: poll && {
    voters: poll.voters,
    options: poll.results.map(({ option, voters }) => ({
      option,
      votes: voters.length,
      voters: voters.map(toPerson),
    })),
  },
  receipts: receipts && { delivered: receipts.delivered, read: receipts.read, played: receipts.played },
  plan: plan && toPlan(plan),
})

const changeSchema = z
  .strictObject({
    type: z.enum(messageChangeKinds),
    at: isoSchema.nullable(),
    by: personSchema,
    act: z.string().openapi({ description: 'The id of the message that is the edit or the deletion' }),
    text: z.string().nullable().openapi({ description: 'What the message said before' }),
    body: bodySchema.nullable().openapi({ description: 'The same, all of it' }),
  })
  .openapi('MessageChange')

export const changesSchema = z.strictObject({ changes: z.array(changeSchema) }).openapi('MessageChanges')

export const toChange =
  (type: string) =>
  ({ kind, at, by, actId, text, body }: MessageChange): z.output<typeof changeSchema> => ({
    type: kind,
    at: isoOrNull(at),
    by: toPerson(by),
    act: actId,
    text,
    body: shownBody({ type, text, body }) as z.output<typeof messageSchema>['body'],
  })

const memberReceiptSchema = z
  .strictObject({
    member: personSchema,
    delivered: isoSchema.nullable(),
    read: isoSchema.nullable(),
    played: isoSchema.nullable(),
  })
  .openapi('MemberReceipt')

export const receiptsSchema = z
  .strictObject({ receipts: z.array(memberReceiptSchema) })
  .openapi('MemberReceipts')

export const toMemberReceipt = (receipt: MemberReceipt): z.output<typeof memberReceiptSchema> => ({
  member: toPerson(receipt.member),
  delivered: isoOrNull(receipt.deliveredAt),
  read: isoOrNull(receipt.readAt),
  played: isoOrNull(receipt.playedAt),
})
