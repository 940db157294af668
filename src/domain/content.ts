import { varint } from './varint.ts'

const conversationTag = 0x0a

const encoder = new TextEncoder()

/**
 * The WAProto `Message` of a plain text: field 1, `conversation`. Written by hand so that the API does not carry all of
 * Baileys (60 MB) for one field.
 */
export const encodeText = (text: string): Uint8Array => {
  const bytes = encoder.encode(text)
  const head = [conversationTag, ...varint(bytes.length)]
  const content = new Uint8Array(head.length + bytes.length)
  content.set(head)
  content.set(bytes, head.length)
  return content
}
