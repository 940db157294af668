import type { RemoteFile, RemoteKind } from '../../domain/media.ts'
import { MediaError, wordsOf } from './errors.ts'
import type { HostBook } from './hosts.ts'
import type { MediaHttp } from './http.ts'

/** Where a file is at WhatsApp's media hosts. */
type Uploaded = Pick<RemoteFile, 'url' | 'directPath'>

/** Baileys, Defaults `MEDIA_PATH_MAP`. */
const paths: Readonly<Record<RemoteKind, string>> = {
  image: '/mms/image',
  video: '/mms/video',
  audio: '/mms/audio',
  document: '/mms/document',
  sticker: '/mms/image',
}

const answerTextMax = 200

const read = (text: string): Uploaded | undefined => {
  try {
    const answer = JSON.parse(text) as { url?: unknown; direct_path?: unknown }
    return typeof answer.url === 'string' && typeof answer.direct_path === 'string'
      ? { url: answer.url, directPath: answer.direct_path }
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Gives a sealed file to the first media host that takes it. What admits us is asked for anew once when it is refused.
 * Rejects with MediaError `forbidden`, `too_large` or `unreachable`.
 */
export const uploadFile = async (
  { http, book }: { readonly http: MediaHttp; readonly book: HostBook },
  file: string,
  fileEncSha256: Uint8Array,
  kind: RemoteKind,
  signal: AbortSignal,
): Promise<Uploaded> => {
  const token = Buffer.from(fileEncSha256).toString('base64url')
  let admission = await book.get()
  let renewed = false
  let failure = ''
  for (let next = 0; next < admission.hosts.length; ) {
    const host = admission.hosts[next] ?? ''
    const url = new URL(`https://${host}${paths[kind]}/${token}`)
    url.searchParams.set('auth', admission.auth)
    url.searchParams.set('token', token)
    const answer = await http.post(url, file, signal).catch((error: unknown) => wordsOf(error))
    next += 1
    signal.throwIfAborted()
    if (typeof answer === 'string') {
      failure = `${host}: ${answer}`
      continue
    }
    const { status, text } = answer
    const uploaded = status === 200 ? read(text) : undefined
    if (uploaded !== undefined) return uploaded
    failure = `${host} answered ${status}: ${text.slice(0, answerTextMax)}`
    if (status === 413) throw new MediaError('too_large', failure)
    if (status === 401 || status === 403) {
      if (renewed) throw new MediaError('forbidden', failure)
      renewed = true
      admission = await book.renew(admission)
      next = 0
    }
  }
  throw new MediaError('unreachable', `no media host took the file; the last was ${failure}`)
}
