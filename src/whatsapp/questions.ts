import type { BinaryNode, WASocket } from '@whiskeysockets/baileys'

type Asking = Pick<WASocket, 'query'>

const server = '@s.whatsapp.net'

/** Asks the server for a sign of life; rejects when none comes in time. */
export const probe = async (sock: Asking, timeoutMs: number): Promise<void> => {
  const ping: BinaryNode = {
    tag: 'iq',
    attrs: { to: server, type: 'get', xmlns: 'w:p' },
    content: [{ tag: 'ping', attrs: {} }],
  }
  const answer: unknown = await sock.query(ping, timeoutMs)
  if (answer === undefined) throw new Error('no answer to a ping')
}

/** Tells WhatsApp to forget the device `jid` and waits for its answer; without one there is nothing to forget. */
export const unlink = async (sock: Asking, jid: string | undefined, timeoutMs: number): Promise<void> => {
  if (jid === undefined) return
  const request: BinaryNode = {
    tag: 'iq',
    attrs: { to: server, type: 'set', xmlns: 'md' },
    content: [{ tag: 'remove-companion-device', attrs: { jid, reason: 'user_initiated' } }],
  }
  const answer: unknown = await sock.query(request, timeoutMs)
  if (answer === undefined) throw new Error('no answer to the request to unlink')
}
