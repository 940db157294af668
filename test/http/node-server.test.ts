/** The app behind a real socket, where bodies come in pieces and clients hang up. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { createApi, linked, type Api } from './api.ts'

const listen = async (api: Api): Promise<number> => {
  const started = Promise.withResolvers<AddressInfo>()
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' }, started.resolve)
  onTestFinished(() => {
    server.close()
  })
  return (await started.promise).port
}

const open = (port: number, headers: Record<string, string>) => {
  const answered = Promise.withResolvers<IncomingMessage>()
  const path = '/api/devices/myphone/send'
  const outgoing = httpRequest({ port, host: '127.0.0.1', path, method: 'POST', headers }, answered.resolve)
  outgoing.on('error', answered.reject)
  return { outgoing, answered: answered.promise }
}

const textOf = async (incoming: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of incoming.setEncoding('utf8')) text += String(chunk)
  return text
}

test('a chunked body over 1 MiB is 413 while it is still being sent', async () => {
  const api = await createApi()
  const { outgoing, answered } = open(await listen(api), { 'content-type': 'application/json' })
  for (let sent = 0; sent <= 1_048_576; sent += 65_536) outgoing.write(Buffer.alloc(65_536, ' '))
  const incoming = await answered
  expect(incoming.statusCode).toBe(413)
  expect(JSON.parse(await textOf(incoming))).toMatchObject({ type: '/problems/body-too-large' })
  outgoing.destroy()
})

test('a body in two pieces and without a content type is read whole', async () => {
  const api = await createApi()
  await linked(api)
  const { outgoing, answered } = open(await listen(api), {})
  outgoing.write('{"to":"1234567890",')
  outgoing.end('"message":"hi"}')
  const incoming = await answered
  expect(incoming.statusCode).toBe(202)
  expect(incoming.headers['cache-control']).toBe('no-store')
  expect(JSON.parse(await textOf(incoming))).toMatchObject({ status: 'queued' })
})

test('a client that hangs up in the middle of its body harms nobody else', async () => {
  const api = await createApi()
  await linked(api)
  const port = await listen(api)
  const { outgoing, answered } = open(port, { 'content-type': 'application/json' })
  answered.catch(() => undefined)
  await new Promise<void>((resolve) => {
    outgoing.write('{"to":', () => resolve())
  })
  outgoing.destroy()
  await expect.poll(() => api.lines.map(({ level }) => level)).toEqual(['info'])
  const response = await fetch(`http://127.0.0.1:${port}/api/devices/myphone/status`)
  expect(response.status).toBe(200)
})
