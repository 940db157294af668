import { parseJid } from '../../domain/jid.ts'

/** The digits of a phone-number JID; null for any other address, such as a group's. */
export const phoneDigits = (jid: string | null): string | null => {
  const parsed = jid === null ? undefined : parseJid(jid)
  return parsed?.kind === 'phone' ? parsed.user : null
}
