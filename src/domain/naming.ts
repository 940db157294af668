/** Where a person is named in what was written down: by the digits of a phone number or a LID. */
import { parseJid } from './jid.ts'

export interface Naming {
  /** The digits of each address. */
  readonly digits: readonly string[]
  /** Is it one of the addresses? */
  readonly isAddress: (address: string | null) => boolean
  /** Do the digits stand in it, as a number of their own? */
  readonly isIn: (text: string | null) => boolean
  /** The same text with zeros in their place: JSON stays JSON, and an address one of nobody. */
  readonly mask: <T extends string | null>(text: T) => T
}

export const createNaming = (addresses: readonly string[]): Naming => {
  const digits = [...new Set(addresses.flatMap((address) => parseJid(address)?.user ?? []))]
  const source = `(?<!\\d)(?:${digits.join('|')})(?!\\d)`
  const [first, every] = [new RegExp(source), new RegExp(source, 'g')]
  return {
    digits,
    isAddress: (address) => address !== null && addresses.includes(address),
    isIn: (text) => text !== null && first.test(text),
    mask: <T extends string | null>(text: T): T =>
      (text === null ? null : text.replaceAll(every, (found) => '0'.repeat(found.length))) as T,
  }
}
