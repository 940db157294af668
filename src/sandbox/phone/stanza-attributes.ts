/**
 * What a message's stanza says of it outside of the encryption, so that servers and phones treat it as what it is (Baileys,
 * messages-send.ts `getMessageType`, `getMediaType`, `sendMessage`; whatsmeow, send.go).
 */
import { normalizeMessageContent, proto } from '@whiskeysockets/baileys'
import { attr, child, children, element, type Node } from '../protocol/node.ts'

export interface StanzaAttributes {
  readonly type: string
  readonly edit: string | undefined
  readonly meta: Readonly<Record<string, string>> | undefined
  readonly mediatype: string | undefined
  /** Of what needs no notice when it cannot be read. */
  readonly isHidden: boolean
}

const protocolTypes = proto.Message.ProtocolMessage.Type

const mediaTypeOf = (content: proto.IMessage): string | undefined => {
  if (content.imageMessage) return 'image'
  if (content.videoMessage) return content.videoMessage.gifPlayback === true ? 'gif' : 'video'
  if (content.audioMessage) return content.audioMessage.ptt === true ? 'ptt' : 'audio'
  if (content.contactMessage) return 'vcard'
  if (content.documentMessage) return 'document'
  if (content.contactsArrayMessage) return 'contact_array'
  if (content.liveLocationMessage) return 'livelocation'
  if (content.stickerMessage) return 'sticker'
  return content.groupInviteMessage ? 'url' : undefined
}

const typeOf = (content: proto.IMessage): string => {
  if (content.reactionMessage) return 'reaction'
  if (isPoll(content) || content.pollUpdateMessage) return 'poll'
  if (content.eventMessage) return 'event'
  return mediaTypeOf(content) === undefined ? 'text' : 'media'
}

const isPoll = (content: proto.IMessage): boolean =>
  Boolean(content.pollCreationMessage ?? content.pollCreationMessageV2 ?? content.pollCreationMessageV3)

const editOf = (
  { pinInChatMessage, protocolMessage }: proto.IMessage,
  isGroup: boolean,
): string | undefined => {
  if (pinInChatMessage) return '2'
  if (protocolMessage?.type === protocolTypes.MESSAGE_EDIT) return '1'
  if (protocolMessage?.type !== protocolTypes.REVOKE) return undefined
  return isGroup && protocolMessage.key?.fromMe !== true ? '8' : '7'
}

const metaOf = (content: proto.IMessage): Readonly<Record<string, string>> | undefined => {
  if (isPoll(content)) return { polltype: 'creation' }
  if (content.pollUpdateMessage) return { polltype: 'vote' }
  return content.eventMessage ? { event_type: 'creation' } : undefined
}

export const stanzaAttributesOf = (message: proto.IMessage, isGroup: boolean): StanzaAttributes => {
  const content = normalizeMessageContent(message) ?? message
  return {
    type: typeOf(content),
    edit: editOf(content, isGroup),
    meta: metaOf(content),
    mediatype: mediaTypeOf(content),
    isHidden: Boolean(content.reactionMessage ?? content.pinInChatMessage),
  }
}

/** The attributes of its encrypted part, and the parts beside it. */
export const encAttributesOf = ({ mediatype, isHidden }: StanzaAttributes): Record<string, string> => ({
  ...(mediatype === undefined ? {} : { mediatype }),
  ...(isHidden ? { 'decrypt-fail': 'hide' } : {}),
})

export const metaNodesOf = ({ meta }: StanzaAttributes): Node[] =>
  meta === undefined ? [] : [element('meta', meta)]

/**
 * What a stanza says that is not so, and what it leaves out, in words. A message that was sent again carries less than at
 * first, and of what it is wrapped in Baileys says no `mediatype`.
 */
export const wrongAttributes = (stanza: Node, message: proto.IMessage, isGroup: boolean): string[] => {
  const wanted = stanzaAttributesOf(message, isGroup)
  const encs = children(stanza, 'enc')
  const isAgain = encs.some((enc) => attr(enc, 'count') !== undefined)
  const wrong: string[] = []
  const compare = (
    name: string,
    is: string | undefined,
    right: string | undefined,
    mayLack: boolean,
  ): void => {
    if (is === right || (is === undefined && mayLack)) return
    wrong.push(`${name} is ${is ?? 'absent'}, should be ${right ?? 'absent'}`)
  }
  compare('type', attr(stanza, 'type'), wanted.type, false)
  compare('edit', attr(stanza, 'edit'), wanted.edit, isAgain)
  const meta = child(stanza, 'meta')
  for (const name of ['polltype', 'event_type']) {
    compare(`meta ${name}`, meta === undefined ? undefined : attr(meta, name), wanted.meta?.[name], isAgain)
  }
  const isWrapped = mediaTypeOf(message) === undefined
  for (const enc of encs) {
    compare('mediatype', attr(enc, 'mediatype'), wanted.mediatype, isAgain || isWrapped)
    compare('decrypt-fail', attr(enc, 'decrypt-fail'), wanted.isHidden ? 'hide' : undefined, isAgain)
  }
  return wrong
}
