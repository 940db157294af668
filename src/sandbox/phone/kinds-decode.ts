/** WhatsApp's protobuf as a phone shows it: the way back from kinds-encode.ts. */
import { normalizeMessageContent, proto } from '@whiskeysockets/baileys'
import type { ShownBody } from './body.ts'
import type { FileKind, FileSecrets } from './file-cipher.ts'
import { creationOf } from './poll.ts'
import { readCard } from './vcard.ts'

/** A file that a message names. */
export interface NamedFile extends FileSecrets {
  readonly kind: FileKind
  readonly directPath: string
  /** What the message says of it. */
  readonly looks: {
    readonly width?: number
    readonly height?: number
    readonly seconds?: number
    readonly thumbnailBytes?: number
  }
}

/** What a message does to another. */
export interface DecodedAct {
  readonly key: proto.IMessageKey
  readonly act:
    | { readonly type: 'reaction'; readonly emoji: string }
    | { readonly type: 'edit'; readonly content: proto.IMessage }
    | { readonly type: 'delete' }
    | { readonly type: 'pin'; readonly seconds: number }
    | { readonly type: 'vote'; readonly sealed: proto.Message.IPollEncValue }
}

export type Decoded =
  | { readonly kind: 'content'; readonly body: ShownBody; readonly file: NamedFile | undefined }
  | ({ readonly kind: 'act' } & DecodedAct)
  /** By its protobuf name without `Message`. */
  | { readonly kind: 'other'; readonly type: string }

type Numeric = number | { toNumber(): number } | null | undefined
const numberOf = (value: Numeric): number =>
  typeof value === 'object' ? (value?.toNumber() ?? 0) : (value ?? 0)
const secondMs = 1000
const isoOf = (seconds: Numeric): string | undefined =>
  numberOf(seconds) === 0 ? undefined : new Date(numberOf(seconds) * secondMs).toISOString()

/** Drops what says nothing: undefined, null, and what protobuf takes for absent. */
const said = <T extends object>(members: T): { [K in keyof T]: NonNullable<T[K]> } =>
  Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  ) as never

interface FileParts {
  readonly directPath?: string | null
  readonly mediaKey?: Uint8Array | null
  readonly fileSha256?: Uint8Array | null
  readonly fileEncSha256?: Uint8Array | null
  readonly fileLength?: Numeric
  readonly width?: number | null
  readonly height?: number | null
  readonly seconds?: number | null
  readonly jpegThumbnail?: Uint8Array | null
}

const nothing = new Uint8Array()

const fileOf = (kind: FileKind, parts: FileParts): NamedFile => ({
  kind,
  directPath: parts.directPath ?? '',
  mediaKey: parts.mediaKey ?? nothing,
  fileSha256: parts.fileSha256 ?? nothing,
  fileEncSha256: parts.fileEncSha256 ?? nothing,
  bytes: numberOf(parts.fileLength),
  looks: said({
    width: parts.width || undefined,
    height: parts.height || undefined,
    seconds: parts.seconds || undefined,
    thumbnailBytes: parts.jpegThumbnail?.length || undefined,
  }),
})

const place = (of: proto.Message.ILocationMessage | proto.Message.ILiveLocationMessage) => ({
  latitude: of.degreesLatitude ?? 0,
  longitude: of.degreesLongitude ?? 0,
  ...('name' in of ? said({ name: of.name, address: of.address }) : {}),
})

interface Content {
  readonly body: ShownBody
  readonly file?: NamedFile
}

const textOf = (part: proto.Message.IExtendedTextMessage): Content => ({
  body: said({
    type: 'text',
    text: part.text ?? '',
    linkPreview: part.title
      ? said({
          url: part.matchedText,
          title: part.title,
          description: part.description,
          thumbnailBytes: part.jpegThumbnail?.length || undefined,
        })
      : undefined,
  }),
})

const videoOf = (type: string, part: proto.Message.IVideoMessage): Content => ({
  body: said({ type, mimetype: part.mimetype, caption: part.caption }),
  file: fileOf('video', part),
})

const cardOf = ({ vcard, displayName }: proto.Message.IContactMessage): object => {
  try {
    return readCard(vcard ?? '')
  } catch {
    return { name: displayName ?? '', phones: [], error: 'the vCard cannot be read' }
  }
}

const eventOf = (part: proto.Message.IEventMessage): Content => ({
  body: said({
    type: 'event',
    name: part.name,
    description: part.description,
    startsAt: isoOf(part.startTime),
    endsAt: isoOf(part.endTime),
    location: part.location ? place(part.location) : undefined,
    joinLink: part.joinLink,
    canceled: part.isCanceled || undefined,
  }),
})

const contentOf = (content: proto.IMessage): Content | undefined => {
  const { conversation, imageMessage, audioMessage, documentMessage, stickerMessage } = content
  if (typeof conversation === 'string') return { body: { type: 'text', text: conversation } }
  if (content.extendedTextMessage) return textOf(content.extendedTextMessage)
  if (imageMessage) {
    const { mimetype, caption } = imageMessage
    return { body: said({ type: 'image', mimetype, caption }), file: fileOf('image', imageMessage) }
  }
  if (content.videoMessage) {
    return videoOf(content.videoMessage.gifPlayback === true ? 'gif' : 'video', content.videoMessage)
  }
  if (content.ptvMessage) return videoOf('round_video', content.ptvMessage)
  if (audioMessage) {
    const type = audioMessage.ptt === true ? 'voice' : 'audio'
    const waveform = audioMessage.waveform?.length ? [...audioMessage.waveform] : undefined
    return {
      body: said({ type, mimetype: audioMessage.mimetype, waveform }),
      file: fileOf('audio', audioMessage),
    }
  }
  if (documentMessage) {
    const { mimetype, fileName: filename, caption } = documentMessage
    return {
      body: said({ type: 'document', mimetype, filename, caption }),
      file: fileOf('document', documentMessage),
    }
  }
  if (stickerMessage) {
    const { mimetype, isAnimated } = stickerMessage
    return {
      body: said({ type: 'sticker', mimetype, animated: isAnimated || undefined }),
      file: fileOf('sticker', stickerMessage),
    }
  }
  return contentWithoutFile(content)
}

const contentWithoutFile = (content: proto.IMessage): Content | undefined => {
  const { locationMessage, liveLocationMessage, contactMessage, contactsArrayMessage, groupInviteMessage } =
    content
  if (locationMessage) {
    return { body: said({ type: 'location', ...place(locationMessage), url: locationMessage.url }) }
  }
  if (liveLocationMessage) {
    return {
      body: said({
        type: 'live_location',
        ...place(liveLocationMessage),
        accuracyMeters: liveLocationMessage.accuracyInMeters || undefined,
        speedMetersPerSecond: liveLocationMessage.speedInMps || undefined,
        heading: liveLocationMessage.degreesClockwiseFromMagneticNorth || undefined,
        caption: liveLocationMessage.caption,
        sequence: numberOf(liveLocationMessage.sequenceNumber) || undefined,
      }),
    }
  }
  const contacts = contactMessage ? [contactMessage] : contactsArrayMessage?.contacts
  if (contacts) return { body: { type: 'contacts', contacts: contacts.map(cardOf) } }
  const poll = creationOf(content)
  if (poll !== undefined) {
    const options = (poll.options ?? []).map(({ optionName }) => optionName ?? '')
    return {
      body: {
        type: 'poll',
        question: poll.name ?? '',
        options,
        selectable: poll.selectableOptionsCount ?? 0,
      },
    }
  }
  if (content.eventMessage) return eventOf(content.eventMessage)
  if (!groupInviteMessage) return undefined
  return {
    body: said({
      type: 'group_invite',
      group: groupInviteMessage.groupJid,
      groupName: groupInviteMessage.groupName,
      code: groupInviteMessage.inviteCode,
      inviteExpiresAt: isoOf(groupInviteMessage.inviteExpiration),
      caption: groupInviteMessage.caption,
    }),
  }
}

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type
const { UNPIN_FOR_ALL } = proto.Message.PinInChatMessage.Type

const actOf = (
  content: proto.IMessage,
  info: proto.IMessageContextInfo | undefined,
): DecodedAct | undefined => {
  const { reactionMessage, protocolMessage, pinInChatMessage, pollUpdateMessage } = content
  if (reactionMessage?.key) {
    return { key: reactionMessage.key, act: { type: 'reaction', emoji: reactionMessage.text ?? '' } }
  }
  if (protocolMessage?.key && protocolMessage.type === REVOKE) {
    return { key: protocolMessage.key, act: { type: 'delete' } }
  }
  if (protocolMessage?.key && protocolMessage.editedMessage && protocolMessage.type === MESSAGE_EDIT) {
    return { key: protocolMessage.key, act: { type: 'edit', content: protocolMessage.editedMessage } }
  }
  if (pinInChatMessage?.key) {
    const seconds = pinInChatMessage.type === UNPIN_FOR_ALL ? 0 : (info?.messageAddOnDurationInSecs ?? 0)
    return { key: pinInChatMessage.key, act: { type: 'pin', seconds } }
  }
  if (pollUpdateMessage?.pollCreationMessageKey && pollUpdateMessage.vote) {
    return {
      key: pollUpdateMessage.pollCreationMessageKey,
      act: { type: 'vote', sealed: pollUpdateMessage.vote },
    }
  }
  return undefined
}

/** The context of whatever part has one. */
const contextOf = (content: proto.IMessage): proto.IContextInfo | undefined => {
  for (const part of Object.values(content) as unknown[]) {
    if (typeof part === 'object' && part !== null && 'contextInfo' in part && part.contextInfo) {
      return part.contextInfo
    }
  }
  return undefined
}

const isViewOnce = (message: proto.IMessage): boolean =>
  Boolean(message.viewOnceMessage ?? message.viewOnceMessageV2 ?? message.viewOnceMessageV2Extension) ||
  isViewOnceInside(message.ephemeralMessage?.message)

const isViewOnceInside = (message: proto.IMessage | null | undefined): boolean =>
  message !== null && message !== undefined && isViewOnce(message)

/** What a message may have beside what it says. */
const optionsOf = (message: proto.IMessage, content: proto.IMessage): object => {
  const context = contextOf(content)
  const mentions = [...(context?.mentionedJid ?? []), ...((context?.nonJidMentions ?? 0) > 0 ? ['all'] : [])]
  return said({
    replyTo: context?.stanzaId,
    mentions: mentions.length === 0 ? undefined : mentions,
    viewOnce: isViewOnce(message) || undefined,
    expiresIn: context?.expiration || undefined,
    forwarded: context?.isForwarded || undefined,
  })
}

/** Parts of a message that go along with its content and are none themselves. */
const besideContent = new Set(['messageContextInfo', 'senderKeyDistributionMessage'])

export const decodeContent = (message: proto.IMessage): Decoded => {
  const content = normalizeMessageContent(message) ?? message
  const info = message.messageContextInfo ?? content.messageContextInfo ?? undefined
  const act = actOf(content, info)
  if (act !== undefined) return { kind: 'act', ...act }
  const found = contentOf(content)
  if (found !== undefined) {
    return { kind: 'content', body: { ...found.body, ...optionsOf(message, content) }, file: found.file }
  }
  const [name = 'empty'] = Object.entries(content)
    .filter(([key, value]) => value !== null && value !== undefined && !besideContent.has(key))
    .map(([key]) => key)
  return { kind: 'other', type: name.replace(/Message$/, '') }
}

const words = ['text', 'caption', 'emoji', 'question', 'name'] as const

/** What of a body is read at a glance. */
export const wordsOf = (body: ShownBody): string => {
  for (const name of words) {
    const value = body[name]
    if (typeof value === 'string') return value
  }
  return ''
}
