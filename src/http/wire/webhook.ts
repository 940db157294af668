/** Webhook endpoints on the wire. */
import { z } from '@hono/zod-openapi'
import type { Resumed } from '../../control/webhooks/change-webhook.ts'
import { deliveryCountMax, type CountedWebhook } from '../../control/webhooks/get-webhook.ts'
import { keepSecretDefaultSeconds, keepSecretMaxSeconds } from '../../domain/webhook-verbs.ts'
import {
  concurrencyDefault,
  concurrencyMax,
  descriptionCharsMax,
  eventPatternsMax,
  filterChatsMax,
  filterDevicesMax,
  headersMax,
  secretBytesMax,
  secretBytesMin,
  urlCharsMax,
} from '../../domain/webhook-settings.ts'
import {
  deliveryStates,
  endpointStates,
  mediaWays,
  payloadFormats,
  type Endpoint,
} from '../../domain/webhook.ts'
import { iso, isoOrNull, isoSchema } from './time.ts'

const url = z.string().openapi({
  description: `http:// or https://; at most ${urlCharsMax} characters`,
  example: 'https://example.com/whatsapp',
})
const list = z.array(z.string()).nullable().optional()

/** What may be set; the domain says what is wrong with it, in the same words for all who ask. */
const settings = {
  events: list.openapi({
    description: `Types of events, or all of a noun; null: all. At most ${eventPatternsMax}`,
    example: ['message.received', 'device.*'],
  }),
  chats: list.openapi({
    description: `Of events that are about a chat only those of these pass: JIDs, phone numbers, or all of a kind, such as \`*@g.us\` for all groups; null: all. At most ${filterChatsMax}`,
    example: ['*@s.whatsapp.net', '*@lid'],
  }),
  notChats: list.openapi({
    description: `None of these chats. At most ${filterChatsMax}`,
    example: ['status@broadcast'],
  }),
  ownMessages: z.boolean().optional().openapi({
    description:
      'False leaves out all events of messages that the owner wrote, here or on a phone, receipts included; true by default',
  }),
  headers: z
    .record(z.string(), z.string().nullable())
    .nullable()
    .optional()
    .openapi({
      description: `Sent with every request; at most ${headersMax}. They are replaced as a whole; a null keeps the value of one, which is never shown`,
      example: { Authorization: 'Bearer abc' },
    }),
  format: z.enum(payloadFormats).optional().openapi({
    description:
      '`event`: every event as it is in the log. `plain`: received messages alone, as `{type, from, message, timestamp}`',
  }),
  media: z.enum(mediaWays).optional().openapi({
    description: 'Files by a link to them, or in base64 beside it when they are small enough',
  }),
  ordered: z.boolean().optional().openapi({
    description: 'The events of a device one after the other, each only when the one before is settled',
  }),
  concurrency: z.number().optional().openapi({
    type: 'integer',
    minimum: 1,
    maximum: concurrencyMax,
    default: concurrencyDefault,
    description: 'So many requests at a time',
  }),
  description: z
    .string()
    .nullable()
    .optional()
    .openapi({ description: `For people; at most ${descriptionCharsMax} characters` }),
}
const secret = z
  .string()
  .optional()
  .openapi({
    description: `\`whsec_\` and the base64 of ${secretBytesMin} to ${secretBytesMax} bytes; one is made when there is none`,
  })
const devices = list.openapi({
  description: `Ids; the devices need not be there yet. Null: all. At most ${filterDevicesMax}`,
  example: ['customer1'],
})

export const createWebhookBody = z.strictObject({ url, ...settings, devices, secret }).openapi('NewWebhook', {
  example: { url: 'https://example.com/whatsapp', events: ['message.received'] },
})
export const startWebhookBody = z.strictObject({ url, ...settings, secret }).openapi('DeviceWebhook', {
  example: { url: 'https://example.com/whatsapp' },
})
export const changeWebhookBody = z
  .strictObject({ url: url.optional(), ...settings, devices })
  .openapi('WebhookChange', { example: { events: ['message.*'], notChats: ['*@g.us'] } })

export const rotateSecretBody = z
  .strictObject({
    keepPreviousFor: z.int().default(keepSecretDefaultSeconds).openapi({
      minimum: 0,
      maximum: keepSecretMaxSeconds,
      description: 'Seconds for which the secret of before signs too',
    }),
  })
  .openapi('SecretRotation')

const strings = z.array(z.string())
const shape = {
  id: z.string().openapi({ example: 'whk_01jdb2v9x4k7q2m5n8p3r6t9w1' }),
  url: z.string(),
  description: z.string().nullable(),
  state: z.enum(endpointStates).openapi({
    description:
      '`paused`: by a person; what comes waits. `disabled`: by the gateway; what comes is not sent, and can be replayed',
  }),
  events: strings.nullable(),
  devices: strings.nullable(),
  chats: strings.nullable(),
  notChats: strings,
  ownMessages: z.boolean(),
  headers: z.record(z.string(), z.null()).openapi({ description: 'Names; the values are not shown' }),
  format: z.enum(payloadFormats),
  media: z.enum(mediaWays),
  ordered: z.boolean(),
  concurrency: z.int(),
  previousSecretUntil: isoSchema
    .nullable()
    .openapi({ description: 'Until then the secret of before signs too' }),
  failures: z.int().openapi({ description: 'Attempts that have failed since the last that did not' }),
  failingSince: isoSchema.nullable(),
  notBefore: isoSchema.nullable().openapi({ description: 'No attempt before' }),
  disabledReason: z.string().nullable(),
  disabledSeq: z
    .int()
    .nullable()
    .openapi({ description: 'The newest event when it was disabled: those after it were not sent' }),
  createdAt: isoSchema,
  updatedAt: isoSchema,
}

export const webhookSchema = z.strictObject(shape).openapi('Webhook')
export const webhooksSchema = z.strictObject({ webhooks: z.array(webhookSchema) }).openapi('Webhooks')
export const webhookWithSecretSchema = z
  .strictObject({
    ...shape,
    secret: z.string().openapi({ description: 'Shown here and never again', example: 'whsec_C2FV…' }),
  })
  .openapi('WebhookWithSecret')

const countShape = Object.fromEntries(deliveryStates.map((state) => [state, z.int()])) as Record<
  (typeof deliveryStates)[number],
  z.ZodInt
>
export const countedWebhookSchema = z
  .strictObject({
    ...shape,
    deliveries: z
      .strictObject(countShape)
      .openapi({ description: `By state; counted up to ${deliveryCountMax}` }),
  })
  .openapi('CountedWebhook')

export const resumedWebhookSchema = z
  .strictObject({
    ...shape,
    missed: z.strictObject({ after: z.int(), until: z.int() }).nullable().openapi({
      description: 'What it did not get while it was disabled: the body of the replay that brings it',
    }),
  })
  .openapi('ResumedWebhook')

export const toWebhook = (endpoint: Endpoint): z.output<typeof webhookSchema> => {
  const { filter, state } = endpoint
  return {
    id: endpoint.id,
    url: endpoint.url,
    description: endpoint.description,
    state,
    events: filter.events === null ? null : [...filter.events],
    devices: filter.devices === null ? null : [...filter.devices],
    chats: filter.chats === null ? null : [...filter.chats],
    notChats: [...filter.notChats],
    ownMessages: filter.ownMessages,
    headers: Object.fromEntries(Object.keys(endpoint.headers).map((name) => [name, null])),
    format: endpoint.format,
    media: endpoint.media,
    ordered: endpoint.ordered,
    concurrency: endpoint.concurrency,
    previousSecretUntil: isoOrNull(endpoint.previousSecretUntil),
    failures: endpoint.failures,
    failingSince: isoOrNull(endpoint.failingSince),
    notBefore: isoOrNull(endpoint.notBefore),
    disabledReason: endpoint.disabledReason,
    disabledSeq: endpoint.disabledSeq,
    createdAt: iso(endpoint.createdAt),
    updatedAt: iso(endpoint.updatedAt),
  }
}

export const toWebhookWithSecret = (endpoint: Endpoint): z.output<typeof webhookWithSecretSchema> => {
  const { id, ...rest } = toWebhook(endpoint)
  return { id, secret: endpoint.secret, ...rest }
}

export const toCountedWebhook = ({
  endpoint,
  counts,
}: CountedWebhook): z.output<typeof countedWebhookSchema> => ({
  ...toWebhook(endpoint),
  deliveries: counts,
})

export const toResumed = ({ endpoint, missed }: Resumed): z.output<typeof resumedWebhookSchema> => ({
  ...toWebhook(endpoint),
  missed,
})
