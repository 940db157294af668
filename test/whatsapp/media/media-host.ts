/** A media host on 127.0.0.1 with TLS, which keeps what it is given; each request can be answered otherwise. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { BinaryNode } from '@whiskeysockets/baileys'
import { createHostBook, type HostBook } from '../../../src/whatsapp/media/hosts.ts'
import { loopbackCertificate, loopbackKey } from '../loopback-certificate.ts'

/** Answers a request itself (true), or leaves it to the host. */
export type Fault = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean

export interface MediaHost {
  /** `127.0.0.1:PORT`. */
  readonly name: string
  /** By path. */
  readonly files: Map<string, Buffer>
  readonly requests: string[]
  fault: Fault
  /** It accepts connections and reads nothing that is sent. */
  deaf: boolean
  stop(): Promise<void>
}

export const startMediaHost = async (): Promise<MediaHost> => {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', 'https://media')
    host.requests.push(`${request.method ?? ''} ${url.pathname}`)
    if (host.deaf) return
    const body = request.method === 'POST' ? await buffer(request) : Buffer.alloc(0)
    if (host.fault(request, response, body)) return
    if (request.method === 'POST') {
      host.files.set(url.pathname, body)
      response.end(JSON.stringify({ url: `https://${host.name}${url.pathname}`, direct_path: url.pathname }))
      return
    }
    const file = host.files.get(url.pathname)
    if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-length': file.length }).end(file)
  }
  const server = createServer({ key: loopbackKey, cert: loopbackCertificate }, (request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host: MediaHost = {
    name: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    files: new Map(),
    requests: [],
    fault: () => false,
    deaf: false,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return host
}

/** What WhatsApp answers to a question for media hosts. */
export const mediaConn = (hosts: readonly string[], auth: string, ttl = '300'): BinaryNode => ({
  tag: 'iq',
  attrs: { type: 'result' },
  content: [
    {
      tag: 'media_conn',
      attrs: { auth, ttl },
      content: hosts.map((hostname) => ({ tag: 'host', attrs: { hostname } })),
    },
  ],
})

/** A book of these hosts; each question is admitted under a new name: `auth-1`, `auth-2`… */
export const bookOf = (...hosts: readonly string[]): HostBook => {
  let asked = 0
  return createHostBook({
    query: async () => mediaConn(hosts, `auth-${(asked += 1)}`),
    now: () => 0,
  })
}
