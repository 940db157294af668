/** Requests to media hosts. undici is loaded with the first of them: it would be 10 MB of each connector. */
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { fileChunks, watchStall } from '../../runtime/stall.ts'

const connectTimeoutMs = 10_000
/** How long a host may take nothing, or say nothing. */
const silenceMaxMs = 30_000
const redirectsMax = 3
const answerBytesMax = 64 * 1_024
/** Web clients send it (Baileys, Defaults `DEFAULT_ORIGIN`). */
const origin = 'https://web.whatsapp.com'

export interface MediaHttp {
  /** Sends a file. Rejects when there is no answer. */
  post(
    url: URL,
    file: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }>
  /** The body must be read or destroyed; `bytes` is null when the host does not say. */
  get(
    url: URL,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly bytes: number | null; readonly body: Readable }>
}

interface HttpOptions {
  /** PEM: who signs the hosts' certificates, when it is not who does for everybody. */
  readonly ca: string | undefined
  readonly silenceMs?: number
}

const load = async (ca: string | undefined, silenceMs: number) => {
  const { Agent, request } = await import('undici')
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  })
  return { agent, request }
}

const readText = async (body: Readable): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > answerBytesMax) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

const redirectOf = (status: number, headers: Headers, from: URL): URL | undefined => {
  const { location } = headers
  if (status < 300 || status >= 400 || typeof location !== 'string') return undefined
  const to = new URL(location, from)
  if (to.protocol !== 'https:') throw new Error(`the host answered with a way to ${to.protocol}`)
  return to
}

export const createMediaHttp = ({ ca, silenceMs = silenceMaxMs }: HttpOptions): MediaHttp => {
  let loading: ReturnType<typeof load> | undefined
  const loaded = (): ReturnType<typeof load> => (loading ??= load(ca, silenceMs))

  const post = async (
    url: URL,
    file: string,
    signal: AbortSignal,
    redirects = 0,
  ): ReturnType<MediaHttp['post']> => {
    const { agent, request } = await loaded()
    const { size } = await stat(file)
    const stall = watchStall(silenceMs)
    try {
      const { statusCode, headers, body } = await request(url, {
        method: 'POST',
        dispatcher: agent,
        signal: AbortSignal.any([stall.signal, signal]),
        headers: { origin, 'content-type': 'application/octet-stream', 'content-length': String(size) },
        body: Readable.from(
          fileChunks(file, () => stall.moved()),
          { objectMode: false },
        ),
      })
      const text = await readText(body)
      const next = redirectOf(statusCode, headers, url)
      if (next === undefined) return { status: statusCode, text }
      if (redirects === redirectsMax) throw new Error('the host answered with too many redirects')
      return await post(next, file, signal, redirects + 1)
    } finally {
      stall.end()
    }
  }

  const get = async (url: URL, signal: AbortSignal, redirects = 0): ReturnType<MediaHttp['get']> => {
    const { agent, request } = await loaded()
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      signal,
      headers: { origin },
    })
    const next = redirectOf(statusCode, headers, url)
    if (next === undefined) {
      const { 'content-length': length } = headers
      return { status: statusCode, bytes: typeof length === 'string' ? Number(length) : null, body }
    }
    await body.dump()
    if (redirects === redirectsMax) throw new Error('the host answered with too many redirects')
    return get(next, signal, redirects + 1)
  }

  return { post: (url, file, signal) => post(url, file, signal), get: (url, signal) => get(url, signal) }
}
