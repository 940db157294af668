import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { loopbackCertificate, loopbackKey } from './loopback-certificate.ts'

/** What a client has sent over one connection, and how it ended it. */
export interface TappedConnection {
  bytes: number
  end: 'open' | 'closed' | 'reset'
}

export interface Tap {
  readonly url: string
  /** Oldest first. */
  readonly connections: readonly TappedConnection[]
  /** Of all connections. */
  readonly bytes: number
  close(): void
}

/** A way to the sandbox that counts; over TLS too, which the sandbox itself does not speak. */
export const openTap = async (sandboxUrl: string, { secure = false } = {}): Promise<Tap> => {
  const { hostname, port } = new URL(sandboxUrl)
  const connections: TappedConnection[] = []
  const sockets = new Set<Socket>()
  const take = (client: Socket): void => {
    const tapped: TappedConnection = { bytes: 0, end: 'open' }
    connections.push(tapped)
    const server = connect(Number(port), hostname)
    sockets.add(client).add(server)
    client.on('data', (chunk: Buffer) => {
      tapped.bytes += chunk.length
      server.write(chunk)
    })
    client.on('end', () => {
      tapped.end = 'closed'
      server.end()
    })
    client.on('error', () => {
      tapped.end = 'reset'
      server.destroy()
    })
    server.on('error', () => client.destroy())
    server.pipe(client)
  }
  const server: Server = secure
    ? createTlsServer({ key: loopbackKey, cert: loopbackCertificate }, take)
    : createServer(take)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(sandboxUrl)
  url.protocol = secure ? 'wss:' : 'ws:'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    connections,
    get bytes() {
      return connections.reduce((sum, { bytes }) => sum + bytes, 0)
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
