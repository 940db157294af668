import { GatewayError } from '../domain/errors.ts'
import { textLengthMax } from '../domain/message.ts'

/** Refuses a text that WhatsApp would not take. Length is counted in UTF-16 units, as JavaScript and WhatsApp Web count it. */
export const checkText = (name: string, text: string): string => {
  const problem =
    text.trim() === ''
      ? 'must not be empty or blank'
      : text.length > textLengthMax
        ? `must not be longer than ${textLengthMax} characters; this one has ${text.length}`
        : text.includes('\0')
          ? 'must not contain the character NUL'
          : text.isWellFormed()
            ? undefined
            : 'must be well-formed Unicode; it contains half a surrogate pair'
  if (problem !== undefined) throw new GatewayError('invalid_text', `${name} ${problem}`)
  return text
}
