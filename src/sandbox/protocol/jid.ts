/** The two ways in which WhatsApp names a person: by phone number (PN) or by LID. */
export type Addressing = 'pn' | 'lid'

/** `user:device@server`. Device 0 is the phone itself and is not written. */
export interface Jid {
  readonly user: string
  readonly device: number
  readonly server: string
}

export const pnServer = 's.whatsapp.net'
export const lidServer = 'lid'
export const groupServer = 'g.us'
/** What the server calls itself. */
export const serverJid = '@s.whatsapp.net'

const form = /^(?<user>[^@:_]+)(?:_\d+)?(?::(?<device>\d{1,3}))?@(?<server>[a-z.]+)$/

export const parseJid = (text: string | undefined): Jid | undefined => {
  const groups = text === undefined ? undefined : form.exec(text)?.groups
  const user = groups?.['user']
  const server = groups?.['server']
  if (user === undefined || server === undefined) return undefined
  return { user, server: server === 'c.us' ? pnServer : server, device: Number(groups?.['device'] ?? 0) }
}

export const formatJid = ({ user, device, server }: Jid): string =>
  device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`

export const addressingOf = (jid: Jid): Addressing => (jid.server === lidServer ? 'lid' : 'pn')
