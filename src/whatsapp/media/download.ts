import type { RemoteFile } from '../../domain/media.ts'
import { MediaError, wordsOf } from './errors.ts'
import type { HostBook } from './hosts.ts'
import type { MediaHttp } from './http.ts'
import { openFile, type Opened, sealedBytesOf } from './seal.ts'

/** Has every file by its direct path, whoever took it in (Baileys, messages-media.ts `DEF_MEDIA_HOST`). */
const commonHost = 'mmg.whatsapp.net'
const realHost = /\.whatsapp\.net$/

/**
 * The path of the file on any media host. The host that a message names is not asked: whoever wrote the message may have
 * written anything there.
 */
const pathOf = ({ directPath, url }: RemoteFile): string => {
  const given = directPath === '' && URL.canParse(url) ? new URL(url) : undefined
  const path = given === undefined ? directPath : `${given.pathname}${given.search}`
  if (!path.startsWith('/') || path.startsWith('//')) {
    throw new MediaError('corrupt', 'the message does not say where its file is')
  }
  return path
}

const hostsOf = async (book: HostBook): Promise<readonly string[]> => {
  const { hosts } = await book.get()
  return hosts.some((host) => realHost.test(host)) ? [...new Set([commonHost, ...hosts])] : hosts
}

/** Worst last: of several hosts, what says most about the file is told. */
const order: readonly MediaError['code'][] = ['unreachable', 'corrupt', 'forbidden', 'gone', 'too_large']

const failureOf = (status: number, host: string): MediaError => {
  const message = `${host} answered ${status}`
  if (status === 404 || status === 410) return new MediaError('gone', message)
  return new MediaError(status === 401 || status === 403 ? 'forbidden' : 'unreachable', message)
}

/**
 * Brings a file of a message into the new file `target`, checked. One host is asked after the other. Rejects with MediaError,
 * or with an error of the disk; no file stays then.
 */
export const downloadFile = async (
  { http, book }: { readonly http: MediaHttp; readonly book: HostBook },
  remote: RemoteFile,
  target: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Opened> => {
  const path = pathOf(remote)
  const tooLarge = new MediaError('too_large', `the file is longer than ${bytesMax} bytes`)
  if (remote.bytes > bytesMax) throw tooLarge

  const from = async (host: string): Promise<Opened> => {
    const url = new URL(`https://${host}${path}`)
    let answer: Awaited<ReturnType<MediaHttp['get']>>
    try {
      answer = await http.get(url, signal)
    } catch (error) {
      throw new MediaError('unreachable', `${host}: ${wordsOf(error)}`, { cause: error })
    }
    const { status, bytes, body } = answer
    // One that nobody reads any more may still fail, and must not end the process.
    body.on('error', () => undefined)
    try {
      if (status !== 200) throw failureOf(status, host)
      if (bytes !== null && bytes > sealedBytesOf(bytesMax)) throw tooLarge
      return await openFile(fromHost(body, host), target, remote.kind, remote, bytesMax)
    } finally {
      body.destroy()
    }
  }

  let worst: MediaError | undefined
  for (const host of await hostsOf(book)) {
    try {
      return await from(host)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MediaError) || error.code === 'too_large') throw error
      if (worst === undefined || order.indexOf(error.code) > order.indexOf(worst.code)) worst = error
    }
  }
  throw worst ?? new MediaError('unreachable', 'WhatsApp named no media hosts')
}

/** Tells a connection that broke from a disk that did. */
async function* fromHost(body: AsyncIterable<Uint8Array>, host: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw new MediaError('unreachable', `${host}: ${wordsOf(error)}`, { cause: error })
  }
}
