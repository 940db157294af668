/** WhatsApp's protobuf as a body: the way back from `encodeBody`, and more lenient, for others write it too. Pure. */
import { getContentType, normalizeMessageContent, proto } from '@whiskeysockets/baileys'
import {
  frequentlyForwardedScore,
  type BodyContent,
  type BodyOptions,
  type Place,
} from '../../domain/body.ts'
import { normalizeJid } from '../../domain/jid.ts'
import type { ReceivedFile, RemoteKind } from '../../domain/media.ts'
import type { Reference } from '../../domain/message.ts'
import { cardOf } from './vcard.ts'

export type Decoded =
  | {
      readonly kind: 'content'
      /** Without `media` and `replyTo`, whose ids only the store knows. */
      readonly body: Unresolved
      readonly file: ReceivedFile | null
      readonly quoted: Reference | null
    }
  | {
      readonly kind: 'act'
      readonly act: DecodedAct
      readonly target: proto.IMessageKey
      /** ms by the clock of who did it; null where the act does not say. */
      readonly clockAt: number | null
    }
  /** Something that people see, and that has no name here. */
  | { readonly kind: 'unknown'; readonly text: string | null }
  /** The protocol's own business. */
  | { readonly kind: 'silent' }

/** A body whose file and reply are not resolved yet. */
export type Unresolved = DistributiveOmit<BodyContent, 'media'> & BodyOptions
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

export type DecodedAct =
  | { readonly type: 'reaction'; readonly emoji: string }
  | { readonly type: 'edit'; readonly content: proto.IMessage }
  | { readonly type: 'delete' }
  | { readonly type: 'pin'; readonly seconds: number }
  | { readonly type: 'vote'; readonly vote: proto.Message.IPollEncValue }

const secondMs = 1_000
const number = (value: number | { toNumber(): number } | null | undefined): number | null =>
  value === null || value === undefined ? null : typeof value === 'number' ? value : value.toNumber()
const iso = (seconds: number | { toNumber(): number } | null | undefined): string | undefined => {
  const at = number(seconds)
  const date = at === null || at <= 0 ? undefined : new Date(at * secondMs)
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
const text = (value: string | null | undefined): string | undefined =>
  value === null || value === undefined || value === '' ? undefined : value

/** Drops members that say nothing. */
const given = <T extends object>(members: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T

interface FileMessage {
  readonly url?: string | null
  readonly directPath?: string | null
  readonly mediaKey?: Uint8Array | null
  readonly mediaKeyTimestamp?: number | { toNumber(): number } | null
  readonly fileSha256?: Uint8Array | null
  readonly fileEncSha256?: Uint8Array | null
  readonly fileLength?: number | { toNumber(): number } | null
  readonly mimetype?: string | null
  readonly fileName?: string | null
  readonly width?: number | null
  readonly height?: number | null
  readonly seconds?: number | null
  readonly waveform?: Uint8Array | null
  readonly jpegThumbnail?: Uint8Array | null
}

const nothing = new Uint8Array()
const waveformMax = 64

const fileOf = (kind: RemoteKind, message: FileMessage): ReceivedFile => ({
  kind,
  url: message.url ?? '',
  directPath: message.directPath ?? '',
  mediaKey: message.mediaKey ?? nothing,
  mediaKeyTimestamp: number(message.mediaKeyTimestamp) ?? 0,
  fileSha256: message.fileSha256 ?? nothing,
  fileEncSha256: message.fileEncSha256 ?? nothing,
  bytes: number(message.fileLength) ?? 0,
  mimetype: text(message.mimetype) ?? 'application/octet-stream',
  filename: text(message.fileName) ?? null,
  width: message.width ?? null,
  height: message.height ?? null,
  seconds: message.seconds ?? null,
  waveform: message.waveform?.length ? Array.from(message.waveform.subarray(0, waveformMax)) : null,
  thumbnail: message.jpegThumbnail?.length ? message.jpegThumbnail : null,
})

const placeOf = (message: proto.Message.ILocationMessage): Place =>
  given<Place>({
    latitude: message.degreesLatitude ?? 0,
    longitude: message.degreesLongitude ?? 0,
    name: text(message.name),
    address: text(message.address),
  })

type Content = { readonly body: Unresolved; readonly file?: ReceivedFile }

const mime = (message: FileMessage): string | undefined => text(message.mimetype)

const videoOf = (message: proto.Message.IVideoMessage): Content => ({
  body: given({
    type: message.gifPlayback === true ? 'gif' : 'video',
    mimetype: mime(message),
    caption: text(message.caption),
  }),
  file: fileOf('video', message),
})

const pollOf = (message: proto.Message.IPollCreationMessage): Content => ({
  body: {
    type: 'poll',
    question: message.name ?? '',
    options: (message.options ?? []).map(({ optionName }) => optionName ?? ''),
    selectable: message.selectableOptionsCount ?? 0,
  },
})

/** By the protobuf's name of the content. */
const readers: {
  readonly [K in keyof proto.IMessage]?: (message: NonNullable<proto.IMessage[K]>) => Content
} = {
  conversation: (message) => ({ body: { type: 'text', text: message } }),
  extendedTextMessage: (message) => {
    const title = text(message.title)
    const url = text(message.matchedText)
    return {
      body: given({
        type: 'text',
        text: message.text ?? '',
        linkPreview:
          title === undefined || url === undefined
            ? undefined
            : given({ url, title, description: text(message.description) }),
      }),
    }
  },
  imageMessage: (message) => ({
    body: given({ type: 'image', mimetype: mime(message), caption: text(message.caption) }),
    file: fileOf('image', message),
  }),
  videoMessage: videoOf,
  ptvMessage: (message) => ({
    body: given({ type: 'round_video', mimetype: mime(message) }),
    file: fileOf('video', message),
  }),
  audioMessage: (message) => ({
    body:
      message.ptt === true
        ? given({
            type: 'voice',
            mimetype: mime(message),
            waveform: message.waveform?.length
              ? Array.from(message.waveform.subarray(0, waveformMax))
              : undefined,
          })
        : given({ type: 'audio', mimetype: mime(message) }),
    file: fileOf('audio', message),
  }),
  documentMessage: (message) => ({
    body: given({
      type: 'document',
      mimetype: mime(message),
      filename: text(message.fileName) ?? text(message.title),
      caption: text(message.caption),
    }),
    file: fileOf('document', message),
  }),
  stickerMessage: (message) => ({
    body: given({
      type: 'sticker',
      mimetype: mime(message),
      animated: message.isAnimated === true ? true : undefined,
    }),
    file: fileOf('sticker', message),
  }),
  locationMessage: (message) => ({
    body: given({ type: 'location', ...placeOf(message), url: text(message.url) }),
  }),
  liveLocationMessage: (message) => ({
    body: given({
      type: 'live_location',
      latitude: message.degreesLatitude ?? 0,
      longitude: message.degreesLongitude ?? 0,
      accuracyMeters: message.accuracyInMeters ?? undefined,
      speedMetersPerSecond: message.speedInMps ?? undefined,
      heading: message.degreesClockwiseFromMagneticNorth ?? undefined,
      caption: text(message.caption),
      sequence: number(message.sequenceNumber) ?? undefined,
    }),
  }),
  contactMessage: (message) => ({
    body: { type: 'contacts', contacts: [cardOf(message.vcard ?? '', message.displayName ?? '')] },
  }),
  contactsArrayMessage: (message) => ({
    body: {
      type: 'contacts',
      contacts: (message.contacts ?? []).map(({ vcard, displayName }) =>
        cardOf(vcard ?? '', displayName ?? ''),
      ),
    },
  }),
  pollCreationMessage: pollOf,
  pollCreationMessageV2: pollOf,
  pollCreationMessageV3: pollOf,
  eventMessage: (message) => ({
    body: given({
      type: 'event',
      name: message.name ?? '',
      description: text(message.description),
      startsAt: iso(message.startTime) ?? new Date(0).toISOString(),
      endsAt: iso(message.endTime),
      location: message.location ? placeOf(message.location) : undefined,
      joinLink: text(message.joinLink),
      canceled: message.isCanceled === true ? true : undefined,
    }),
  }),
  groupInviteMessage: (message) => ({
    body: given({
      type: 'group_invite',
      group: message.groupJid ?? '',
      groupName: text(message.groupName),
      code: message.inviteCode ?? '',
      inviteExpiresAt: iso(message.inviteExpiration),
      caption: text(message.caption),
    }),
  }),
}

/** Contents that carry the protocol's own business, nothing that a person wrote. */
const silentContents: ReadonlySet<string> = new Set([
  'protocolMessage',
  'senderKeyDistributionMessage',
  'messageContextInfo',
  'keepInChatMessage',
  'encReactionMessage',
])

const isViewOnce = (message: proto.IMessage): boolean =>
  Boolean(message.viewOnceMessage ?? message.viewOnceMessageV2 ?? message.viewOnceMessageV2Extension) ||
  Boolean(message.ephemeralMessage?.message && isViewOnce(message.ephemeralMessage.message))

/** Some apps say it in the picture alone, without a wrapper. */
const saysViewOnce = ({ imageMessage, videoMessage, audioMessage }: proto.IMessage): boolean =>
  [imageMessage, videoMessage, audioMessage].some((part) => part?.viewOnce === true)

const contextOf = (content: proto.IMessage, kind: keyof proto.IMessage): proto.IContextInfo | undefined => {
  const part = content[kind]
  return typeof part === 'object' && part !== null && 'contextInfo' in part
    ? (part.contextInfo ?? undefined)
    : undefined
}

const optionsOf = (context: proto.IContextInfo | undefined, viewOnce: boolean): BodyOptions => {
  const people = (context?.mentionedJid ?? []).flatMap((jid) => normalizeJid(jid) ?? [])
  const mentions = (context?.nonJidMentions ?? 0) > 0 ? [...people, 'all'] : people
  return given<BodyOptions>({
    mentions: mentions.length > 0 ? mentions : undefined,
    viewOnce: viewOnce ? true : undefined,
    expiresIn: context?.expiration || undefined,
    forwarded: context?.isForwarded === true ? true : undefined,
    forwardingScore:
      context?.isForwarded === true && (context.forwardingScore ?? 0) > 1
        ? Math.min(context.forwardingScore ?? 0, frequentlyForwardedScore)
        : undefined,
  })
}

const protocolTypes = proto.Message.ProtocolMessage.Type
const pinTypes = proto.Message.PinInChatMessage.Type
const pinDefaultSeconds = 7 * 24 * 60 * 60

const actOf = (content: proto.IMessage): Decoded | undefined => {
  const { reactionMessage, protocolMessage, pinInChatMessage, pollUpdateMessage, messageContextInfo } =
    content
  if (reactionMessage?.key) {
    return {
      kind: 'act',
      act: { type: 'reaction', emoji: reactionMessage.text ?? '' },
      target: reactionMessage.key,
      clockAt: number(reactionMessage.senderTimestampMs),
    }
  }
  if (protocolMessage?.key && protocolMessage.type === protocolTypes.REVOKE) {
    const { key: target, timestampMs } = protocolMessage
    return { kind: 'act', act: { type: 'delete' }, target, clockAt: number(timestampMs) }
  }
  if (
    protocolMessage?.key &&
    protocolMessage.editedMessage &&
    protocolMessage.type === protocolTypes.MESSAGE_EDIT
  ) {
    const act = { type: 'edit', content: protocolMessage.editedMessage } as const
    return { kind: 'act', act, target: protocolMessage.key, clockAt: number(protocolMessage.timestampMs) }
  }
  if (pinInChatMessage?.key) {
    const seconds =
      pinInChatMessage.type === pinTypes.UNPIN_FOR_ALL
        ? 0
        : (messageContextInfo?.messageAddOnDurationInSecs ?? pinDefaultSeconds)
    const { key: target, senderTimestampMs } = pinInChatMessage
    return { kind: 'act', act: { type: 'pin', seconds }, target, clockAt: number(senderTimestampMs) }
  }
  if (pollUpdateMessage?.pollCreationMessageKey && pollUpdateMessage.vote) {
    const { vote, pollCreationMessageKey: target, senderTimestampMs } = pollUpdateMessage
    return { kind: 'act', act: { type: 'vote', vote }, target, clockAt: number(senderTimestampMs) }
  }
  return undefined
}

/** An edit comes in a wrapper of its own too (Baileys, process-message.ts). */
const unwrap = (message: proto.IMessage): proto.IMessage => normalizeMessageContent(message) ?? message

/** Reads what somebody wrote. Never throws: what cannot be named is `unknown`. */
export const decodeMessage = (message: proto.IMessage): Decoded => {
  const content = unwrap(message)
  const act = actOf(
    content.messageContextInfo === undefined && message.messageContextInfo
      ? { ...content, messageContextInfo: message.messageContextInfo }
      : content,
  )
  if (act !== undefined) return act
  const kind = getContentType(content)
  if (kind === undefined || silentContents.has(kind)) return { kind: 'silent' }
  const reader = readers[kind] as ((part: unknown) => Content) | undefined
  if (reader === undefined) return { kind: 'unknown', text: null }
  const { body, file } = reader(content[kind])
  const context = contextOf(content, kind)
  const stanzaId = text(context?.stanzaId)
  return {
    kind: 'content',
    body: { ...body, ...optionsOf(context, isViewOnce(message) || saysViewOnce(content)) },
    file: file ?? null,
    quoted:
      stanzaId === undefined
        ? null
        : { whatsappId: stanzaId, author: normalizeJid(context?.participant) ?? null },
  }
}

/** The new words of an edit: text, or the caption of what has one. */
export const editedText = (content: proto.IMessage): string | null => {
  const decoded = decodeMessage(content)
  if (decoded.kind !== 'content') return null
  const { body } = decoded
  if (body.type === 'text') return body.text
  return 'caption' in body ? (body.caption ?? '') : null
}

/** Whom the new words of an edit name. */
export const editedOptions = (content: proto.IMessage): Pick<BodyOptions, 'mentions'> => {
  const decoded = decodeMessage(content)
  const mentions = decoded.kind === 'content' ? decoded.body.mentions : undefined
  return mentions === undefined ? {} : { mentions }
}
