/**
 * What a person writes on a phone, and what a phone shows: one union on `type`, the same as the gateway's API has. The
 * sandbox has its own, since it is a witness.
 */
import { z } from 'zod'

const textMaxChars = 65_536
const wordsMaxChars = 4_096
const idMaxChars = 200
const listMax = 1_024
const fileMaxBytes = 256 * 1024 * 1024
const secondsMax = 100_000_000

const id = z.string().min(1).max(idMaxChars)
const words = z.string().min(1).max(wordsMaxChars)
const moment = z.iso.datetime({ offset: true })
const seconds = z.number().min(0).max(secondsMax)

/** A file: its bytes, or so many that are always the same. What is known of it goes into the message as it is said. */
const media = z
  .strictObject({
    base64: z.base64().optional(),
    bytes: z.number().int().min(0).max(fileMaxBytes).optional(),
    width: z.number().int().optional(),
    height: z.number().int().optional(),
    seconds: seconds.optional(),
    /** Base64 of a JPEG. */
    thumbnail: z.base64().optional(),
  })
  .refine(
    ({ base64, bytes }) => (base64 === undefined) !== (bytes === undefined),
    'send base64, or bytes (a number)',
  )

const file = { media, mimetype: words.optional() }
const captioned = { ...file, filename: words.optional(), caption: words.optional() }
const place = {
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  name: words.optional(),
  address: words.optional(),
}

/** Beside what it says. */
const options = {
  /** WhatsApp id of the message that it answers, in the same chat. */
  replyTo: id.optional(),
  /** Numbers or JIDs; `all` is everybody in the group. */
  mentions: z.array(id).max(listMax).optional(),
  viewOnce: z.boolean().optional(),
  /** Seconds. */
  expiresIn: seconds.optional(),
  forwarded: z.boolean().optional(),
}

/** Where it goes: a number, a JID or a group; how a person is named on the wire. */
const way = { to: id, addressing: z.enum(['pn', 'lid']).optional() }

const body = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ ...way, type: z.literal(type), ...shape, ...options })

const variants = [
  body('text', {
    text: z.string().min(1).max(textMaxChars),
    linkPreview: z
      .strictObject({
        url: words,
        title: words,
        description: words.optional(),
        thumbnail: z.base64().optional(),
      })
      .optional(),
  }),
  body('image', captioned),
  body('video', captioned),
  body('gif', captioned),
  body('round_video', file),
  body('audio', { ...file, filename: words.optional() }),
  body('voice', { ...file, waveform: z.array(z.number().int().min(0).max(100)).max(64).optional() }),
  body('document', captioned),
  body('sticker', { ...file, animated: z.boolean().optional() }),
  body('location', { ...place, url: words.optional() }),
  body('live_location', {
    latitude: place.latitude,
    longitude: place.longitude,
    accuracyMeters: z.number().int().optional(),
    speedMetersPerSecond: z.number().optional(),
    heading: z.number().int().optional(),
    caption: words.optional(),
    sequence: z.number().int().optional(),
  }),
  body('contacts', {
    contacts: z
      .array(
        z.strictObject({
          name: words,
          phones: z.array(words),
          organization: words.optional(),
          email: words.optional(),
        }),
      )
      .min(1)
      .max(listMax),
  }),
  body('poll', {
    question: words,
    options: z.array(words).min(1).max(listMax),
    selectable: z.number().int().min(0).default(1),
  }),
  body('event', {
    name: words,
    description: words.optional(),
    startsAt: moment,
    endsAt: moment.optional(),
    location: z.strictObject(place).optional(),
    joinLink: words.optional(),
    canceled: z.boolean().optional(),
  }),
  body('group_invite', {
    group: id,
    groupName: words.optional(),
    code: words,
    inviteExpiresAt: moment.optional(),
    caption: words.optional(),
  }),
  body('reaction', { messageId: id, emoji: z.string().max(idMaxChars) }),
  body('edit', { messageId: id, text: z.string().min(1).max(textMaxChars) }),
  body('delete', { messageId: id }),
  body('pin', { messageId: id, seconds }),
  body('vote', { messageId: id, options: z.array(words).max(listMax) }),
] as const

export const writtenSchema = z.discriminatedUnion('type', variants)

/** A message that somebody writes on a phone. */
export type Written = z.infer<typeof writtenSchema>
export type WrittenOf<Type extends Written['type']> = Extract<Written, { type: Type }>
/** What is sent in it, if it is a file. */
export type WrittenFile = z.infer<typeof media>

/** Acts on another message. */
export type ActType = 'reaction' | 'edit' | 'delete' | 'pin' | 'vote'
const actTypes: ReadonlySet<string> = new Set<ActType>(['reaction', 'edit', 'delete', 'pin', 'vote'])
export const isAct = (type: string): boolean => actTypes.has(type)

/** A file as a phone shows it, once it has fetched and checked it. */
export interface ShownFile {
  /** Hex, of the file itself. */
  readonly sha256?: string
  readonly bytes?: number
  readonly width?: number
  readonly height?: number
  readonly seconds?: number
  /** Of the small picture that came along. */
  readonly thumbnailBytes?: number
  /** Why the phone has it not. */
  readonly error?: string
}

/** A body as a phone shows it: as it is written, but for the file. */
export type ShownBody = { readonly type: string; readonly media?: ShownFile } & Readonly<
  Record<string, unknown>
>
