import { randomBytes } from 'node:crypto'
import type { BinaryNode, WASocket } from '@whiskeysockets/baileys'
import { withDeadline } from '../runtime/deadline.ts'

/** How long the first QR of an attempt lives, and each one after it (Baileys, socket.ts `pair-device`). */
const firstQrMs = 60_000
const nextQrMs = 20_000

const advSecretBytes = 32
const advField = 3
const codeAnswerTimeoutMs = 15_000

/** The text of a QR with another ADV secret: `…#ref,noise,identity,adv,platform`. */
const withAdvSecret = (text: string, secret: string): string => {
  const at = text.indexOf('#') + 1
  const fields = text.slice(at).split(',')
  fields[advField] = secret
  return text.slice(0, at) + fields.join(',')
}

export interface QrShow {
  /** A QR that Baileys made. It captured the ADV secret when the refs came, so the secret of now is put in. */
  fromBaileys(text: string): void
  /** The same ref with the secret of now. */
  again(): void
}

/** Shows QRs with the ADV secret that the creds have now, and how long each will live. */
export const createQrShow = (
  advSecret: () => string,
  qrTimeoutMs: number | undefined,
  mono: () => number,
  onQr: (text: string, ttlMs: number) => void,
): QrShow => {
  let current: { readonly text: string; readonly until: number } | undefined
  return {
    fromBaileys(text) {
      const ttlMs = qrTimeoutMs ?? (current === undefined ? firstQrMs : nextQrMs)
      current = { text, until: mono() + ttlMs }
      onQr(withAdvSecret(text, advSecret()), ttlMs)
    },
    again() {
      if (current === undefined) return
      onQr(withAdvSecret(current.text, advSecret()), Math.max(0, current.until - mono()))
    },
  }
}

/** Acknowledges a notification. Baileys cannot before the login: its ack needs `creds.me`. */
const ackNotification = (sock: WASocket, { attrs }: BinaryNode): Promise<void> =>
  sock.sendNode({
    tag: 'ack',
    attrs: {
      id: attrs['id'] ?? '',
      class: 'notification',
      to: attrs['from'] ?? '',
      ...(attrs['type'] === undefined ? {} : { type: attrs['type'] }),
    },
  })

export interface PairingHooks {
  /** Makes the new secret durable; throws when it cannot. */
  readonly saveCreds: () => void
  readonly showQrAgain: () => void
  readonly onPasskeyRequired: () => void
  readonly onError: (error: unknown) => void
}

/**
 * What WhatsApp has asked of a companion during pairing since July 2026: a `companion_reg_refresh` notification (its
 * child is `companion_reg_refresh` or `pair-device-rotate-qr`) wants an ack, a new ADV secret, and the same ref in a
 * new QR; unmodified Baileys does neither, and the phone says that it couldn't link the device
 * (WhiskeySockets/Baileys issue 2737). `passkey_prologue_request` wants a passkey, which no library can give.
 */
export const handlePairingNotifications = (sock: WASocket, hooks: PairingHooks): void => {
  sock.ws.prependListener('CB:notification,type:companion_reg_refresh', (node: BinaryNode) => {
    const { creds } = sock.authState
    if (creds.account !== undefined) return
    ackNotification(sock, node).catch(hooks.onError)
    creds.advSecretKey = randomBytes(advSecretBytes).toString('base64')
    hooks.saveCreds()
    hooks.showQrAgain()
  })
  sock.ws.prependListener('CB:notification,type:passkey_prologue_request', (node: BinaryNode) => {
    ackNotification(sock, node).catch(hooks.onError)
    hooks.onPasskeyRequired()
  })
}

/**
 * Asks for a pairing code and waits for the server's word: Baileys sends the request without reading the answer, and
 * hands out codes that the server has refused. Call it after the first QR only; earlier, Baileys would log in with a
 * name that nobody has linked.
 */
export const requestPairingCode = async (sock: WASocket, phone: string): Promise<string> => {
  const { promise: answer, resolve, reject } = Promise.withResolvers<void>()
  const taken = (): void => resolve()
  const refused = ({ content }: BinaryNode): void => {
    const [error] = Array.isArray(content) ? content.filter((child) => child.tag === 'error') : []
    const { code = '?', text = 'no reason given' } = error?.attrs ?? {}
    reject(new Error(`WhatsApp gives no pairing code for this number (${code}, ${text})`))
  }
  const gone = (): void => reject(new Error('the connection ended before WhatsApp answered'))
  sock.ws.on('CB:iq,,link_code_companion_reg', taken)
  sock.ws.on('CB:iq,type:error', refused)
  sock.ws.on('close', gone)
  try {
    const [code] = await withDeadline(
      Promise.all([sock.requestPairingCode(phone), answer]),
      codeAnswerTimeoutMs,
      "WhatsApp's answer to the request for a pairing code",
    )
    return code
  } finally {
    answer.catch(() => undefined)
    sock.ws.off('CB:iq,,link_code_companion_reg', taken)
    sock.ws.off('CB:iq,type:error', refused)
    sock.ws.off('close', gone)
  }
}
