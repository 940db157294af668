/** A WhatsApp address, taken apart. `user` is digits for a person; `device` is 0 for the phone itself. */
export interface Jid {
  readonly kind: JidKind
  readonly user: string
  readonly device: number
}

/** `phone` is a phone-number address (PN), `lid` the address that hides the number. */
export type JidKind = 'phone' | 'lid' | 'group' | 'status' | 'broadcast' | 'newsletter'

const kindOfServer: ReadonlyMap<string, JidKind> = new Map([
  ['s.whatsapp.net', 'phone'],
  ['c.us', 'phone'],
  ['hosted', 'phone'],
  ['lid', 'lid'],
  ['hosted.lid', 'lid'],
  ['g.us', 'group'],
  ['broadcast', 'broadcast'],
  ['newsletter', 'newsletter'],
])

const serverOfKind: Readonly<Record<JidKind, string>> = {
  phone: 's.whatsapp.net',
  lid: 'lid',
  group: 'g.us',
  status: 'broadcast',
  broadcast: 'broadcast',
  newsletter: 'newsletter',
}

/** E.164 allows 15 digits; the shortest subscriber numbers in use have 7 with their country code. */
const phoneDigitsMin = 7
const phoneDigitsMax = 15

const personPattern = /^\d{5,20}$/
const groupPattern = /^[\d-]{5,64}$/
const devicePattern = /^\d{1,4}$/

/** Reads `user[_agent][:device]@server`; undefined when the text is no address that WhatsApp uses. */
export const parseJid = (text: string): Jid | undefined => {
  const at = text.indexOf('@')
  if (at < 1) return undefined
  const kind = kindOfServer.get(text.slice(at + 1))
  if (kind === undefined) return undefined
  const [name = '', device = '0', ...more] = text.slice(0, at).split(':')
  const user = name.split('_')[0] ?? ''
  if (more.length > 0 || !devicePattern.test(device)) return undefined
  if (kind === 'phone' || kind === 'lid') {
    return personPattern.test(user) ? { kind, user, device: Number(device) } : undefined
  }
  if (user === 'status' && kind === 'broadcast') return { kind: 'status', user, device: 0 }
  return groupPattern.test(user) ? { kind, user, device: 0 } : undefined
}

/** The address without a device: `user@server`. */
export const formatJid = (jid: Pick<Jid, 'kind' | 'user'>): string => `${jid.user}@${serverOfKind[jid.kind]}`

/** `user@server` of an address as WhatsApp writes it, or undefined: drops the device and old server names. */
export const normalizeJid = (text: string | null | undefined): string | undefined => {
  const jid = text === null || text === undefined ? undefined : parseJid(text)
  return jid === undefined ? undefined : formatJid(jid)
}

/** The phone-number JID of digits. */
export const phoneJid = (digits: string): string => formatJid({ kind: 'phone', user: digits })

/** The digits of a phone number written with `+`, spaces, dashes, dots or brackets; undefined when it is none. */
export const parsePhoneNumber = (text: string): string | undefined => {
  const digits = text
    .trim()
    .replace(/^\+/, '')
    .replace(/[\s().-]/g, '')
  return /^[1-9]\d*$/.test(digits) && digits.length >= phoneDigitsMin && digits.length <= phoneDigitsMax
    ? digits
    : undefined
}

/** Whom a message can be sent to: a person or a group, by JID or by phone number. */
export const parseRecipient = (text: string): Jid | undefined => {
  if (!text.includes('@')) {
    const digits = parsePhoneNumber(text)
    return digits === undefined ? undefined : { kind: 'phone', user: digits, device: 0 }
  }
  const jid = parseJid(text.trim())
  if (jid === undefined) return undefined
  return jid.kind === 'phone' || jid.kind === 'lid' || jid.kind === 'group'
    ? { ...jid, device: 0 }
    : undefined
}

/** One person or chat under the two addresses that WhatsApp uses for it; at least one is known. */
export interface Party {
  /** `…@s.whatsapp.net`; for a group chat, the group's JID. */
  readonly pn: string | null
  /** `…@lid` */
  readonly lid: string | null
}

/** One person or chat, out of the addresses by which something names it, in whatever order; what is no address is passed over. */
export const partyOf = (...addresses: readonly (string | undefined)[]): Party => {
  let pn: string | null = null
  let lid: string | null = null
  for (const address of addresses) {
    const jid = address === undefined ? undefined : parseJid(address)
    const text = normalizeJid(address)
    if (jid === undefined || text === undefined) continue
    if (jid.kind === 'lid') lid ??= text
    else pn ??= text
  }
  return { pn, lid }
}

/** Are these the same person? True when either address is known on both sides and equal. */
export const sameParty = (a: Party, b: Party): boolean =>
  (a.pn !== null && a.pn === b.pn) || (a.lid !== null && a.lid === b.lid)

/** The address to show: the phone number where it is known, else the LID. */
export const partyJid = (party: Party): string => party.pn ?? party.lid ?? ''

/** The digits of a phone-number JID; null for any other address, such as a group's. */
export const phoneDigits = (jid: string | null): string | null => {
  const parsed = jid === null ? undefined : parseJid(jid)
  return parsed?.kind === 'phone' ? parsed.user : null
}
