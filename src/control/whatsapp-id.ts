import { randomText } from '../runtime/ids.ts'

/** The prefix that WhatsApp Web gives the ids of its messages. */
const prefix = '3EB0'
const randomChars = 18

/** A new WhatsApp message id, `3EB0` and 18 upper-case hex digits. */
export const newWhatsappId = (): string => prefix + randomText('0123456789ABCDEF', randomChars)
