import type { WASocket } from '@whiskeysockets/baileys'

/**
 * The largest message that WhatsApp's server may send in one piece. The largest that it has cause to, the list of all
 * devices of a large group, has some hundred kilobytes.
 */
export const webSocketMessageMaxBytes = 8 * 1024 * 1024

/** Of the WebSocket library (ws, receiver.js and permessage-deflate.js), which Baileys gives no bound: then it is 100 MiB. */
interface Receiver {
  _maxPayload: number
  readonly _extensions?: { readonly 'permessage-deflate'?: { _maxPayload: number } }
}

/** A message that is announced, or swells, to more ends the connection before it is in memory. */
export const boundMessages = (ws: WASocket['ws']): void => {
  ws.on('open', () => {
    const receiver = (ws as unknown as { socket: { _receiver?: Receiver } | null }).socket?._receiver
    if (receiver === undefined) return
    receiver._maxPayload = webSocketMessageMaxBytes
    const deflate = receiver._extensions?.['permessage-deflate']
    if (deflate !== undefined) deflate._maxPayload = webSocketMessageMaxBytes
  })
}
