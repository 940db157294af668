import { z } from '@hono/zod-openapi'
import type { WouldBe } from '../../control/dry-run.ts'
import type { MessageBody } from '../../domain/body.ts'
import { partyJid } from '../../domain/jid.ts'
import { priorities } from '../../domain/plan.ts'
import { bodySchema } from './body.ts'
import { isoOrNull, isoSchema } from './time.ts'

export const dryRunQuery = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .openapi({ description: 'Check everything, show what would be sent, and write nothing' }),
})

export const dryRunSchema = z
  .strictObject({
    status: z.literal('dry_run'),
    to: z.string().openapi({ description: 'The JID of the recipient' }),
    type: z.string().openapi({ example: 'text' }),
    wouldBe: z.strictObject({
      chat: z.string(),
      chatLid: z.string().nullable(),
      onWhatsApp: z.boolean().nullable().openapi({
        description: 'What WhatsApp last said of the number; null: it would be asked first, or need not be',
      }),
      text: z.string().nullable(),
      body: bodySchema.nullable(),
      priority: z.enum(priorities),
      sendAt: isoSchema.nullable(),
      expiresAt: isoSchema.nullable(),
      typingMs: z.int().nullable(),
    }),
  })
  .openapi('DryRun')

export const toDryRun = ({ to, chat, said, plan, onWhatsApp }: WouldBe): z.output<typeof dryRunSchema> => {
  const body: MessageBody | null =
    said.body ?? (said.text === null ? null : { type: 'text', text: said.text })
  return {
    status: 'dry_run',
    to,
    type: said.type,
    wouldBe: {
      chat: partyJid(chat),
      chatLid: chat.lid,
      onWhatsApp,
      text: said.text,
      body: body as z.output<typeof bodySchema> | null,
      priority: plan.priority,
      sendAt: isoOrNull(plan.sendAt),
      expiresAt: isoOrNull(plan.expiresAt),
      typingMs: plan.typingMs,
    },
  }
}
