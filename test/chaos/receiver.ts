/** A receiver of webhooks that fails in all the ways in which receivers do, and remembers what it has taken. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'
import type { SeededRandom } from './random.ts'

/** What arrived at one path, by the id that stays the same over all attempts. */
export interface Taken {
  readonly seq: number
  readonly deviceId: string | null
  /** SHA-256 of the body: each attempt must bring the same. */
  readonly body: string
  /** Answers with 2xx. */
  count: number
}

export interface Inbox {
  readonly taken: Map<string, Taken>
  /** By device, the `seq` of each event when it was taken for the first time. */
  readonly order: Map<string, number[]>
  /** What no receiver should get: signatures that do not verify, another body under the same id. */
  readonly wrong: string[]
  requests: number
}

export interface Receiver {
  readonly url: string
  /** Each endpoint has a path of its own, and its secret; so many of its requests fail. */
  readonly open: (path: string, secret: string, failingPart: number) => Inbox
  /** While it is off, everything is taken. */
  unreliable: boolean
  close(): Promise<void>
}

const hangMs = 1_000

const read = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

export const startReceiver = async (random: SeededRandom): Promise<Receiver> => {
  const inboxes = new Map<
    string,
    { readonly inbox: Inbox; readonly webhook: Webhook; readonly failingPart: number }
  >()
  let unreliable = true

  const fail = (response: ServerResponse): void => {
    switch (random.between(0, 4)) {
      case 0:
        return void response.writeHead(500).end('broken')
      case 1:
        return void response.writeHead(429, { 'retry-after': '0' }).end()
      case 2:
        return void response.writeHead(302, { location: '/elsewhere' }).end()
      case 3:
        // It has come, and nobody hears of it.
        return void response.destroy()
      default:
        setTimeout(() => response.destroy(), hangMs)
    }
  }

  const take = (body: string, id: string, inbox: Inbox): void => {
    const {
      seq,
      deviceId,
      id: eventId,
    } = JSON.parse(body) as {
      readonly seq: number
      readonly deviceId: string | null
      readonly id: string
    }
    if (eventId !== id) inbox.wrong.push(`${id} brings ${eventId}`)
    const hash = createHash('sha256').update(body).digest('hex')
    const known = inbox.taken.get(id)
    if (known !== undefined) {
      if (known.body !== hash) inbox.wrong.push(`${id} brings another body`)
      known.count += 1
      return
    }
    inbox.taken.set(id, { seq, deviceId, body: hash, count: 1 })
    const line = deviceId ?? ''
    inbox.order.set(line, [...(inbox.order.get(line) ?? []), seq])
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = inboxes.get(request.url ?? '')
    if (target === undefined) return void response.writeHead(404).end()
    const { inbox, webhook, failingPart } = target
    inbox.requests += 1
    if (unreliable && random.next() < failingPart / 5) return void request.destroy()
    const body = await read(request)
    try {
      webhook.verify(body, request.headers as Record<string, string>)
    } catch (error) {
      inbox.wrong.push(`${String(request.headers['webhook-id'])}: ${String(error)}`)
    }
    if (unreliable && random.next() < failingPart) return fail(response)
    take(body, String(request.headers['webhook-id']), inbox)
    response.writeHead(204).end()
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    open(path, secret, failingPart) {
      const inbox: Inbox = { taken: new Map(), order: new Map(), wrong: [], requests: 0 }
      inboxes.set(path, { inbox, webhook: new Webhook(secret), failingPart })
      return inbox
    },
    get unreliable() {
      return unreliable
    },
    set unreliable(value) {
      unreliable = value
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
