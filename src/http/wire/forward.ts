import { z } from '@hono/zod-openapi'
import type { RawMessage } from '../../control/raw-message.ts'
import type { SendOutcome } from '../../control/submit.ts'
import { forwardChatsMax } from '../../domain/forward.ts'

const recipient = z.string().openapi({ example: '1234567890@s.whatsapp.net' })

export const forwardBody = z
  .strictObject({
    to: z.union([recipient, z.array(recipient).min(1).max(forwardChatsMax)]).openapi({
      description: `JIDs or phone numbers, ${forwardChatsMax} at most; one if the message was forwarded many times`,
      example: ['1234567890@s.whatsapp.net'],
    }),
  })
  .openapi('ForwardRequest')

export const forwardedSchema = z
  .strictObject({
    forwarded: z.array(
      z.strictObject({
        status: z.enum(['sent', 'queued', 'failed']),
        to: z.string().openapi({ description: 'The JID of the recipient' }),
        type: z.string(),
        id: z.string().openapi({ description: 'Of the new message' }),
        error: z.strictObject({ code: z.string(), detail: z.string() }).nullable(),
      }),
    ),
  })
  .openapi('Forwarded')

export const toForwarded = (outcomes: readonly SendOutcome[]): z.output<typeof forwardedSchema> => ({
  forwarded: outcomes.map(({ kind, to, message: { type, id, error } }) => ({
    status: kind,
    to,
    type,
    id,
    error: error === null ? null : { code: error.code, detail: error.detail },
  })),
})

export const rawSchema = z
  .strictObject({
    id: z.string(),
    whatsappId: z.string(),
    content: z.record(z.string(), z.unknown()).openapi({
      description: 'The protobuf `Message`: bytes in base64, 64-bit numbers as text, enums by name',
      example: { conversation: 'hello' },
    }),
    base64: z.string().openapi({ description: 'The same as bytes' }),
  })
  .openapi('RawMessage')

export const toRaw = ({ id, whatsappId, content, bytes }: RawMessage): z.output<typeof rawSchema> => ({
  id,
  whatsappId,
  content: content as Record<string, unknown>,
  base64: Buffer.from(bytes).toString('base64'),
})
