/**
 * WebSockets: a request for one goes through the app like any other, so that all that stands in front of a handler stands in
 * front of it too, and is refused with the same problems. Only what the app agrees to becomes a socket.
 */
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ServerBindings } from './env.ts'
import { answerMalformed, answerUnreadable, lingerMs } from './malformed.ts'

/** Nothing that a client sends is listened to. */
const payloadMaxBytes = 4_096
/** When the server stops, a client has so long to take the close. */
const goodbyeMs = 500

export type Fetch = (request: Request, bindings: ServerBindings) => Response | Promise<Response>

export interface Upgrades {
  /** Ends what is open, and refuses what still comes. */
  stop(): Promise<void>
}

/** For the server's `shouldUpgradeCallback`: any other request that asks for an upgrade has its ordinary answer. */
export const asksForSocket =
  (path: string) =>
  ({ headers, url = '' }: IncomingMessage): boolean =>
    headers.upgrade?.toLowerCase() === 'websocket' && url.split('?')[0] === path

/** Undefined when no address can be read from it. */
const requestOf = (incoming: IncomingMessage, signal: AbortSignal): Request | undefined => {
  const { method = 'GET', url = '/', headers } = incoming
  const { host = '' } = headers
  const address = `http://${host}${url}`
  if (host === '' || !URL.canParse(address)) return undefined
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return new Request(address, { method, headers: pairs, signal })
}

const refuse = async (socket: Duplex, response: Response): Promise<void> => {
  const body = await response.text()
  const lines = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}`,
    ...[...response.headers].map(([name, value]) => `${name}: ${value}`),
    'connection: close',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  const linger = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(linger))
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

export const acceptUpgrades = (server: Server, fetch: Fetch, requestId: () => string): Upgrades => {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: payloadMaxBytes })
  let stopped = false
  const refuseMalformed = (socket: Duplex, why: string): Promise<void> =>
    refuse(socket, answerMalformed(`no WebSocket can be opened so: ${why}`, requestId))
  sockets.on('wsClientError', (error, socket) => void refuseMalformed(socket, error.message))

  const answer = async (incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    socket.on('error', () => socket.destroy())
    let begin: ((socket: WebSocket) => void) | undefined
    const request = requestOf(incoming, gone.signal)
    if (request === undefined) return await refuseMalformed(socket, 'its Host or path is none')
    const response = await fetch(request, {
      upgrade(given) {
        begin = given
      },
    })
    if (begin === undefined) return await refuse(socket, response)
    if (stopped || socket.destroyed) return void socket.destroy()
    const named = (lines: string[]): void => {
      for (const [name, value] of response.headers) lines.push(`${name}: ${value}`)
    }
    sockets.once('headers', named)
    sockets.handleUpgrade(incoming, socket, head, begin)
    sockets.off('headers', named)
  }

  server.on('upgrade', (incoming, socket, head) => {
    answer(incoming, socket, head).catch((error: unknown) =>
      refuse(socket, answerUnreadable(error, requestId)),
    )
  })

  return {
    async stop() {
      stopped = true
      const closed = [...sockets.clients].map(
        (client) =>
          new Promise<void>((resolve) => {
            client.once('close', () => resolve())
          }),
      )
      const cut = setTimeout(() => {
        for (const client of sockets.clients) client.terminate()
      }, goodbyeMs)
      await Promise.all(closed)
      clearTimeout(cut)
    },
  }
}
