import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Entropy } from '../entropy.ts'
import type { Faults } from '../faults.ts'
import type { Log } from '../log.ts'
import type { Counters } from '../stats.ts'
import { createLoopbackCertificate } from './certificate.ts'
import { createMediaStore, type MediaStore, type StoredFile } from './store.ts'

/** WhatsApp's media host: takes encrypted files over HTTPS, and gives them to whoever knows their path. */
export interface MediaHost {
  readonly store: MediaStore
  /** `127.0.0.1:PORT`. */
  readonly hostname: string
  /** PEM file with who signs its certificate. */
  readonly caFile: string
  /** Where a file is fetched. */
  urlOf(file: StoredFile): string
  /** A pass to upload with, good for `ttlSeconds`. */
  newAuth(): { readonly auth: string; readonly ttlSeconds: number }
  /** No pass that was given is good any more. @returns how many there were */
  revokeAuth(): number
  close(): Promise<void>
}

interface Parts {
  readonly host: string
  readonly entropy: Entropy
  readonly counters: Counters
  readonly faults: Faults
  readonly log: Log
  readonly now: () => number
}

/** What WhatsApp allows a document. */
export const uploadMaxBytes = 2 * 1024 * 1024 * 1024
const authTtlSeconds = 3_600
const authBytes = 24
const authsMax = 10_000
const secondMs = 1000
/** Longer than a client keeps an idle connection. */
const keepAliveMs = 75_000
/** A slow download comes in pieces of this size. */
const pieceBytes = 16 * 1024
/** Baileys, Defaults `MEDIA_PATH_MAP`. */
const uploadPath = /^\/mms\/(?<kind>image|video|audio|document|md-app-state)\/(?<token>[\w-]{43})$/

const answer = (response: ServerResponse, status: number, body: object): void => {
  const text = JSON.stringify(body)
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text)
}

const refuse = (response: ServerResponse, status: number, message: string): void =>
  answer(response, status, { error: { code: status, message } })

/** Counts and hashes what passes; fails beyond the most that is taken. */
const measure = (): { readonly stream: Transform; sha256(): Buffer; bytes(): number } => {
  const hash = createHash('sha256')
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > uploadMaxBytes) return done(new Error('too large'))
      hash.update(chunk)
      done(null, chunk)
    },
  })
  return { stream, sha256: () => hash.digest(), bytes: () => bytes }
}

const inPieces = async function* (source: AsyncIterable<Buffer>, gapMs: number): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      await new Promise((resolve) => setTimeout(resolve, gapMs))
      yield chunk.subarray(at, at + pieceBytes)
    }
  }
}

/** Flips a bit in the first byte. */
const spoiled = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true
  for await (const chunk of source) {
    if (isFirst) chunk[0] = (chunk[0] ?? 0) ^ 1
    isFirst = false
    yield chunk
  }
}

const rangeForm = /^bytes=(?<start>\d+)-(?<end>\d*)$/

/** The part that is asked for; undefined when it is none of this file. */
const rangeOf = (header: string | undefined, bytes: number): { start: number; end: number } | undefined => {
  const groups = rangeForm.exec(header ?? '')?.groups
  if (groups === undefined) return { start: 0, end: bytes - 1 }
  const start = Number(groups['start'])
  const end = groups['end'] === '' ? bytes - 1 : Math.min(Number(groups['end']), bytes - 1)
  return start > end ? undefined : { start, end }
}

/** Starts it on a free port of `host`, with a certificate of its own. */
export const startMediaHost = async ({
  host,
  entropy,
  counters,
  faults,
  log,
  now,
}: Parts): Promise<MediaHost> => {
  const store = await createMediaStore()
  const { key, certificate } = createLoopbackCertificate()
  const caFile = path.join(store.folder, 'ca.pem')
  await writeFile(caFile, certificate)
  /** Passes, with the ms since 1970 at which each ends. */
  const auths = new Map<string, number>()

  const upload = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const { token } = uploadPath.exec(url.pathname)?.groups ?? {}
    // What is left unread would be taken for the next request.
    const stop = (status: number, message: string): void => {
      counters.mediaUploadsRefused++
      response.setHeader('connection', 'close')
      refuse(response, status, message)
    }
    if (token === undefined || url.searchParams.get('token') !== token) return stop(400, 'bad upload path')
    const until = auths.get(url.searchParams.get('auth') ?? '')
    if (until === undefined || until <= now()) return stop(401, 'the auth has expired')
    const fault = faults.consume('media-upload')
    if (fault !== undefined) return stop(fault.code ?? 503, 'sandbox fault')
    if (Number(request.headers['content-length']) > uploadMaxBytes) return stop(413, 'too large')
    const file = store.newFile()
    const measured = measure()
    try {
      await pipeline(request, measured.stream, createWriteStream(file))
    } catch (error) {
      await rm(file, { force: true })
      if (measured.bytes() > uploadMaxBytes) return stop(413, 'too large')
      throw error
    }
    const encSha256 = measured.sha256()
    if (encSha256.toString('base64url') !== token) {
      await rm(file, { force: true })
      return stop(400, 'the SHA-256 of the file is another one')
    }
    const stored = await store.add(file, encSha256)
    counters.mediaUploads++
    counters.mediaUploadedBytes += stored.bytes
    answer(response, 200, { url: urlOf(stored), direct_path: stored.directPath })
  }

  const download = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const asked = url.searchParams.get('hash')
    for (const name of ['hash', 'mms-type', '__wa-mms']) url.searchParams.delete(name)
    const stored = store.find(`${url.pathname}${url.search}`)
    const stop = (status: number, message: string): void => {
      counters.mediaDownloadsRefused++
      refuse(response, status, message)
    }
    if (stored === undefined) return stop(404, 'there is no such file')
    if (stored.expired !== undefined) return stop(stored.expired, 'the file has expired')
    if (asked !== null && asked !== stored.encSha256.toString('base64url')) {
      return stop(403, 'the hash is of another file')
    }
    const fault = faults.consume('media-download')
    if (fault !== undefined) return stop(fault.code ?? 503, 'sandbox fault')
    const range = rangeOf(request.headers.range, stored.bytes)
    if (range === undefined) return stop(416, 'the file is shorter')
    const isPart = request.headers.range !== undefined
    response.writeHead(isPart ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': range.end - range.start + 1,
      ...(isPart ? { 'content-range': `bytes ${range.start}-${range.end}/${stored.bytes}` } : {}),
    })
    counters.mediaDownloads++
    const whole = createReadStream(stored.file, range)
    const bytes = faults.consume('media-corrupt') === undefined ? whole : Readable.from(spoiled(whole))
    const gapMs = faults.mediaGapMs()
    await pipeline(gapMs === 0 ? bytes : Readable.from(inPieces(bytes, gapMs)), response)
  }

  const server = createServer({ key, cert: certificate }, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://host')
    const work =
      request.method === 'POST'
        ? upload(request, response, url)
        : request.method === 'GET'
          ? download(request, response, url)
          : undefined
    if (work === undefined) return refuse(response, 405, 'GET or POST')
    work.catch((error: unknown) => {
      log('debug', { reason: error instanceof Error ? error.message : String(error) }, 'media transfer ended')
      response.destroy()
    })
  })
  server.keepAliveTimeout = keepAliveMs
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(0, host, () => resolve(undefined))
  await promise.catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  server.off('error', reject)
  const { port } = server.address() as AddressInfo
  const hostname = `${host === '::1' ? '[::1]' : host}:${port}`
  const urlOf = ({ directPath }: StoredFile): string => `https://${hostname}${directPath}`

  return {
    store,
    hostname,
    caFile,
    urlOf,
    newAuth() {
      const auth = entropy.next('media auth', authBytes).toString('base64url')
      auths.set(auth, now() + authTtlSeconds * secondMs)
      const [oldest] = auths.keys()
      if (auths.size > authsMax && oldest !== undefined) auths.delete(oldest)
      return { auth, ttlSeconds: authTtlSeconds }
    },
    revokeAuth() {
      const { size } = auths
      auths.clear()
      return size
    },
    async close() {
      server.closeAllConnections()
      const closed = Promise.withResolvers<undefined>()
      server.close(() => closed.resolve(undefined))
      await closed.promise
      await store.close()
    },
  }
}
