/** A real S3 server in this process, which checks signatures, and may be made to fail. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import S3rver from '@20minutes/s3rver'

export const s3Keys = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
export const s3Bucket = 'gateway-media'

/** Answers a request itself (true), or leaves it to the server. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

export interface S3Server {
  readonly endpoint: string
  /** `GET /gateway-media/…`, in the order in which they came. */
  readonly requests: string[]
  fault: Fault
  stop(): Promise<void>
}

export const startS3 = async (directory: string): Promise<S3Server> => {
  const s3 = new S3rver({ silent: true, directory, configureBuckets: [{ name: s3Bucket, configs: [] }] })
  await s3.configureBuckets()
  const answer = s3.callback()
  const server = createServer((request, response) => {
    running.requests.push(`${request.method ?? ''} ${request.url ?? ''}`)
    if (!running.fault(request, response)) answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const running: S3Server = {
    endpoint: `http://127.0.0.1:${port}`,
    requests: [],
    fault: () => false,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return running
}
