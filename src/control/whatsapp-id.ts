/** The prefix that WhatsApp Web gives the ids of its messages. */
const prefix = '3EB0'
const randomByteCount = 9

/** A new WhatsApp message id, `3EB0` and 18 upper-case hex digits. */
export const newWhatsappId = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(randomByteCount))
  return prefix + Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('')
}
