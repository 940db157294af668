import { z } from '@hono/zod-openapi'
import type { ShownPacing } from '../../control/set-pacing.ts'
import {
  gapMaxMs,
  messagesPerDayMax,
  messagesPerMinuteMax,
  newChatsPerDayMax,
  type Wait,
} from '../../domain/pacing.ts'
import { deviceIdSchema } from './device.ts'
import { iso, isoOrNull, isoSchema } from './time.ts'

const range = z
  .strictObject({ minMs: z.int().min(0).max(gapMaxMs), maxMs: z.int().min(0).max(gapMaxMs) })
  .nullable()
const most = (max: number) => z.int().min(1).max(max).nullable()

const rules = {
  messagesPerMinute: most(messagesPerMinuteMax),
  messagesPerDay: most(messagesPerDayMax).openapi({ description: 'A day is the last 24 hours' }),
  newChatsPerDay: most(newChatsPerDayMax).openapi({
    description: 'People whom nobody has written to or heard from through this gateway',
  }),
  gap: range.openapi({ description: 'Between two messages, by chance' }),
  newChatGap: range.openapi({ description: 'Between two new chats, by chance' }),
  quietHours: z
    .strictObject({ from: z.string(), to: z.string(), timeZone: z.string().max(64) })
    .nullable()
    .openapi({
      description: 'Nothing is sent then',
      example: { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' },
    }),
}

export const pacingBody = z
  .strictObject({
    preset: z
      .enum(['off', 'careful', 'new_number'])
      .optional()
      .openapi({ description: 'What is given beside it changes it; without one nothing else is limited' }),
    messagesPerMinute: rules.messagesPerMinute.optional(),
    messagesPerDay: rules.messagesPerDay.optional(),
    newChatsPerDay: rules.newChatsPerDay.optional(),
    gap: rules.gap.optional(),
    newChatGap: rules.newChatGap.optional(),
    quietHours: rules.quietHours.optional(),
  })
  .openapi('PacingRequest', { example: { preset: 'careful', messagesPerDay: 500 } })

const waitSchema = z.strictObject({ reason: z.string(), until: isoSchema }).nullable()

export const pacingSchema = z
  .strictObject({
    device: deviceIdSchema,
    preset: z.enum(['off', 'careful', 'new_number', 'own']),
    ...rules,
    restrictedUntil: isoSchema.nullable().openapi({ description: 'By WhatsApp: no new chats until then' }),
    waiting: waitSchema.openapi({ description: 'Why nothing may leave now; null: it may' }),
    newChatsWaiting: waitSchema.openapi({ description: 'The same of what opens a chat' }),
  })
  .openapi('Pacing')

const toWait = (wait: Wait | null): z.output<typeof waitSchema> =>
  wait === null ? null : { reason: wait.reason, until: iso(wait.until) }

export const toPacing = ({ device, any, newChats }: ShownPacing): z.output<typeof pacingSchema> => {
  const { id, pacing, restrictedUntil } = device
  return {
    device: id,
    preset: pacing?.preset ?? 'off',
    messagesPerMinute: pacing?.messagesPerMinute ?? null,
    messagesPerDay: pacing?.messagesPerDay ?? null,
    newChatsPerDay: pacing?.newChatsPerDay ?? null,
    gap: pacing?.gap ?? null,
    newChatGap: pacing?.newChatGap ?? null,
    quietHours: pacing?.quietHours ?? null,
    restrictedUntil: isoOrNull(restrictedUntil),
    waiting: toWait(any),
    newChatsWaiting: toWait(newChats),
  }
}
