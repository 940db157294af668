/** What a page says of itself, for the preview of a link. Without it the text goes as well: nothing here rejects. */
import type { Clock } from '../runtime/clock.ts'
import type { AddressGuard } from './addresses.ts'
import { type FetchOptions, fetchUrl } from './fetch.ts'
import { pictureSize, pictureThumbnail } from './images.ts'
import type { Spool } from './spool.ts'

export interface PagePreview {
  /** As it stands in the text. */
  readonly url: string
  readonly title: string
  readonly description: string | null
  /** JPEG. */
  readonly thumbnail: Uint8Array | null
}

export interface LinkPreviewDeps {
  readonly clock: Clock
  readonly guard: AddressGuard
  /** Where the page's picture is kept while it is read. */
  readonly spool: Spool
  /** Of the system, or a test's. */
  readonly resolve?: FetchOptions['resolve']
}

/** For the page and its picture together. */
const totalMs = 4_000
const idleMs = 3_000
/** What a page says of itself is at its beginning. */
export const pageBytesMax = 524_288
const pictureBytesMax = 4_194_304
const pictureSideMax = 192
/** Inside the message itself, which a phone may refuse when it gets long. */
const thumbnailBytesMax = 32_768
const titleCharsMax = 300
const descriptionCharsMax = 500

const keptMs = 10 * 60 * 1000
export const keptMax = 200
/** Beyond that texts go without: none is to wait for the pages of others. */
export const runningMax = 32

/** Brackets and marks behind an address belong to the sentence. */
const urlPattern = /\bhttps?:\/\/[^\s<>"']+/i
const sentenceEnd = /[.,;:!?)\]}'"*_~]+$/

/** The first URL of a text; undefined when there is none. */
export const firstUrl = (text: string): string | undefined => {
  if (!text.includes('://')) return undefined
  const [found] = urlPattern.exec(text) ?? []
  const url = found?.replace(sentenceEnd, '')
  return url !== undefined && URL.canParse(url) ? url : undefined
}

interface Head {
  readonly title: string | undefined
  readonly description: string | undefined
  readonly image: string | undefined
}

const tidy = (text: string | undefined, charsMax: number): string | undefined => {
  const clean = text?.replaceAll(/\s+/g, ' ').toWellFormed().trim().slice(0, charsMax).toWellFormed()
  return clean === '' ? undefined : clean
}

const decoderOf = (charset: string | null): InstanceType<typeof TextDecoder> => {
  try {
    return new TextDecoder(charset ?? 'utf-8')
  } catch {
    return new TextDecoder()
  }
}

/** Reads a page up to the end of its head. */
const readHead = async (body: AsyncIterable<Uint8Array>, charset: string | null): Promise<Head> => {
  const { Parser } = await import('htmlparser2')
  const named = new Map<string, string>()
  let title: string | undefined
  let inTitle = false
  let ended = false
  const parser = new Parser({
    onopentag(name, { property, name: metaName, content }) {
      if (name === 'title' && title === undefined) inTitle = true
      if (name === 'body') ended = true
      const key = (property ?? metaName)?.toLowerCase()
      if (name === 'meta' && key !== undefined && content !== undefined && !named.has(key)) {
        named.set(key, content)
      }
    },
    ontext(text) {
      if (inTitle) title = `${title ?? ''}${text}`.slice(0, titleCharsMax)
    },
    onclosetag(name) {
      if (name === 'title') inTitle = false
      if (name === 'head') ended = true
    },
  })
  const decoder = decoderOf(charset)
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    parser.write(decoder.decode(chunk, { stream: true }))
    if (ended || bytes >= pageBytesMax) break
  }
  parser.end()
  return {
    title: tidy(named.get('og:title') ?? title ?? named.get('twitter:title'), titleCharsMax),
    description: tidy(
      named.get('og:description') ?? named.get('description') ?? named.get('twitter:description'),
      descriptionCharsMax,
    ),
    image: named.get('og:image:secure_url') ?? named.get('og:image') ?? named.get('twitter:image'),
  }
}

/** The preview of the page at a URL, or undefined when there is none to be had in time. */
export type PreviewLink = (url: string) => Promise<PagePreview | undefined>

const createRead =
  ({ guard, spool, resolve }: LinkPreviewDeps): PreviewLink =>
  async (url) => {
    const signal = AbortSignal.timeout(totalMs)
    const options = {
      guard,
      totalMs,
      idleMs,
      signal,
      ...(resolve === undefined ? {} : { resolve }),
    }

    const thumbnailAt = async (image: string): Promise<Uint8Array | null> => {
      const bytesMax = pictureBytesMax
      const accept = 'image/jpeg,image/png,image/webp,image/*'
      const takes = (type: string): boolean => type.startsWith('image/') && type !== 'image/svg+xml'
      const file = await fetchUrl(image, { ...options, bytesMax, accept, takes }, (fetched) =>
        spool.take(fetched.body, { bytesMax, signal }),
      )
      try {
        const thumbnail = await pictureThumbnail(file.path, await pictureSize(file.path), pictureSideMax)
        return thumbnail !== null && thumbnail.length <= thumbnailBytesMax ? thumbnail : null
      } finally {
        await spool.remove(file.path)
      }
    }

    try {
      const { base, title, description, image } = await fetchUrl(
        url,
        {
          ...options,
          // It is read no further than needed, however long it is.
          bytesMax: Number.POSITIVE_INFINITY,
          accept: 'text/html,application/xhtml+xml',
          takes: (type) => type === 'text/html' || type === 'application/xhtml+xml',
        },
        async ({ url: base, body, charset }) => ({ base, ...(await readHead(body, charset)) }),
      )
      if (title === undefined) return undefined
      const picture =
        image !== undefined && URL.canParse(image, base.href) ? new URL(image, base).href : undefined
      const thumbnail = picture === undefined ? null : await thumbnailAt(picture).catch(() => null)
      return { url, title, description: description ?? null, thumbnail }
    } catch {
      return undefined
    }
  }

/** The same link is often sent to many: what was found is kept for a while, and so is that nothing was. */
export const createPreviewLink = (deps: LinkPreviewDeps): PreviewLink => {
  const read = createRead(deps)
  const recent = new Map<string, { readonly at: number; readonly preview: ReturnType<PreviewLink> }>()
  let running = 0

  return (url) => {
    const now = deps.clock.monotonic()
    const known = recent.get(url)
    if (known !== undefined && now - known.at < keptMs) return known.preview
    if (running >= runningMax) return Promise.resolve(undefined)
    running += 1
    const preview = read(url).finally(() => (running -= 1))
    recent.delete(url)
    recent.set(url, { at: now, preview })
    for (const oldest of recent.keys()) {
      if (recent.size <= keptMax) break
      recent.delete(oldest)
    }
    return preview
  }
}
