const conversationTag = 0x0a

/** A base-128 varint (protobuf encoding, "Base 128 Varints"). */
const varint = (value: number): number[] => {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
  return bytes
}

/**
 * The WAProto `Message` of a plain text: field 1, `conversation`. Written by hand so that the API does not carry all of
 * Baileys (60 MB) for one field.
 */
export const encodeText = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text)
  return Uint8Array.from([conversationTag, ...varint(bytes.length), ...bytes])
}
