import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { fetchUrl, type FetchOptions } from '../../src/media/fetch.ts'
import { createLoopbackCertificate } from '../../src/sandbox/media-host/certificate.ts'
import { ownMachine } from './samples.ts'

const { key, certificate } = createLoopbackCertificate()

const options: FetchOptions = {
  guard: ownMachine,
  bytesMax: 1_000,
  totalMs: 20_000,
  idleMs: 20_000,
  accept: '*/*',
  takes: () => true,
  resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
}

/** A server of TLS that answers with the name that it was asked for in the handshake. */
const serve = async (): Promise<number> => {
  const server = createServer({ key, cert: certificate }, (request, response) => {
    response.end(String((request.socket as TLSSocket).servername))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const get = (host: string, port: number) =>
  fetchUrl(`https://${host}:${port}/`, options, async ({ body }) => String(await buffer(body)))

test('a server whose certificate nobody vouches for is not believed', async () => {
  await expect(get('localhost', await serve())).rejects.toMatchObject({
    code: 'media_fetch_failed',
    message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') as string,
  })
})

test('a server is asked under its name, and believed under no other, at the address that was checked', async () => {
  const before = getCACertificates()
  setDefaultCACertificates([certificate])
  onTestFinished(() => setDefaultCACertificates(before))
  const port = await serve()
  expect(await get('localhost', port)).toBe('localhost')
  await expect(get('example.test', port)).rejects.toMatchObject({
    code: 'media_fetch_failed',
    message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as string,
  })
})
