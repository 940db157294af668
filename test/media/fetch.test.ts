import { lookup } from 'node:dns/promises'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createAddressGuard } from '../../src/media/addresses.ts'
import { type Fetched, type FetchOptions, fetchUrl } from '../../src/media/fetch.ts'
import { ownMachine, publicOnly, serve } from './samples.ts'

const options: FetchOptions = {
  guard: ownMachine,
  bytesMax: 1_000_000,
  totalMs: 20_000,
  idleMs: 20_000,
  accept: '*/*',
  takes: () => true,
}

const read = async ({ body, ...rest }: Fetched) => ({ ...rest, text: String(await buffer(body)) })
const get = (url: string, changed: Partial<FetchOptions> = {}) =>
  fetchUrl(url, { ...options, ...changed }, read)

const refusal = { code: 'media_url_refused' }
const failure = (message: string) => ({
  code: 'media_fetch_failed',
  message: expect.stringContaining(message) as string,
})

const hello: RequestListener = (_, response) => response.end('hello')
/** A host name, resolved by the test. */
const named = (url: string, host = 'example.test'): string => url.replace('127.0.0.1', host)

describe('what a URL answers', () => {
  it('is its body, with its type and name', async () => {
    const url = await serve((request, response) => {
      expect(request.headers).toMatchObject({ accept: 'image/*', 'accept-encoding': 'identity' })
      response.writeHead(200, { 'content-type': 'Image/PNG; charset=x' }).end('bytes')
    })
    expect(await get(`${url}/a/cat%20one.png?x=1`, { accept: 'image/*' })).toEqual({
      url: new URL(`${url}/a/cat%20one.png?x=1`),
      mimetype: 'image/png',
      charset: 'x',
      filename: 'cat one.png',
      text: 'bytes',
    })
  })

  it.each([
    ['attachment; filename="bill 7.pdf"', 'bill 7.pdf'],
    ["attachment; filename=x.pdf; filename*=UTF-8''%C3%A9t%C3%A9.pdf", 'été.pdf'],
    ['attachment; filename="../../etc/passwd"', 'passwd'],
    ['attachment', 'path.bin'],
    ["attachment; filename*=UTF-8''%ZZ", 'path.bin'],
  ])('has the name of its header: %s', async (disposition, filename) => {
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-disposition': disposition }).end('x'),
    )
    expect((await get(`${url}/path.bin`)).filename).toBe(filename)
  })

  it.each([404, 500, 204, 206])('is none when its status is %d', async (status) => {
    const url = await serve((_, response) => response.writeHead(status).end())
    await expect(get(url)).rejects.toMatchObject(failure(`status ${status}`))
  })

  it('is none when it says to be too long, and is not read', async () => {
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-length': 1_000_001 }).write('x'),
    )
    await expect(get(url)).rejects.toMatchObject({ code: 'media_too_large' })
  })

  it('is none when its type will not do', async () => {
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('x'),
    )
    await expect(get(url, { takes: (type) => type !== 'text/html' })).rejects.toMatchObject(
      failure('text/html'),
    )
  })

  it('is never decompressed', async () => {
    const url = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'))
    await expect(get(url)).rejects.toMatchObject(failure('encoding gzip'))
  })

  it('is a failure when it breaks off', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('half', () => response.destroy())
    })
    await expect(get(url)).rejects.toMatchObject(failure('broke off'))
  })

  it('is a failure when it is no HTTP', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    await expect(get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).rejects.toMatchObject(
      failure('could not be asked'),
    )
  })
})

describe('a URL', () => {
  it.each([
    'file:///etc/passwd',
    'ftp://example.com/a',
    'data:text/plain,hello',
    'gopher://example.com/',
    'not a url',
    '/etc/passwd',
    'http://user@example.com/',
    'http://user:secret@example.com/',
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://localhost/',
    'http://localhost./',
    'https://10.0.0.1/',
  ])('is refused without a connection: %s', async (url) => {
    await expect(get(url, { guard: publicOnly })).rejects.toMatchObject(refusal)
  })

  it('is refused when one of the addresses of its host is private', async () => {
    const resolve = () =>
      Promise.resolve([
        { address: '93.184.216.34', family: 4 },
        { address: '10.0.0.7', family: 4 },
      ])
    await expect(get('http://example.test/', { guard: publicOnly, resolve })).rejects.toMatchObject(refusal)
  })

  it('is asked at the address that was checked, whatever the name leads to afterwards', async () => {
    const url = await serve((request, response) => response.end(request.headers.host))
    const asked: string[] = []
    const resolve = (host: string) => {
      asked.push(host)
      // The first answer is allowed; what a rebinding server says next would not be.
      return Promise.resolve([{ address: asked.length === 1 ? '127.0.0.1' : '10.0.0.7', family: 4 }])
    }
    const { text } = await get(named(url), { resolve })
    expect(text).toBe(new URL(named(url)).host)
    expect(asked).toEqual(['example.test'])
  })

  it('may name a host that the operator has allowed', async () => {
    const url = await serve(hello)
    const guard = createAddressGuard(['localhost'])
    const resolve = async (host: string) => [await lookup(host, { family: 4 })]
    expect((await get(named(url, 'localhost'), { guard, resolve })).text).toBe('hello')
    await expect(get(url, { guard })).rejects.toMatchObject(refusal)
  })

  it('fails when there is no such host', async () => {
    const resolve = () => Promise.reject(new Error('ENOTFOUND'))
    await expect(get('http://example.test/', { resolve })).rejects.toMatchObject(
      failure('no host example.test'),
    )
  })
})

describe('a redirect', () => {
  const redirecting = (to: (origin: string) => string, status = 302) =>
    serve((request, response) => {
      if (request.url === '/end') return void response.end('the end')
      response.writeHead(status, { location: to(`http://${request.headers.host}`) }).end('moved')
    })

  it.each([301, 302, 303, 307, 308])('of status %d is followed, relative ones too', async (status) => {
    const url = await redirecting(() => '/end', status)
    expect(await get(url)).toMatchObject({ text: 'the end', url: new URL(`${url}/end`) })
  })

  it('is checked like the first URL', async () => {
    const url = await redirecting(() => 'http://127.0.0.2/')
    await expect(get(url)).rejects.toMatchObject(refusal)
    const file = await redirecting(() => 'file:///etc/passwd')
    await expect(get(file)).rejects.toMatchObject(refusal)
    const secret = await redirecting((origin) => origin.replace('//', '//a:b@'))
    await expect(get(secret)).rejects.toMatchObject(refusal)
  })

  it('has its host looked up anew', async () => {
    const url = await redirecting((origin) => `${origin}/end`)
    let times = 0
    const resolve = () => {
      times += 1
      return Promise.resolve([{ address: times === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }])
    }
    await expect(get(named(url), { resolve })).rejects.toMatchObject(refusal)
    expect(times).toBe(2)
  })

  it('is not followed for ever', async () => {
    const url = await redirecting((origin) => `${origin}/again`)
    await expect(get(url)).rejects.toMatchObject(failure('more than 5 redirects'))
  })
})

describe('a server that is slow', () => {
  it.each([
    ['before it answers', (): void => undefined],
    [
      'in the middle',
      (response: Parameters<RequestListener>[1]): void => void response.writeHead(200).write('begun'),
    ],
  ])('is given up when it is silent: %s', async (_, answer) => {
    const url = await serve((_request, response) => answer(response))
    await expect(get(url, { idleMs: 50 })).rejects.toMatchObject(failure('silent for 50 ms'))
  })

  it('is given up when all of it takes too long', async () => {
    const url = await serve((_, response) => {
      const timer = setInterval(() => response.write('.'), 5)
      response.once('close', () => clearInterval(timer))
    })
    await expect(get(url, { totalMs: 100 })).rejects.toMatchObject(failure('longer than 100 ms'))
  })

  it('is given up when its name is not found out in time', async () => {
    const resolve = () => new Promise<never>(() => undefined)
    await expect(get('http://example.test/', { resolve, totalMs: 50 })).rejects.toMatchObject(
      failure('longer than 50 ms'),
    )
  })

  it('is given up when nobody waits any more', async () => {
    const stop = new AbortController()
    const url = await serve((_, response) => {
      response.writeHead(200).write('begun')
      stop.abort(new Error('gone'))
    })
    await expect(get(url, { signal: stop.signal })).rejects.toThrow('gone')
  })
})

it('what fails in the reading is told as it is', async () => {
  const url = await serve(hello)
  await expect(fetchUrl(url, options, () => Promise.reject(new Error('disk')))).rejects.toThrow('disk')
})
