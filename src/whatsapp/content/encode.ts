/**
 * A body as WhatsApp's protobuf. Pure: what has to be looked up, uploaded or drawn by lot comes in. Field by field after
 * Baileys, Utils/messages.ts `generateWAMessageContent`.
 */
import { proto } from '@whiskeysockets/baileys'
import type { BodyContent, LinkPreview, MessageBody, Place } from '../../domain/body.ts'
import { unreachable } from '../../domain/errors.ts'
import type { Attachment } from '../socket.ts'
import { encryptVote } from './poll-vote.ts'
import { vcardOf } from './vcard.ts'

/** Another message, as a key of WhatsApp's names it. */
export interface Referred {
  readonly whatsappId: string
  readonly fromMe: boolean
  /** Who wrote it, in the addressing of the chat. */
  readonly author: string
  readonly content: proto.IMessage
}

export interface Surroundings {
  /** The chat's JID. */
  readonly chat: string
  /** Our own JID, in the addressing of the chat. */
  readonly own: string
  readonly attachment: Attachment | null
  /** The small picture of a link preview. */
  readonly previewThumbnail: Uint8Array | null
  readonly quoted: Referred | null
  readonly target: Referred | null
  /** JIDs in the addressing of the chat. */
  readonly mentions: readonly string[]
  /** ms since 1970. */
  readonly now: number
  /** 32 bytes by lot: what votes and answers to an event are encrypted under. */
  readonly secret: Uint8Array
  /** 12 bytes by lot. */
  readonly nonce: Uint8Array
}

const secondMs = 1_000
const seconds = (iso: string): number => Math.floor(Date.parse(iso) / secondMs)

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Drops members that say nothing. */
const given = <T extends object>(members: T): Given<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Given<T>

const needed = <T>(part: T | null, what: string): T => {
  if (part === null) throw new Error(`a message of this type needs ${what}`)
  return part
}

/** The key by which one message of a chat refers to another. */
const keyOf = ({ whatsappId, fromMe, author }: Referred, chat: string): proto.IMessageKey =>
  given({
    remoteJid: chat,
    fromMe,
    id: whatsappId,
    participant: chat.endsWith('@g.us') && !fromMe ? author : undefined,
  })

const fileOf = ({ remote, mimetype }: Attachment) => ({
  url: remote.url,
  directPath: remote.directPath,
  mediaKey: remote.mediaKey,
  mediaKeyTimestamp: remote.mediaKeyTimestamp,
  fileSha256: remote.fileSha256,
  fileEncSha256: remote.fileEncSha256,
  fileLength: remote.bytes,
  mimetype,
})

const pictureOf = (attachment: Attachment) => ({
  ...fileOf(attachment),
  width: attachment.width ?? undefined,
  height: attachment.height ?? undefined,
  jpegThumbnail: attachment.thumbnail ?? undefined,
})

const videoOf = (attachment: Attachment) => ({
  ...pictureOf(attachment),
  seconds: attachment.seconds === null ? undefined : Math.round(attachment.seconds),
})

const audioOf = (attachment: Attachment, ptt: boolean) => ({
  ...fileOf(attachment),
  ptt,
  seconds: attachment.seconds === null ? undefined : Math.max(1, Math.round(attachment.seconds)),
  waveform: attachment.waveform === null ? undefined : Uint8Array.from(attachment.waveform),
})

const previewOf = (preview: LinkPreview, thumbnail: Uint8Array | null): proto.Message.IExtendedTextMessage =>
  given({
    matchedText: preview.url,
    title: preview.title,
    description: preview.description,
    previewType: proto.Message.ExtendedTextMessage.PreviewType.NONE,
    jpegThumbnail: thumbnail ?? undefined,
  })

const placeOf = ({ latitude, longitude, name, address }: Place): proto.Message.ILocationMessage =>
  given({ degreesLatitude: latitude, degreesLongitude: longitude, name, address })

/** Polls with one answer are of version 3, the others of the first. */
const pollOf = (body: Extract<BodyContent, { type: 'poll' }>): proto.IMessage => {
  const poll = {
    name: body.question,
    options: body.options.map((optionName) => ({ optionName })),
    selectableOptionsCount: body.selectable,
  }
  return body.selectable === 1 ? { pollCreationMessageV3: poll } : { pollCreationMessage: poll }
}

const plain = (body: MessageBody, around: Surroundings): proto.IMessage => {
  const file = (): Attachment => needed(around.attachment, 'a file')
  const target = (): Referred => needed(around.target, 'the message that it acts on')
  const targetKey = (): proto.IMessageKey => keyOf(target(), around.chat)
  switch (body.type) {
    case 'text':
      return {
        extendedTextMessage: {
          text: body.text,
          ...(body.linkPreview === undefined ? {} : previewOf(body.linkPreview, around.previewThumbnail)),
        },
      }
    case 'image':
      return { imageMessage: given({ ...pictureOf(file()), caption: body.caption }) }
    case 'video':
      return { videoMessage: given({ ...videoOf(file()), caption: body.caption }) }
    case 'gif':
      return { videoMessage: given({ ...videoOf(file()), caption: body.caption, gifPlayback: true }) }
    case 'round_video':
      return { ptvMessage: given(videoOf(file())) }
    case 'audio':
      return { audioMessage: given(audioOf(file(), false)) }
    case 'voice':
      return { audioMessage: given(audioOf(file(), true)) }
    case 'document': {
      const { filename } = file()
      const documentMessage = given({
        ...fileOf(file()),
        fileName: filename ?? body.filename ?? 'file',
        title: filename ?? body.filename,
        jpegThumbnail: file().thumbnail ?? undefined,
        caption: body.caption,
      })
      return body.caption === undefined
        ? { documentMessage }
        : { documentWithCaptionMessage: { message: { documentMessage } } }
    }
    case 'sticker':
      return {
        stickerMessage: given({
          ...fileOf(file()),
          width: file().width ?? undefined,
          height: file().height ?? undefined,
          isAnimated: body.animated === true,
        }),
      }
    case 'location':
      return { locationMessage: given({ ...placeOf(body), url: body.url }) }
    case 'live_location':
      return {
        liveLocationMessage: given({
          degreesLatitude: body.latitude,
          degreesLongitude: body.longitude,
          accuracyInMeters: body.accuracyMeters,
          speedInMps: body.speedMetersPerSecond,
          degreesClockwiseFromMagneticNorth: body.heading,
          caption: body.caption,
          sequenceNumber: body.sequence,
        }),
      }
    case 'contacts': {
      const cards = body.contacts.map((card) => ({ displayName: card.name, vcard: vcardOf(card) }))
      const [only] = cards
      return cards.length === 1 && only !== undefined
        ? { contactMessage: only }
        : { contactsArrayMessage: { displayName: `${cards.length} contacts`, contacts: cards } }
    }
    case 'poll':
      return { ...pollOf(body), messageContextInfo: { messageSecret: around.secret } }
    case 'event':
      return {
        eventMessage: given({
          name: body.name,
          description: body.description,
          startTime: seconds(body.startsAt),
          endTime: body.endsAt === undefined ? undefined : seconds(body.endsAt),
          location: body.location === undefined ? undefined : placeOf(body.location),
          joinLink: body.joinLink,
          isCanceled: body.canceled === true,
        }),
        messageContextInfo: { messageSecret: around.secret },
      }
    case 'group_invite':
      return {
        groupInviteMessage: given({
          groupJid: body.group,
          groupName: body.groupName,
          inviteCode: body.code,
          inviteExpiration: body.inviteExpiresAt === undefined ? undefined : seconds(body.inviteExpiresAt),
          caption: body.caption,
        }),
      }
    case 'reaction':
      return { reactionMessage: { key: targetKey(), text: body.emoji, senderTimestampMs: around.now } }
    case 'edit':
      return {
        protocolMessage: {
          type: proto.Message.ProtocolMessage.Type.MESSAGE_EDIT,
          key: targetKey(),
          editedMessage: editedContent(target().content, body.text),
          timestampMs: around.now,
        },
      }
    case 'delete':
      return {
        protocolMessage: { type: proto.Message.ProtocolMessage.Type.REVOKE, key: targetKey() },
      }
    case 'pin':
      return {
        pinInChatMessage: {
          key: targetKey(),
          type: body.seconds > 0 ? pinTypes.PIN_FOR_ALL : pinTypes.UNPIN_FOR_ALL,
          senderTimestampMs: around.now,
        },
        messageContextInfo: { messageAddOnDurationInSecs: body.seconds },
      }
    case 'vote': {
      const creation = target()
      return {
        pollUpdateMessage: {
          pollCreationMessageKey: targetKey(),
          vote: encryptVote(body.options, {
            pollId: creation.whatsappId,
            creator: creation.author,
            voter: around.own,
            secret: needed(creation.content.messageContextInfo?.messageSecret ?? null, "the poll's secret"),
            nonce: around.nonce,
          }),
          senderTimestampMs: around.now,
        },
      }
    }
    default:
      return unreachable(body)
  }
}

const pinTypes = proto.Message.PinInChatMessage.Type

/** Of a picture or a video the caption changes, and all else stays. */
const editedContent = (before: proto.IMessage, text: string): proto.IMessage => {
  const inner = before.viewOnceMessage?.message ?? before.documentWithCaptionMessage?.message ?? before
  if (inner.imageMessage) return { imageMessage: { ...inner.imageMessage, caption: text } }
  if (inner.videoMessage) return { videoMessage: { ...inner.videoMessage, caption: text } }
  if (inner.documentMessage) {
    return {
      documentWithCaptionMessage: {
        message: { documentMessage: { ...inner.documentMessage, caption: text } },
      },
    }
  }
  return { extendedTextMessage: { text } }
}

const quotedContext = (quoted: Referred): proto.IContextInfo => {
  const { messageContextInfo: _info, ...content } = quoted.content
  return { stanzaId: quoted.whatsappId, participant: quoted.author, quotedMessage: content }
}

const contextOf = (body: MessageBody, { quoted, mentions }: Surroundings): proto.IContextInfo => ({
  ...(quoted === null ? {} : quotedContext(quoted)),
  ...(mentions.length === 0 ? {} : { mentionedJid: [...mentions] }),
  ...(body.expiresIn === undefined ? {} : { expiration: body.expiresIn }),
  ...(body.forwarded === true ? { isForwarded: true, forwardingScore: body.forwardingScore ?? 1 } : {}),
})

/** Members that carry no context of their own. */
const withoutContext: ReadonlySet<string> = new Set([
  'messageContextInfo',
  'protocolMessage',
  'reactionMessage',
  'pinInChatMessage',
  'pollUpdateMessage',
])

const withContext = (message: proto.IMessage, context: proto.IContextInfo): proto.IMessage => {
  if (Object.keys(context).length === 0) return message
  if (message.documentWithCaptionMessage?.message) {
    const inner = withContext(message.documentWithCaptionMessage.message, context)
    return { ...message, documentWithCaptionMessage: { message: inner } }
  }
  return Object.fromEntries(
    Object.entries(message).map(([name, part]: [string, object]) => [
      name,
      withoutContext.has(name) ? part : { ...part, contextInfo: context },
    ]),
  )
}

/** The message that says `body`. Throws when `around` lacks what the body's type needs. */
export const encodeBody = (body: MessageBody, around: Surroundings): proto.IMessage => {
  const message = withContext(plain(body, around), contextOf(body, around))
  if (body.viewOnce !== true) return message
  const { messageContextInfo, ...inner } = message
  for (const part of [inner.imageMessage, inner.videoMessage, inner.audioMessage]) {
    if (part) part.viewOnce = true
  }
  return {
    viewOnceMessage: { message: inner },
    ...(messageContextInfo === undefined ? {} : { messageContextInfo }),
  }
}
