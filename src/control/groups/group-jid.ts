import { GatewayError } from '../../domain/errors.ts'
import { formatJid, parseJid } from '../../domain/jid.ts'

/** The JID of a group, `@g.us` may be left out. Throws `invalid_group`. */
export const groupJid = (text: string): string => {
  const jid = parseJid(text.includes('@') ? text : `${text}@g.us`)
  if (jid?.kind !== 'group') {
    throw new GatewayError(
      'invalid_group',
      'a group is named by its JID, such as 120363000000000000@g.us: GET /api/devices/{id}/groups lists them',
    )
  }
  return formatJid(jid)
}
