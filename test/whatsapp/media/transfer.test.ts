import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { downloadContentFromMessage } from '@whiskeysockets/baileys'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mediaTls } from '../../../src/whatsapp/media-tls.ts'
import type { RemoteFile } from '../../../src/domain/media.ts'
import { downloadFile } from '../../../src/whatsapp/media/download.ts'
import { MediaError } from '../../../src/whatsapp/media/errors.ts'
import type { HostBook } from '../../../src/whatsapp/media/hosts.ts'
import { createMediaHttp } from '../../../src/whatsapp/media/http.ts'
import { sealFile } from '../../../src/whatsapp/media/seal.ts'
import { uploadFile } from '../../../src/whatsapp/media/upload.ts'
import { newFolder } from '../../media/folder.ts'
import { loopbackCertificate } from '../loopback-certificate.ts'
import { bookOf, type MediaHost, startMediaHost } from './media-host.ts'

const folder = newFolder()
const newPath = (): string => path.join(folder, randomBytes(8).toString('hex'))
const live = new AbortController().signal
const mib = 1024 * 1024
const nowhere = '127.0.0.1:1'
const http = createMediaHttp({ ca: loopbackCertificate })

let first: MediaHost
let second: MediaHost
beforeAll(async () => {
  first = await startMediaHost()
  second = await startMediaHost()
})
afterAll(() => Promise.all([first.stop(), second.stop()]))
afterEach(() => {
  for (const host of [first, second]) {
    host.fault = () => false
    host.deaf = false
    host.requests.length = 0
    host.files.clear()
  }
})

const failure = async (work: Promise<unknown>): Promise<MediaError> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MediaError)
  return error as MediaError
}

const sealed = async (bytes: Uint8Array) => {
  const file = newPath()
  return { file, ...(await sealFile(Readable.from([bytes]), file, 'image')) }
}

const upload = async (book: HostBook, bytes: Uint8Array): Promise<RemoteFile> => {
  const { file, ...rest } = await sealed(bytes)
  const uploaded = await uploadFile({ http, book }, file, rest.fileEncSha256, 'image', live)
  return { ...rest, ...uploaded, kind: 'image', mediaKeyTimestamp: 0 }
}

const download = async (book: HostBook, remote: RemoteFile, bytesMax = 10 * mib, via = http) => {
  const target = newPath()
  const opened = await downloadFile({ http: via, book }, remote, target, bytesMax, live)
  return { ...opened, file: await readFile(target) }
}

describe('an upload', () => {
  it('can be downloaded by us and by Baileys', async () => {
    const bytes = randomBytes(3 * mib)
    const book = bookOf(first.name)
    const remote = await upload(book, bytes)
    expect((await download(book, remote)).file.equals(bytes)).toBe(true)
    const { options = {} } = await mediaTls(loopbackCertificate)
    const theirs = await downloadContentFromMessage(remote, 'image', { options })
    expect((await buffer(theirs)).equals(bytes)).toBe(true)
  })

  it('is admitted and named as WhatsApp expects it', async () => {
    const seen: { url: URL; origin: string | undefined; length: string | undefined }[] = []
    first.fault = ({ url = '', headers }) => {
      seen.push({
        url: new URL(url, 'https://host'),
        origin: headers['origin'],
        length: headers['content-length'],
      })
      return false
    }
    const { fileEncSha256 } = await upload(bookOf(first.name), randomBytes(100))
    const token = Buffer.from(fileEncSha256).toString('base64url')
    expect(seen).toHaveLength(1)
    expect(seen[0]?.url.pathname).toBe(`/mms/image/${token}`)
    expect(Object.fromEntries(seen[0]?.url.searchParams ?? [])).toEqual({ auth: 'auth-1', token })
    expect(seen[0]).toMatchObject({ origin: 'https://web.whatsapp.com', length: '122' })
  })

  it('goes to the next host when one cannot be reached, fails, or answers nonsense', async () => {
    const bytes = randomBytes(1_000)
    await upload(bookOf(nowhere, second.name), bytes)
    for (const answer of ['<html>', '{}', '{"url":1}']) {
      first.fault = (_request, response) => {
        response.end(answer)
        return true
      }
      await upload(bookOf(first.name, second.name), bytes)
    }
    first.fault = (_request, response) => {
      response.writeHead(503).end()
      return true
    }
    await upload(bookOf(first.name, second.name), bytes)
    expect(second.files.size).toBe(5)
    const { code, message } = await failure(upload(bookOf(nowhere, first.name), bytes))
    expect(code).toBe('unreachable')
    expect(message).toContain('503')
  })

  it('asks once more what admits it when it is refused, and then gives up', async () => {
    let refusals = 1
    first.fault = (_request, response) => {
      if (refusals === 0) return false
      refusals -= 1
      response.writeHead(401).end()
      return true
    }
    await upload(bookOf(first.name), randomBytes(5 * mib))
    refusals = Number.POSITIVE_INFINITY
    const seen = first.requests.length
    expect((await failure(upload(bookOf(first.name), randomBytes(100)))).code).toBe('forbidden')
    expect(first.requests.length - seen).toBe(2)
  })

  it('that is too large for the host is not tried elsewhere', async () => {
    first.fault = (_request, response) => {
      response.writeHead(413).end()
      return true
    }
    expect((await failure(upload(bookOf(first.name, second.name), randomBytes(10)))).code).toBe('too_large')
    expect(second.requests).toEqual([])
  })

  it('follows a redirect, and only to where TLS protects it', async () => {
    const bytes = randomBytes(10_000)
    first.fault = ({ url }, response) => {
      response.writeHead(307, { location: `https://${second.name}${url ?? ''}` }).end()
      return true
    }
    await upload(bookOf(first.name), bytes)
    expect(second.files.size).toBe(1)
    first.fault = (_request, response) => {
      response.writeHead(307, { location: `http://${second.name}/` }).end()
      return true
    }
    expect((await failure(upload(bookOf(first.name), bytes))).message).toContain('http:')
  })

  it('ends when a host takes nothing any more, or says nothing', async () => {
    const impatient = createMediaHttp({ ca: loopbackCertificate, silenceMs: 300 })
    const { file, fileEncSha256 } = await sealed(randomBytes(8 * mib))
    const upload = () =>
      uploadFile({ http: impatient, book: bookOf(first.name) }, file, fileEncSha256, 'image', live)
    first.fault = () => true
    expect((await failure(upload())).code).toBe('unreachable')
    first.deaf = true
    expect((await failure(upload())).message).toContain('nothing moved for 300 ms')
  })

  it('is refused to a host whose certificate nobody vouches for', async () => {
    const strict = createMediaHttp({ ca: undefined })
    const { file, fileEncSha256 } = await sealed(randomBytes(10))
    const work = uploadFile({ http: strict, book: bookOf(first.name) }, file, fileEncSha256, 'image', live)
    expect((await failure(work)).message).toMatch(/self-signed|certificate/i)
    expect(first.requests).toEqual([])
  })
})

describe('a download', () => {
  const put = (status: number): void => {
    first.fault = ({ method }, response) => {
      if (method !== 'GET') return false
      response.writeHead(status).end('x'.repeat(1_000))
      return true
    }
  }

  it.each([
    [404, 'gone'],
    [410, 'gone'],
    [403, 'forbidden'],
    [401, 'forbidden'],
    [500, 'unreachable'],
    [429, 'unreachable'],
    [206, 'unreachable'],
  ] as const)('that is answered %d is %s', async (status, code) => {
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(100))
    put(status)
    expect((await failure(download(book, remote))).code).toBe(code)
  })

  it('tries every host, and tells what says most about the file', async () => {
    const bytes = randomBytes(100)
    const remote = await upload(bookOf(second.name), bytes)
    expect((await download(bookOf(nowhere, first.name, second.name), remote)).file.equals(bytes)).toBe(true)
    second.files.clear()
    put(403)
    expect((await failure(download(bookOf(first.name, second.name, nowhere), remote))).code).toBe('gone')
  })

  it('is refused when it is not the file that the message names', async () => {
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(5_000))
    const other = randomBytes(5_022)
    for (const name of first.files.keys()) first.files.set(name, other)
    expect((await failure(download(book, remote))).code).toBe('corrupt')
  })

  it('that breaks off is unreachable, and leaves no file', async () => {
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(mib))
    first.fault = (_request, response) => {
      response.writeHead(200, { 'content-length': mib + 26 })
      response.write(randomBytes(1_000), () => response.destroy())
      return true
    }
    const target = newPath()
    const work = downloadFile({ http, book }, remote, target, mib, live)
    expect((await failure(work)).code).toBe('unreachable')
    expect(existsSync(target)).toBe(false)
  })

  it('ends when the host falls silent', async () => {
    const impatient = createMediaHttp({ ca: loopbackCertificate, silenceMs: 300 })
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(mib))
    first.fault = (_request, response) => {
      response.writeHead(200, { 'content-length': mib + 26 })
      response.write(randomBytes(1_000))
      return true
    }
    expect((await failure(download(book, remote, mib, impatient))).code).toBe('unreachable')
  })

  it('over the limit is refused by what the message says, by what the host says, and by what comes', async () => {
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(1_001))
    const seen = first.requests.length
    expect((await failure(download(book, remote, 1_000))).code).toBe('too_large')
    expect(first.requests.length).toBe(seen)
    const silent = { ...remote, bytes: 0 }
    const long = randomBytes(5 * mib)
    for (const name of first.files.keys()) first.files.set(name, long)
    expect((await failure(download(book, silent, 1_000))).code).toBe('too_large')
    first.fault = (_request, response) => {
      // Without a length.
      response.writeHead(200).write(long, () => response.end())
      return true
    }
    expect((await failure(download(book, silent, 1_000))).code).toBe('too_large')
  })

  it('asks no host that WhatsApp has not named, whatever the message says', async () => {
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(100))
    const elsewhere = { ...remote, url: `https://${second.name}${remote.directPath}` }
    expect((await download(book, { ...elsewhere, directPath: '' })).bytes).toBe(100)
    for (const directPath of [`@${second.name}/x`, '.example.com/x', `//${second.name}/x`, 'x']) {
      expect((await failure(download(book, { ...elsewhere, directPath }))).code).toBe('corrupt')
    }
    expect((await failure(download(book, { ...remote, directPath: '', url: 'nothing' }))).code).toBe(
      'corrupt',
    )
    expect(second.requests).toEqual([])
  })

  it('ends when it is to, and so does an upload', async () => {
    const bytes = randomBytes(mib)
    const remote = await upload(bookOf(first.name), bytes)
    const ending = new AbortController()
    first.fault = (_request, response) => {
      response.writeHead(200, { 'content-length': mib + 26 })
      response.write(randomBytes(1_000), () => ending.abort(new Error('the socket is gone')))
      return true
    }
    const target = newPath()
    const work = downloadFile(
      { http, book: bookOf(first.name, second.name) },
      remote,
      target,
      mib,
      ending.signal,
    )
    await expect(work).rejects.toThrow('the socket is gone')
    expect(existsSync(target)).toBe(false)
    first.deaf = true
    const { file, fileEncSha256 } = await sealed(randomBytes(8 * mib))
    const late = AbortSignal.timeout(100)
    const book = bookOf(first.name, second.name)
    await expect(uploadFile({ http, book }, file, fileEncSha256, 'image', late)).rejects.toThrow('timeout')
    expect(second.requests).toEqual([])
  })

  it('tells a disk that fails from a host that does', async () => {
    const book = bookOf(first.name)
    const remote = await upload(book, randomBytes(100))
    const target = newPath()
    await writeFile(target, 'taken')
    await expect(downloadFile({ http, book }, remote, target, mib, live)).rejects.toThrow('EEXIST')
    expect(await readFile(target, 'utf8')).toBe('taken')
  })
})
