/** Events as the log has them, endpoints, and a receiver on this machine. */
import { createServer, type RequestListener } from 'node:http'
import { createServer as createNetServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import type { Event } from '../../src/domain/event.ts'
import type { ShownMessage } from '../../src/domain/shown-message.ts'
import { createAddressGuard } from '../../src/media/addresses.ts'

export const ownMachine = createAddressGuard(['127.0.0.0/8', '::1'])
export const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
export const otherSecret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'

const listening = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that lives as long as the test. */
export const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `${await listening(server)}/hook`
}

/** The same for bytes that need be no HTTP. */
export const serveRaw = async (onSocket: (socket: Socket) => void): Promise<string> => {
  const sockets = new Set<Socket>()
  const server = createNetServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `${await listening(server)}/hook`
}

export interface Received {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Keeps what it gets; `answer` says how each is answered, with 200 when it says nothing. */
export const receive = async (
  answer: (received: Received, count: number) => number | Promise<number> = () => 200,
): Promise<{ readonly url: string; readonly received: Received[] }> => {
  const received: Received[] = []
  const url = await serve((request, response) => {
    void (async () => {
      const one = { headers: request.headers as Record<string, string>, body: await text(request) }
      received.push(one)
      response.writeHead(await answer(one, received.length)).end()
    })()
  })
  return { url, received }
}

const shownMessageOf = (body: MessageBody | null, more: Partial<ShownMessage> = {}): ShownMessage => ({
  id: 'msg_1',
  device: 'phone-1',
  whatsappId: 'WA1',
  direction: 'inbound',
  chat: '491511111111@s.whatsapp.net',
  chatPhone: '491511111111',
  chatLid: null,
  sender: { phone: '491511111111', lid: null, name: 'Alice' },
  type: body?.type ?? 'unknown',
  text: body?.type === 'text' ? body.text : null,
  body,
  target: null,
  editedAt: null,
  deletedAt: null,
  starred: false,
  deletedForMeAt: null,
  pinnedUntil: null,
  status: 'delivered',
  attempts: 0,
  error: null,
  timestamp: '2027-01-15T08:00:00.000Z',
  times: { queued: null, sending: null, sent: null, delivered: null, read: null, played: null, failed: null },
  ...more,
})

export const receivedEvent = (body: MessageBody | null, more: Partial<ShownMessage> = {}): Event => {
  const message = shownMessageOf(body, more)
  return {
    seq: 7,
    id: 'evt_7',
    at: Date.parse('2027-01-15T08:00:01.500Z'),
    type: 'message.received',
    deviceId: 'phone-1',
    data: {
      messageId: message.id,
      whatsappId: message.whatsappId,
      chat: message.chat,
      chatLid: null,
      fromMe: false,
      message,
    },
  }
}
