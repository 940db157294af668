import { varint } from './varint.ts'

const conversationTag = 0x0a

/**
 * The WAProto `Message` of a plain text: field 1, `conversation`. Written by hand so that the API does not carry all of
 * Baileys (60 MB) for one field.
 */
export const encodeText = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text)
  return Uint8Array.from([conversationTag, ...varint(bytes.length), ...bytes])
}
