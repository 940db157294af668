/** By its own path: the rest of Baileys need not be loaded to read a message. */
import { proto } from '@whiskeysockets/baileys/WAProto/index.js'

/** A kept WAProto `Message` as JSON: bytes in base64, 64-bit numbers as text, enums by name. Throws when it is none. */
export const rawContent = (content: Uint8Array): unknown =>
  proto.Message.toObject(proto.Message.decode(content), { bytes: String, longs: String, enums: String })
