import { randomBytes } from 'node:crypto'

const crockford = '0123456789abcdefghjkmnpqrstvwxyz'
const timeChars = 10
const randomByteCount = 10

const base32 = (bytes: Uint8Array): string => {
  let bits = 0n
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let left = Math.ceil((bytes.length * 8) / 5); left > 0; left--) {
    text = crockford.charAt(Number(bits & 31n)) + text
    bits >>= 5n
  }
  return text
}

/**
 * A new id such as `evt_01kanp…`: a prefix, the time in 10 characters and 80 random bits in 16, so that ids sort by
 * the millisecond in which they were made (the layout of ULID, in lower case).
 */
export const newId = (prefix: string, now: number): string => {
  let time = ''
  for (let left = timeChars, rest = now; left > 0; left--, rest = Math.floor(rest / 32)) {
    time = crockford.charAt(rest % 32) + time
  }
  return `${prefix}_${time}${base32(randomBytes(randomByteCount))}`
}
