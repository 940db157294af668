/**
 * Blobs in a bucket of a store that speaks S3. Requests are signed by aws4fetch and made by undici, which streams both ways;
 * each is loaded when it is needed first. Addresses are in path style, which every such store knows.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { sleep } from '../runtime/deadline.ts'
import { fileChunks, watchStall } from '../runtime/stall.ts'
import { type Blob, blobName, BlobMissingError, type BlobStore, hashOfName, sweepSpool } from './blobs.ts'
import { readListing } from './s3-listing.ts'

export interface S3Options {
  /** `https://s3.eu-central-1.amazonaws.com`, `http://127.0.0.1:9000`: without the bucket. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** Stands before the names of all blobs: empty, or with a `/` at its end. */
  readonly prefix: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** A folder on this machine for files on their way in. */
  readonly spool: string
  /** How long the store may say nothing; 30 s when it is not given. */
  readonly silenceMaxMs?: number
  /** How many blobs the store lists in one answer; 1,000 when it is not given. */
  readonly listMax?: number
}

/** A file of the bucket could not be reached or written; `status` is null when no answer came. */
export class S3Error extends Error {
  override readonly name = 'S3Error'
  readonly status: number | null
  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

const silenceDefaultMs = 30_000
const listDefault = 1_000
const connectTimeoutMs = 10_000
const triesMax = 4
const retryFirstMs = 100
const errorTextMax = 300
const secondMs = 1_000
const notFound = 404
const partial = 206
/** Too early, too many requests; above them all that the server itself calls its fault. */
const passing = (status: number): boolean => status >= 500 || status === 429 || status === 408

interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** A file whose SHA-256 (hex) the store is to check. */
  readonly file?: { readonly path: string; readonly sha256: string; readonly bytes: number }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readable & { text(): Promise<string>; dump(): Promise<void> }
}

/** SHA-256 of nothing. */
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const load = async (silenceMaxMs: number) => {
  const [{ Agent, request }, { AwsV4Signer }] = await Promise.all([import('undici'), import('aws4fetch')])
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: silenceMaxMs,
    bodyTimeout: silenceMaxMs,
  })
  return { agent, request, AwsV4Signer }
}

/** The bucket must be there, and the key may read, write, delete and list in it. */
export const createS3Blobs = async (options: S3Options): Promise<BlobStore> => {
  const { bucket, prefix, spool, region, accessKeyId, secretAccessKey } = options
  const { silenceMaxMs = silenceDefaultMs, listMax = listDefault } = options
  await mkdir(spool, { recursive: true, mode: 0o700 })
  const root = options.endpoint.replace(/\/+$/, '')
  const keyOf = (sha256: string): string => `${prefix}${blobName(sha256)}`
  let loading: ReturnType<typeof load> | undefined

  const once = async ({ method, key, query, headers, file }: Request): Promise<Answer> => {
    const { agent, request, AwsV4Signer } = await (loading ??= load(silenceMaxMs))
    const url = new URL(`${root}/${bucket}${key === '' ? '' : `/${key}`}`)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const signed = await new AwsV4Signer({
      method,
      url: url.href,
      headers: { 'x-amz-content-sha256': file?.sha256 ?? emptyHash },
      service: 's3',
      region,
      accessKeyId,
      secretAccessKey,
    }).sign()
    const common = {
      method,
      dispatcher: agent,
      headers: { ...Object.fromEntries(signed.headers), ...headers },
    }
    if (file === undefined) {
      const { statusCode, headers: answered, body } = await request(signed.url, common)
      return { status: statusCode, headers: answered, body }
    }
    const stall = watchStall(silenceMaxMs)
    try {
      const {
        statusCode,
        headers: answered,
        body,
      } = await request(signed.url, {
        ...common,
        headers: { ...common.headers, 'content-length': String(file.bytes) },
        body: Readable.from(
          fileChunks(file.path, () => stall.moved()),
          { objectMode: false },
        ),
        signal: stall.signal,
      })
      return { status: statusCode, headers: answered, body }
    } finally {
      stall.end()
    }
  }

  /** Answers with 2xx, or 404 to a question about a file; tries again what may pass. Rejects with S3Error. */
  const ask = async (request: Request): Promise<Answer> => {
    for (let tries = 1; ; tries += 1) {
      let failure: S3Error
      try {
        const answer = await once(request)
        if (answer.status < 300) return answer
        if (answer.status === notFound && request.key !== '' && request.method !== 'PUT') {
          await answer.body.dump()
          // A bucket that is not there is answered with 404 too, and says nothing about the file.
          await (await ask({ method: 'HEAD', key: '' })).body.dump()
          return answer
        }
        const text = (await answer.body.text()).slice(0, errorTextMax)
        failure = new S3Error(`S3 answered ${request.method} with ${answer.status}: ${text}`, answer.status)
      } catch (error) {
        if (error instanceof S3Error) throw error
        const why = error instanceof Error ? error.message : String(error)
        failure = new S3Error(`S3 did not answer ${request.method}: ${why}`, null, { cause: error })
      }
      if (tries === triesMax || (failure.status !== null && !passing(failure.status))) throw failure
      await sleep(retryFirstMs * 2 ** (tries - 1))
    }
  }

  async function* list(): AsyncGenerator<Blob> {
    for (let after: string | undefined; ; ) {
      // ListObjects as it was first: its next page is named by a key, and not by a token of the store's.
      const query = {
        'max-keys': String(listMax),
        prefix,
        ...(after === undefined ? {} : { marker: after }),
      }
      const { body } = await ask({ method: 'GET', key: '', query })
      const { entries, isTruncated } = await readListing(await body.text())
      for (const { key, bytes, modifiedAt } of entries) {
        after = key
        const sha256 = hashOfName(key.slice(prefix.length))
        if (sha256 !== undefined) yield { sha256, bytes, modifiedAt }
      }
      if (!isTruncated || entries.length === 0) return
    }
  }

  return {
    spool,
    async put(file, sha256) {
      const { size: bytes } = await stat(file)
      const { body } = await ask({ method: 'PUT', key: keyOf(sha256), file: { path: file, sha256, bytes } })
      await body.dump()
      await rm(file, { force: true })
    },
    async open(sha256, range) {
      const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end}` }
      const { status, body } = await ask({ method: 'GET', key: keyOf(sha256), headers })
      if (status === notFound) throw new BlobMissingError(sha256)
      if (range === undefined || status === partial) return body
      await body.dump()
      throw new S3Error(`S3 answered ${status} to a question for a part of a file`, status)
    },
    async size(sha256) {
      const { status, headers, body } = await ask({ method: 'HEAD', key: keyOf(sha256) })
      if (status === notFound) return undefined
      await body.dump()
      return Number(headers['content-length'])
    },
    async remove(sha256, putBefore) {
      const head = await ask({ method: 'HEAD', key: keyOf(sha256) })
      if (head.status === notFound) return
      await head.body.dump()
      // S3 tells whole seconds.
      if (Date.parse(String(head.headers['last-modified'])) + secondMs > putBefore) return
      const { status, body } = await ask({ method: 'DELETE', key: keyOf(sha256) })
      if (status !== notFound) await body.dump()
    },
    sweepSpool: (now) => sweepSpool(spool, now),
    list,
  }
}
