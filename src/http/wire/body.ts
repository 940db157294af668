/** Bodies of messages as requests bring them: src/domain/body.ts, and whom they go to and when. */
import { z } from '@hono/zod-openapi'
import { frequentlyForwardedScore } from '../../domain/body.ts'
import { textLengthMax } from '../../domain/message.ts'
import { planShape } from './plan-shape.ts'

const captionMax = 4_096
const nameMax = 512
const addressMax = 1_024
const filenameMax = 255
const mimetypeMax = 128
const mentionsMax = 1_024
const contactsMax = 50
const phonesMax = 20
const pollOptionsMin = 2
const pollOptionsMax = 12
const emojiMax = 64
const urlMax = 2_048
const expiresInMaxSeconds = 7_776_000

const messageId = z
  .string()
  .min(1)
  .max(128)
  .openapi({ description: 'The id of a message', example: '3EB0C431C26A1916E07A' })
const words = (max: number) => z.string().min(1).max(max)
const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString())
  .openapi({ type: 'string', format: 'date-time', example: '2026-12-24T18:00:00Z' })

/** What is known of a file that the gateway holds. Bodies that were received have it; of one to send it is ignored. */
const known = {
  bytes: z.int().optional(),
  sha256: z.string().optional(),
  width: z.int().optional(),
  height: z.int().optional(),
  seconds: z.number().optional(),
}

const uploadRef = z.strictObject({
  uploadId: z.string().max(64).openapi({
    description: 'Of a file that was uploaded, or received with a message',
    example: 'med_01JDB2V9',
  }),
  ...known,
})

const mediaSchema = z
  .union([
    uploadRef,
    z.strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .max(urlMax)
        .openapi({ description: 'The gateway fetches it', example: 'https://example.com/cat.jpg' }),
    }),
    z.strictObject({ base64: z.base64().min(1).openapi({ description: 'Small files; upload larger ones' }) }),
  ])
  .openapi('Media')

const file = {
  media: mediaSchema,
  mimetype: words(mimetypeMax)
    .optional()
    .openapi({ description: 'Found out from the file when it is not given', example: 'image/jpeg' }),
}
const filename = words(filenameMax).optional()
const caption = z.string().max(captionMax).optional()
const captioned = { ...file, filename, caption }
const pinSeconds = z
  .union([z.literal(0), z.literal(86_400), z.literal(604_800), z.literal(2_592_000)])
  .openapi({ description: 'A day, a week or 30 days; 0 takes the pin off' })

/** What any message may have beside what it says. */
const options = {
  replyTo: messageId.optional().openapi({ description: 'The id of the message of the chat that it answers' }),
  mentions: z
    .array(z.string().min(1).max(64))
    .max(mentionsMax)
    .optional()
    .openapi({
      description:
        'Phone numbers or JIDs of people whom the text names as `@1234567890`; `all` is everybody in the group',
      example: ['1234567890'],
    }),
  expiresIn: z.int().min(0).max(expiresInMaxSeconds).optional().openapi({
    description:
      'Seconds after which phones drop it. WhatsApp itself offers 86400, 604800 and 7776000; give what the chat is set to',
    example: 86_400,
  }),
  forwarded: z.boolean().optional(),
  forwardingScore: z
    .int()
    .min(1)
    .max(frequentlyForwardedScore)
    .optional()
    .openapi({
      description: `How often it has been forwarded; ${frequentlyForwardedScore} is shown as many times`,
    }),
}
const viewOnce = z.boolean().optional().openapi({ description: 'It can be opened once' })

const place = {
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  name: words(nameMax).optional(),
  address: words(addressMax).optional(),
}

const linkPreview = z.strictObject({
  url: z.string().max(urlMax),
  title: words(nameMax),
  description: z.string().max(captionMax).optional(),
  image: uploadRef.optional(),
})

const named = (type: string): string =>
  type.replace(/(^|_)(\w)/g, (_match, _start, letter: string) => letter.toUpperCase())

const schemaOf = <Type extends string, Shape extends z.ZodRawShape>(
  type: Type,
  shape: Shape,
  example: object,
) =>
  z
    .strictObject({ type: z.literal(type), ...shape })
    .openapi(`${named(type)}Body`, { example: { type, ...example } })

/** What somebody says. */
const content = <Type extends string, Shape extends z.ZodRawShape>(
  type: Type,
  shape: Shape,
  example: object,
) => schemaOf(type, { ...shape, ...options }, example)

const picture = { media: { url: 'https://example.com/cat.jpg' } }

const contentSchemas = [
  content(
    'text',
    {
      text: words(textLengthMax),
      linkPreview: linkPreview.optional(),
    },
    { text: 'Hello' },
  ),
  content(
    'location',
    { ...place, url: z.string().max(urlMax).optional() },
    { latitude: 52.5163, longitude: 13.3777, name: 'Brandenburg Gate' },
  ),
  content(
    'live_location',
    {
      latitude: place.latitude,
      longitude: place.longitude,
      accuracyMeters: z.int().min(0).optional(),
      speedMetersPerSecond: z.number().min(0).optional(),
      heading: z.int().min(0).max(360).optional(),
      caption,
      sequence: z.int().min(0).optional(),
    },
    { latitude: 52.5163, longitude: 13.3777 },
  ),
  content(
    'contacts',
    {
      contacts: z
        .array(
          z.strictObject({
            name: words(nameMax),
            phones: z.array(words(64)).max(phonesMax),
            organization: words(nameMax).optional(),
            email: words(nameMax).optional(),
          }),
        )
        .min(1)
        .max(contactsMax),
    },
    { contacts: [{ name: 'Ada Lovelace', phones: ['+44 20 7946 0000'] }] },
  ),
  content(
    'poll',
    {
      question: words(255),
      options: z.array(words(100)).min(pollOptionsMin).max(pollOptionsMax),
      selectable: z
        .int()
        .min(0)
        .default(1)
        .openapi({ description: 'How many options one may choose; 0: any number' }),
    },
    { question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 },
  ),
  content(
    'event',
    {
      name: words(100),
      description: z.string().max(2_048).optional(),
      startsAt: moment,
      endsAt: moment.optional(),
      location: z.strictObject(place).optional(),
      joinLink: z.string().max(urlMax).optional(),
      canceled: z.boolean().optional(),
    },
    { name: 'Dinner', startsAt: '2026-12-24T18:00:00Z' },
  ),
  content(
    'group_invite',
    {
      group: words(64),
      groupName: words(nameMax).optional(),
      code: words(64),
      inviteExpiresAt: moment.optional(),
      caption,
    },
    { group: '120363000000000000@g.us', code: 'AbCdEfGhIjK' },
  ),
] as const

/** What comes with a file. */
const fileSchemas = [
  content('image', { ...captioned, viewOnce }, { ...picture, caption: 'A cat' }),
  content('video', { ...captioned, viewOnce }, { media: { url: 'https://example.com/cat.mp4' } }),
  content('gif', captioned, { media: { url: 'https://example.com/cat.mp4' } }),
  content('round_video', { ...file, filename }, { media: { uploadId: 'med_01JDB2V9' } }),
  content('audio', { ...file, filename }, { media: { url: 'https://example.com/song.mp3' } }),
  content(
    'voice',
    { ...file, filename, viewOnce, waveform: z.array(z.int().min(0).max(100)).max(64).optional() },
    { media: { uploadId: 'med_01JDB2V9' } },
  ),
  content('document', captioned, { media: { url: 'https://example.com/bill.pdf' }, filename: 'bill.pdf' }),
  content('sticker', { ...file, filename, animated: z.boolean().optional() }, picture),
] as const

/** What somebody does to another message of the chat. */
const actSchemas = [
  schemaOf(
    'reaction',
    { messageId, emoji: z.string().max(emojiMax) },
    { messageId: '3EB0C431C26A1916E07A', emoji: '👍' },
  ),
  schemaOf(
    'edit',
    { messageId, text: words(textLengthMax) },
    { messageId: '3EB0C431C26A1916E07A', text: 'Hello!' },
  ),
  schemaOf('delete', { messageId }, { messageId: '3EB0C431C26A1916E07A' }),
  schemaOf('pin', { messageId, seconds: pinSeconds }, { messageId: '3EB0C431C26A1916E07A', seconds: 86_400 }),
  schemaOf(
    'vote',
    { messageId, options: z.array(words(100)).max(pollOptionsMax) },
    { messageId: '3EB0C431C26A1916E07A', options: ['Pizza'] },
  ),
] as const

const recipient = z.string().openapi({
  description: 'The JID of a person or a group, or a phone number with or without +, spaces and dashes',
  example: '1234567890@s.whatsapp.net',
})

/** What a request may say otherwise than a body that is shown. */
const asked: Readonly<Record<string, z.ZodRawShape>> = {
  text: {
    linkPreview: z.union([z.boolean(), linkPreview]).optional().openapi({
      description:
        'Of the first link in the text: `false` for none, or one of your own; otherwise it is what the page says',
    }),
  },
}

const requestOf = (
  schema: z.ZodObject<{ type: z.ZodLiteral<string> } & z.ZodRawShape>,
  shape: z.ZodRawShape,
) => {
  const type = schema.shape.type.value
  return [
    type,
    z.strictObject({ ...shape, ...schema.shape, ...asked[type] }).openapi(`Send${named(type)}`),
  ] as const
}

/** By type, the body of a request that sends it. */
export const sendSchemas = new Map<string, z.ZodObject>([
  ...contentSchemas.map((schema) => requestOf(schema, { to: recipient, ...planShape })),
  ...fileSchemas.map((schema) => requestOf(schema, { to: recipient, ...planShape })),
  ...actSchemas.map((schema) =>
    requestOf(schema, {
      to: recipient.optional().openapi({ description: 'May be left out: the chat of the message' }),
      ...planShape,
    }),
  ),
])

/** By type, what a bulk can say. */
export const bulkSchemas = new Map<string, z.ZodObject>(
  [...contentSchemas, ...fileSchemas].map((schema) => {
    const { replyTo: _, ...shape } = schema.shape
    const type = shape.type.value
    return [type, z.strictObject({ ...shape, ...asked[type] }).openapi(`Bulk${named(type)}`)]
  }),
)
export const bulkMessageSchema = z.union([...bulkSchemas.values()]).openapi('BulkMessage')

const notShown =
  "WhatsApp's apps do not show buttons, lists and templates of accounts like this one any more: ask with a poll, or in a text"

export const refusedTypes: ReadonlyMap<string, string> = new Map(
  ['buttons', 'list', 'interactive', 'template', 'carousel'].map((type) => [type, notShown]),
)

export const sendRequest = z.union([...sendSchemas.values()]).openapi('SendBodyRequest')

/** Kinds of messages that come in and have no body. */
const shownOnly = ['undecryptable', 'unknown'] as const

/** A body that a message which waits for its time can be given. */
export const newBodySchema = z
  .discriminatedUnion('type', [...contentSchemas, ...fileSchemas])
  .openapi('NewMessageBody')

/** A message's body, as it is shown. */
export const bodySchema = z
  .discriminatedUnion('type', [...contentSchemas, ...fileSchemas, ...actSchemas])
  .openapi('MessageBody')

/** The kind of message that a list or a search is for. */
export const typeQuery = z
  .enum([
    ...[...contentSchemas, ...fileSchemas, ...actSchemas].map(({ shape }) => shape.type.value),
    ...shownOnly,
  ])
  .optional()
