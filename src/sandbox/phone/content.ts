import type { proto } from '@whiskeysockets/baileys'

/** Parts of a message that go along with its content and are none themselves. */
const companionsOfContent = new Set(['messageContextInfo', 'senderKeyDistributionMessage'])

/** What a message shows: its text or caption, and its kind by its protobuf name without `Message`. */
export const describeContent = (message: proto.IMessage): { type: string; text: string } => {
  const text = message.conversation ?? message.extendedTextMessage?.text
  if (typeof text === 'string') return { type: 'text', text }
  const captioned = message.imageMessage ?? message.videoMessage ?? message.documentMessage
  const [name] = Object.entries(message)
    .filter(([key, value]) => value !== null && value !== undefined && !companionsOfContent.has(key))
    .map(([key]) => key)
  return {
    type: (name ?? 'empty').replace(/Message$/, ''),
    text: message.reactionMessage?.text ?? captioned?.caption ?? '',
  }
}
