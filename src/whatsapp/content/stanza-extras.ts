import { type BinaryNode, normalizeMessageContent, proto } from '@whiskeysockets/baileys'

/** What a message's stanza says outside of the encryption, so that servers and phones treat it as what it is. */
export interface StanzaExtras {
  readonly additionalAttributes: Record<string, string>
  readonly additionalNodes: BinaryNode[]
}

const { Type } = proto.Message.ProtocolMessage

const editOf = ({ protocolMessage, pinInChatMessage }: proto.IMessage, chat: string): string | undefined => {
  if (pinInChatMessage) return '2'
  if (protocolMessage?.type === Type.MESSAGE_EDIT) return '1'
  if (protocolMessage?.type !== Type.REVOKE) return undefined
  return chat.endsWith('@g.us') && protocolMessage.key?.fromMe !== true ? '8' : '7'
}

const metaOf = (content: proto.IMessage): Record<string, string> | undefined => {
  if (content.pollCreationMessage ?? content.pollCreationMessageV2 ?? content.pollCreationMessageV3) {
    return { polltype: 'creation' }
  }
  if (content.pollUpdateMessage) return { polltype: 'vote' }
  return content.eventMessage ? { event_type: 'creation' } : undefined
}

/** Read from the message itself, so that a retry has the same (Baileys, messages-send.ts `sendMessage`; whatsmeow, send.go). */
export const stanzaExtrasOf = (message: proto.IMessage, chat: string): StanzaExtras => {
  const content = normalizeMessageContent(message) ?? message
  const edit = editOf(content, chat)
  const meta = metaOf(content)
  return {
    additionalAttributes: edit === undefined ? {} : { edit },
    additionalNodes: meta === undefined ? [] : [{ tag: 'meta', attrs: meta }],
  }
}
