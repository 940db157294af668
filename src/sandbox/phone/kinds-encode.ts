/** What somebody writes on a phone, as WhatsApp's protobuf (Baileys, messages.ts `generateWAMessageContent`). */
import { randomBytes } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'
import type { Written, WrittenFile, WrittenOf } from './body.ts'
import type { FileKind, FileSecrets } from './file-cipher.ts'
import { sealVote } from './poll-vote.ts'
import { pollOf } from './poll.ts'
import { writeCard } from './vcard.ts'

/** A file that the media host has taken. */
export interface Uploaded extends FileSecrets {
  readonly url: string
  readonly directPath: string
}

/** Another message of the chat. */
export interface Known {
  readonly id: string
  readonly fromMe: boolean
  /** JID of who wrote it, as the chat names people. */
  readonly author: string
  readonly content: proto.IMessage
}

export interface Surroundings {
  /** JIDs of the chat and of the phone itself, in the addressing of the chat. */
  readonly chat: string
  readonly own: string
  readonly nowMs: number
  readonly uploaded: Uploaded | undefined
  readonly quoted: Known | undefined
  readonly target: Known | undefined
  /** JIDs, and `all`. */
  readonly mentions: readonly string[]
}

const secretBytes = 32
const secondMs = 1000
const secondsOf = (iso: string): number => Math.floor(Date.parse(iso) / secondMs)

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type
const { PIN_FOR_ALL, UNPIN_FOR_ALL } = proto.Message.PinInChatMessage.Type

const defaultMimetypes: Readonly<Record<FileKind, string>> = {
  image: 'image/jpeg',
  video: 'video/mp4',
  audio: 'audio/ogg; codecs=opus',
  document: 'application/octet-stream',
  sticker: 'image/webp',
}

/** What kind of file a message of this type carries; undefined when it carries none. */
export const fileKindOf = (type: Written['type']): FileKind | undefined => {
  switch (type) {
    case 'image':
    case 'document':
    case 'sticker':
      return type
    case 'video':
    case 'gif':
    case 'round_video':
      return 'video'
    case 'audio':
    case 'voice':
      return 'audio'
    default:
      return undefined
  }
}

/** protobuf.js takes a member that is undefined for one that is absent; the types want it left out. */
const given = <T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never

const need = <T>(part: T | undefined, what: string): T => {
  if (part === undefined) throw new Error(`a message of this type needs ${what}`)
  return part
}

const keyOf = ({ id, fromMe, author }: Known, { chat }: Surroundings): proto.IMessageKey => ({
  remoteJid: chat,
  fromMe,
  id,
  ...(chat.endsWith('@g.us') && !fromMe ? { participant: author } : {}),
})

const place = (of: {
  latitude: number
  longitude: number
  name?: string | undefined
  address?: string | undefined
}) =>
  given({ degreesLatitude: of.latitude, degreesLongitude: of.longitude, name: of.name, address: of.address })

const fileParts = (
  { mimetype }: { readonly mimetype?: string | undefined },
  kind: FileKind,
  around: Surroundings,
) => {
  const { bytes, ...uploaded } = need(around.uploaded, 'a file')
  return given({
    ...uploaded,
    fileLength: bytes,
    mediaKeyTimestamp: Math.floor(around.nowMs / secondMs),
    mimetype: mimetype ?? defaultMimetypes[kind],
  })
}

const looks = ({ media: { width, height, seconds, thumbnail } }: { readonly media: WrittenFile }) =>
  given({
    width,
    height,
    seconds: seconds === undefined ? undefined : Math.round(seconds),
    jpegThumbnail: thumbnail === undefined ? undefined : Buffer.from(thumbnail, 'base64'),
  })

const secret = (): proto.IMessageContextInfo => ({ messageSecret: randomBytes(secretBytes) })

const audio = (body: WrittenOf<'audio' | 'voice'>, around: Surroundings): proto.IMessage => {
  const { seconds } = looks(body)
  return {
    audioMessage: given({
      ...fileParts(body, 'audio', around),
      seconds,
      ptt: body.type === 'voice',
      waveform: body.type === 'voice' && body.waveform !== undefined ? Buffer.from(body.waveform) : undefined,
    }),
  }
}

const document = (body: WrittenOf<'document'>, around: Surroundings): proto.IMessage => {
  const { jpegThumbnail } = looks(body)
  const documentMessage = given({
    ...fileParts(body, 'document', around),
    fileName: body.filename ?? 'file',
    jpegThumbnail,
    caption: body.caption,
  })
  return body.caption === undefined
    ? { documentMessage }
    : { documentWithCaptionMessage: { message: { documentMessage } } }
}

const sticker = (body: WrittenOf<'sticker'>, around: Surroundings): proto.IMessage => {
  const { width, height } = looks(body)
  const parts = fileParts(body, 'sticker', around)
  return { stickerMessage: given({ ...parts, width, height, isAnimated: body.animated }) }
}

const poll = ({ question, options, selectable }: WrittenOf<'poll'>): proto.IMessage => {
  const parts = {
    name: question,
    options: options.map((optionName) => ({ optionName })),
    selectableOptionsCount: selectable,
  }
  const messageContextInfo = secret()
  return selectable === 1
    ? { pollCreationMessageV3: parts, messageContextInfo }
    : { pollCreationMessage: parts, messageContextInfo }
}

const text = ({ text: words, linkPreview }: WrittenOf<'text'>): proto.IMessage =>
  linkPreview === undefined
    ? { extendedTextMessage: { text: words } }
    : {
        extendedTextMessage: given({
          text: words,
          matchedText: linkPreview.url,
          title: linkPreview.title,
          description: linkPreview.description,
          jpegThumbnail:
            linkPreview.thumbnail === undefined ? undefined : Buffer.from(linkPreview.thumbnail, 'base64'),
        }),
      }

const cards = ({ contacts }: WrittenOf<'contacts'>): proto.IMessage => {
  const all = contacts.map((card) => ({ displayName: card.name, vcard: writeCard(card) }))
  const [only] = all
  return all.length === 1 && only !== undefined
    ? { contactMessage: only }
    : { contactsArrayMessage: { displayName: `${all.length} contacts`, contacts: all } }
}

/** The new words, in what the message was: text, or a file with a caption. */
const edited = (before: proto.IMessage, words: string): proto.IMessage => {
  const inner = before.documentWithCaptionMessage?.message ?? before
  if (inner.imageMessage) return { imageMessage: { ...inner.imageMessage, caption: words } }
  if (inner.videoMessage) return { videoMessage: { ...inner.videoMessage, caption: words } }
  if (!inner.documentMessage) return { extendedTextMessage: { text: words } }
  const documentMessage = { ...inner.documentMessage, caption: words }
  return { documentWithCaptionMessage: { message: { documentMessage } } }
}

const vote = ({ options }: WrittenOf<'vote'>, around: Surroundings): proto.IMessage => {
  const target = need(around.target, 'a poll')
  const parties = { creator: target.author, voter: around.own }
  return {
    pollUpdateMessage: {
      pollCreationMessageKey: keyOf(target, around),
      vote: sealVote(need(pollOf(target.id, target.content), 'a poll'), parties, options),
      senderTimestampMs: around.nowMs,
    },
  }
}

const plain = (body: Written, around: Surroundings): proto.IMessage => {
  const targetKey = (): proto.IMessageKey => keyOf(need(around.target, 'another message'), around)
  switch (body.type) {
    case 'text':
      return text(body)
    case 'image':
      return {
        imageMessage: given({ ...fileParts(body, 'image', around), ...looks(body), caption: body.caption }),
      }
    case 'video':
    case 'gif': {
      const parts = { ...fileParts(body, 'video', around), ...looks(body), caption: body.caption }
      return { videoMessage: given({ ...parts, gifPlayback: body.type === 'gif' ? true : undefined }) }
    }
    case 'round_video':
      return { ptvMessage: { ...fileParts(body, 'video', around), ...looks(body) } }
    case 'audio':
    case 'voice':
      return audio(body, around)
    case 'document':
      return document(body, around)
    case 'sticker':
      return sticker(body, around)
    case 'location':
      return { locationMessage: given({ ...place(body), url: body.url }) }
    case 'live_location':
      return {
        liveLocationMessage: given({
          ...place(body),
          accuracyInMeters: body.accuracyMeters,
          speedInMps: body.speedMetersPerSecond,
          degreesClockwiseFromMagneticNorth: body.heading,
          caption: body.caption,
          sequenceNumber: body.sequence,
        }),
      }
    case 'contacts':
      return cards(body)
    case 'poll':
      return poll(body)
    case 'event':
      return {
        eventMessage: given({
          name: body.name,
          description: body.description,
          startTime: secondsOf(body.startsAt),
          endTime: body.endsAt === undefined ? undefined : secondsOf(body.endsAt),
          location: body.location === undefined ? undefined : place(body.location),
          joinLink: body.joinLink,
          isCanceled: body.canceled,
        }),
        messageContextInfo: secret(),
      }
    case 'group_invite':
      return {
        groupInviteMessage: given({
          groupJid: body.group,
          groupName: body.groupName,
          inviteCode: body.code,
          inviteExpiration: body.inviteExpiresAt === undefined ? undefined : secondsOf(body.inviteExpiresAt),
          caption: body.caption,
        }),
      }
    case 'reaction':
      return { reactionMessage: { key: targetKey(), text: body.emoji, senderTimestampMs: around.nowMs } }
    case 'edit': {
      const editedMessage = edited(need(around.target, 'another message').content, body.text)
      return {
        protocolMessage: { type: MESSAGE_EDIT, key: targetKey(), editedMessage, timestampMs: around.nowMs },
      }
    }
    case 'delete':
      return { protocolMessage: { type: REVOKE, key: targetKey() } }
    case 'pin':
      return {
        pinInChatMessage: {
          key: targetKey(),
          type: body.seconds > 0 ? PIN_FOR_ALL : UNPIN_FOR_ALL,
          senderTimestampMs: around.nowMs,
        },
        messageContextInfo: { messageAddOnDurationInSecs: body.seconds },
      }
    case 'vote':
      return vote(body, around)
    default:
      return body satisfies never
  }
}

const quotedParts = ({ id, author, content }: Known): proto.IContextInfo => {
  const { messageContextInfo: _secret, ...quotedMessage } = content
  return { stanzaId: id, participant: author, quotedMessage }
}

const contextOf = (body: Written, { quoted, mentions }: Surroundings): proto.IContextInfo => {
  const people = mentions.filter((mention) => mention !== 'all')
  return {
    ...(quoted === undefined ? {} : quotedParts(quoted)),
    ...(people.length === 0 ? {} : { mentionedJid: people }),
    ...(mentions.includes('all') ? { nonJidMentions: 1 } : {}),
    ...(body.expiresIn === undefined ? {} : { expiration: body.expiresIn }),
    ...(body.forwarded === true ? { isForwarded: true, forwardingScore: 1 } : {}),
  }
}

/** Members of a message that have no context. */
const withoutContext = new Set([
  'messageContextInfo',
  'protocolMessage',
  'reactionMessage',
  'pinInChatMessage',
  'pollUpdateMessage',
])

const withContext = (message: proto.IMessage, contextInfo: proto.IContextInfo): proto.IMessage => {
  const wrapped = message.documentWithCaptionMessage?.message
  if (wrapped) return { documentWithCaptionMessage: { message: withContext(wrapped, contextInfo) } }
  return Object.fromEntries(
    Object.entries(message).map(([name, part]) => [
      name,
      withoutContext.has(name) ? part : { ...(part as object), contextInfo },
    ]),
  )
}

/** @throws Error when `around` has not what a message of this type needs */
export const encodeWritten = (body: Written, around: Surroundings): proto.IMessage => {
  const context = contextOf(body, around)
  const isBare = Object.keys(context).length === 0
  // As phones do, a text and nothing else.
  if (body.type === 'text' && isBare && body.linkPreview === undefined && body.viewOnce !== true) {
    return { conversation: body.text }
  }
  const message = isBare ? plain(body, around) : withContext(plain(body, around), context)
  if (body.viewOnce !== true) return message
  const { messageContextInfo, ...inner } = message
  return { viewOnceMessage: { message: inner }, ...(messageContextInfo ? { messageContextInfo } : {}) }
}
