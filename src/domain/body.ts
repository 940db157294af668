/**
 * What a message says, in the one shape in which it is sent, stored and shown: a body that was received can be sent
 * again as it is. Fields that say nothing are absent.
 */

/** A file: one that the gateway holds, by its id, and what is known of it. Of a body to send only `uploadId` counts. */
export interface MediaRef {
  readonly uploadId: string
  readonly bytes?: number
  /** Hex of the file's SHA-256. */
  readonly sha256?: string
  readonly width?: number
  readonly height?: number
  /** Of something that plays. */
  readonly seconds?: number
}

/** Shown as forwarded many times; other clients of WhatsApp write it from the fifth time on (WhatsApp Web, `FREQUENTLY_FORWARDED_SENTINEL`). */
export const frequentlyForwardedScore = 127

/** What any message may have beside what it says. */
export interface BodyOptions {
  /** The id of the message that it answers. */
  readonly replyTo?: string
  /** JIDs of the people that it names; `all` stands for everybody in the group. */
  readonly mentions?: readonly string[]
  /** It can be opened once. */
  readonly viewOnce?: boolean
  /** Seconds after which phones drop it (WhatsApp's disappearing messages). */
  readonly expiresIn?: number
  readonly forwarded?: boolean
  /** How often it has been forwarded on its way, when more than once; `frequentlyForwardedScore` stands for very often. */
  readonly forwardingScore?: number
}

interface Media {
  readonly media: MediaRef
  readonly mimetype?: string
}

interface Captioned extends Media {
  readonly caption?: string
  readonly filename?: string
}

/** The preview of a link: what the page says of itself. */
export interface LinkPreview {
  readonly url: string
  readonly title: string
  readonly description?: string
  readonly image?: MediaRef
}

export interface Place {
  /** Degrees, -90 to 90. */
  readonly latitude: number
  /** Degrees, -180 to 180. */
  readonly longitude: number
  readonly name?: string
  readonly address?: string
}

export interface ContactCard {
  readonly name: string
  /** With `+`, as the card shows them. */
  readonly phones: readonly string[]
  readonly organization?: string
  readonly email?: string
}

export type BodyContent =
  | { readonly type: 'text'; readonly text: string; readonly linkPreview?: LinkPreview }
  | ({ readonly type: 'image' } & Captioned)
  | ({ readonly type: 'video' } & Captioned)
  /** A short silent video that plays by itself, over and over. */
  | ({ readonly type: 'gif' } & Captioned)
  /** A video in a circle. */
  | ({ readonly type: 'round_video' } & Media)
  | ({ readonly type: 'audio'; readonly filename?: string } & Media)
  /** A recording, shown with its waveform: 64 numbers of 0 to 100. */
  | ({ readonly type: 'voice'; readonly waveform?: readonly number[] } & Media)
  | ({ readonly type: 'document' } & Captioned)
  | ({ readonly type: 'sticker'; readonly animated?: boolean } & Media)
  | ({ readonly type: 'location'; readonly url?: string } & Place)
  | ({
      readonly type: 'live_location'
      readonly accuracyMeters?: number
      readonly speedMetersPerSecond?: number
      /** Degrees from north, clockwise. */
      readonly heading?: number
      readonly caption?: string
      readonly sequence?: number
    } & Omit<Place, 'name' | 'address'>)
  | { readonly type: 'contacts'; readonly contacts: readonly ContactCard[] }
  | {
      readonly type: 'poll'
      readonly question: string
      readonly options: readonly string[]
      /** How many options one may choose; 0 is as many as one likes. */
      readonly selectable: number
    }
  | {
      readonly type: 'event'
      readonly name: string
      readonly description?: string
      /** ISO 8601, UTC. */
      readonly startsAt: string
      readonly endsAt?: string
      readonly location?: Place
      readonly joinLink?: string
      readonly canceled?: boolean
    }
  | {
      readonly type: 'group_invite'
      /** The group's JID. */
      readonly group: string
      readonly groupName?: string
      readonly code: string
      /** ISO 8601, UTC. */
      readonly inviteExpiresAt?: string
      readonly caption?: string
    }

/** What acts on another message, named by `messageId`. */
export type BodyAct =
  /** An empty emoji takes the reaction back. */
  | { readonly type: 'reaction'; readonly messageId: string; readonly emoji: string }
  | { readonly type: 'edit'; readonly messageId: string; readonly text: string }
  /** For everyone. */
  | { readonly type: 'delete'; readonly messageId: string }
  /** 0 seconds take the pin off. */
  | { readonly type: 'pin'; readonly messageId: string; readonly seconds: number }
  | { readonly type: 'vote'; readonly messageId: string; readonly options: readonly string[] }

export type MessageBody = (BodyContent | BodyAct) & BodyOptions

export type BodyType = MessageBody['type']

/** A file as a request names it: one that the gateway holds, one that it is to fetch, or the file itself. */
export type GivenMedia = Pick<MediaRef, 'uploadId'> | { readonly url: string } | { readonly base64: string }

/** `true` or nothing: what the page says of itself; `false`: none. */
export type GivenLinkPreview = LinkPreview | boolean

type Given<Body> = Body extends { readonly media: MediaRef }
  ? Omit<Body, 'media'> & { readonly media: GivenMedia }
  : Body extends { readonly type: 'text' }
    ? Omit<Body, 'linkPreview'> & { readonly linkPreview?: GivenLinkPreview }
    : Body

/** A body as somebody asks for it to be sent. */
export type GivenBody = Given<MessageBody>

/** One with a file. */
export type GivenFileBody = Extract<GivenBody, { readonly media: GivenMedia }>

const isType: Readonly<Record<BodyType, true>> = {
  text: true,
  image: true,
  video: true,
  gif: true,
  round_video: true,
  audio: true,
  voice: true,
  document: true,
  sticker: true,
  location: true,
  live_location: true,
  contacts: true,
  poll: true,
  event: true,
  group_invite: true,
  reaction: true,
  edit: true,
  delete: true,
  pin: true,
  vote: true,
}
export const bodyTypes = Object.keys(isType) as readonly BodyType[]

export const isAct = (type: string): type is BodyAct['type'] =>
  type === 'reaction' || type === 'edit' || type === 'delete' || type === 'pin' || type === 'vote'

/** What of a body is read and searched: its text, caption, question or name; null where it has none. */
export const bodyText = (body: MessageBody): string | null => {
  switch (body.type) {
    case 'text':
    case 'edit':
      return body.text
    case 'image':
    case 'video':
    case 'gif':
    case 'live_location':
      return body.caption ?? null
    case 'document':
      return body.caption ?? body.filename ?? null
    case 'group_invite':
      return body.caption ?? body.groupName ?? null
    case 'location':
      return body.name ?? body.address ?? null
    case 'contacts':
      return body.contacts.map(({ name }) => name).join(', ')
    case 'poll':
      return body.question
    case 'event':
      return body.name
    case 'reaction':
      return body.emoji
    case 'vote':
      return body.options.join(', ')
    case 'round_video':
    case 'audio':
    case 'voice':
    case 'sticker':
    case 'delete':
    case 'pin':
      return null
  }
}
