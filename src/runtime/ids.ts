import { randomBytes, randomFillSync } from 'node:crypto'

const crockford = '0123456789abcdefghjkmnpqrstvwxyz'
const timeChars = 10
const randomChars = 16

/** Random bytes are fetched for many ids at once: a call costs more than the bytes. */
const pool = new Uint8Array(8_192)
let used = pool.length

/** So many characters by chance, of an alphabet whose length is a power of two up to 256. */
export const randomText = (alphabet: string, length: number): string => {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  let text = ''
  for (const end = used + length; used < end; used += 1) {
    text += alphabet.charAt((pool[used] ?? 0) % alphabet.length)
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
  return `${prefix}_${time}${randomText(crockford, randomChars)}`
}

/** So many random bytes in base64. */
export const randomBase64 = (bytes: number): string => randomBytes(bytes).toString('base64')
