import { z } from '@hono/zod-openapi'
import { mediaSources, mediaStates, type Media } from '../../domain/media.ts'
import { isoOrNull, isoSchema } from './time.ts'

export const fileSchema = z
  .strictObject({
    uploadId: z
      .string()
      .openapi({ description: 'For `media` of a message', example: 'med_01kaqz3v9gx2m5c7n1p4r8t6wy' }),
    messageId: z.string().nullable().openapi({ description: 'The message that it came with' }),
    source: z.enum(mediaSources),
    state: z.enum(mediaStates).openapi({
      description:
        '`waiting` to be fetched from WhatsApp; `stored`; `failed`: it could not be had; `removed`: it was stored once',
    }),
    mimetype: z.string().openapi({ example: 'image/jpeg' }),
    filename: z.string().nullable(),
    bytes: z.int(),
    sha256: z.string().openapi({ description: 'Hex' }),
    error: z.strictObject({ code: z.string(), detail: z.string() }).nullable(),
    attempts: z.int(),
    dueAt: isoSchema
      .nullable()
      .openapi({ description: 'When it is fetched next; null: when it is asked for' }),
    createdAt: isoSchema,
    storedAt: isoSchema.nullable(),
    removedAt: isoSchema.nullable(),
  })
  .openapi('File')

export const toFile = (file: Media): z.output<typeof fileSchema> => ({
  uploadId: file.id,
  messageId: file.messageId,
  source: file.source,
  state: file.state,
  mimetype: file.mimetype,
  filename: file.filename,
  bytes: file.bytes,
  sha256: file.sha256,
  error: file.error,
  attempts: file.attempts,
  dueAt: isoOrNull(file.dueAt),
  createdAt: isoOrNull(file.createdAt) ?? '',
  storedAt: isoOrNull(file.storedAt),
  removedAt: isoOrNull(file.removedAt),
})
