import { z } from '@hono/zod-openapi'
import type { SendOutcome } from '../../control/submit.ts'
import type { Media } from '../../domain/media.ts'
import type { bodySchema } from './body.ts'
import { sentSchema, toSent } from './message.ts'

const binary = z.any().openapi({ type: 'string', format: 'binary', description: 'The file' })

const kinds = [
  'image',
  'video',
  'gif',
  'round_video',
  'audio',
  'voice',
  'document',
  'sticker',
] as const satisfies readonly Extract<z.output<typeof bodySchema>, { media: unknown }>['type'][]

export const uploadQuery = z.strictObject({
  type: z.enum(kinds).optional().openapi({
    description: 'Convert it for this type of message at once; without it, that is done when it is sent',
    example: 'voice',
  }),
  filename: z.string().min(1).max(255).optional().openapi({ example: 'cat.jpg' }),
})

export const uploadForm = z.strictObject({ file: binary }).openapi('UploadForm')

export const uploadSchema = z
  .strictObject({
    uploadId: z
      .string()
      .openapi({ description: 'For `media` of a message', example: 'med_01kaqz3v9gx2m5c7n1p4r8t6wy' }),
    mimetype: z.string().openapi({ example: 'image/jpeg' }),
    filename: z.string().nullable(),
    bytes: z.int(),
    sha256: z.string().openapi({ description: 'Hex; of the file as it is sent' }),
    width: z.int().nullable(),
    height: z.int().nullable(),
    seconds: z.number().nullable(),
  })
  .openapi('Upload')

export const toUpload = (file: Media): z.output<typeof uploadSchema> => ({
  uploadId: file.id,
  mimetype: file.mimetype,
  filename: file.filename,
  bytes: file.bytes,
  sha256: file.sha256,
  width: file.width,
  height: file.height,
  seconds: file.seconds,
})

const sendFields = {
  to: z.string().openapi({
    description: 'The JID of a person or a group, or a phone number with or without +, spaces and dashes',
    example: '1234567890@s.whatsapp.net',
  }),
  caption: z.string().max(4_096).optional().openapi({ description: 'Not for a sound, which has none' }),
}

/** The fields of the form beside its file. */
export const sendFileFields = z.strictObject(sendFields)

export const sendFileForm = z.strictObject({ file: binary, ...sendFields }).openapi('SendMediaForm')

export const sentFileSchema = z
  .strictObject({ ...sentSchema.shape, filename: z.string().openapi({ example: 'cat.jpg' }) })
  .openapi('SentMedia')

/** In the order in which its users know it. */
export const toSentFile = (
  kind: Exclude<SendOutcome['kind'], 'failed'>,
  outcome: SendOutcome,
  filename: string,
): z.output<typeof sentFileSchema> => {
  const { status, to, type, id } = toSent(kind, outcome)
  return { status, to, type, filename, id }
}
