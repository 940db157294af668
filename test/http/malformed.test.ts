/** Requests that Node's parser refuses: they are answered like all others. */
import { type AddressInfo, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { getRequestListener } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { answerUnreadable, createHttpServer } from '../../src/http/malformed.ts'
import { problemSchema } from '../../src/http/wire/problem.ts'

const serve = async (): Promise<Socket> => {
  const answer = getRequestListener(async (request) => new Response(await request.text()), {
    hostname: '127.0.0.1',
    errorHandler: (error) => answerUnreadable(error, () => 'req_1'),
  })
  const server = createHttpServer(
    (request, response) => void answer(request, response),
    () => 'req_1',
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  // A client that goes on when the server has ended; Node's own would end as well.
  return connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
}

const pour = async (bytes: string): Promise<{ head: string; body: unknown }> => {
  const socket = await serve()
  socket.write(bytes)
  let heard = ''
  for await (const text of socket.setEncoding('utf8')) heard += String(text)
  socket.end()
  const [head = '', body = ''] = heard.split('\r\n\r\n')
  // It may come in chunks, each after its length.
  return { head, body: JSON.parse(/\{.*\}/s.exec(body)?.[0] ?? '') }
}

test.each([
  ['what is no HTTP', 'garbage\r\n\r\n', 400, 'malformed-request'],
  ['a header with a NUL', 'GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n', 400, 'malformed-request'],
  [
    'headers of 100 KB',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    431,
    'headers-too-large',
  ],
  [
    'endless chunk extensions',
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;${'x'.repeat(20_000)}\r\n`,
    413,
    'body-too-large',
  ],
  ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed-request'],
  [
    'a host that is none',
    'GET / HTTP/1.1\r\nHost: x y\r\nConnection: close\r\n\r\n',
    400,
    'malformed-request',
  ],
  [
    'an expectation of something else',
    'POST /a?b HTTP/1.1\r\nHost: x\r\nExpect: x\r\nContent-Length: 0\r\n\r\n',
    417,
    'expectation-failed',
  ],
])('%s is answered with a problem', async (_what, bytes, status, type) => {
  const { head, body } = await pour(bytes)
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(head).toMatch(/content-type: application\/problem\+json/i)
  expect(head).toMatch(/x-request-id: req_1/i)
  expect(problemSchema.parse(body)).toMatchObject({ type: `/problems/${type}`, status, requestId: 'req_1' })
})

test('a client that is still sending when it is refused reads its answer, and the connection ends soon', async () => {
  const socket = await serve()
  let heard = ''
  socket.setEncoding('utf8').on('data', (text) => {
    heard += String(text)
  })
  const begun = performance.now()
  const pouring = setInterval(() => socket.write('y'.repeat(20_000)), 20)
  onTestFinished(() => clearInterval(pouring))
  socket.write('GET /')
  await once(socket, 'data')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(heard).toMatch(/^HTTP\/1.1 431 /)
  expect(JSON.parse(heard.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 431 })
  expect(error.code).toMatch(/EPIPE|ECONNRESET/)
  expect(performance.now() - begun).toBeGreaterThan(900)
})
