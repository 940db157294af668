/** Takes a file in, wherever it comes from: checked, converted to what WhatsApp takes, described, and in the blob store. */
import { GatewayError } from '../domain/errors.ts'
import { createTurns } from '../runtime/turns.ts'
import type { AddressGuard } from './addresses.ts'
import type { BlobStore } from './blobs.ts'
import { fetchUrl } from './fetch.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { chooseMimetype, detectMimetype } from './mimetype.ts'
import { type AcceptAs, type Description, isQuick, shapeFile } from './shape.ts'
import type { Spool, SpooledFile } from './spool.ts'

export type MediaOrigin =
  | { readonly from: 'stream'; readonly stream: AsyncIterable<Uint8Array> }
  /** Without white space. */
  | { readonly from: 'base64'; readonly text: string }
  | { readonly from: 'url'; readonly url: string }
  /** In the blob store already. */
  | { readonly from: 'stored'; readonly sha256: string }

export interface AcceptOptions {
  /** What the sender says that it is. */
  readonly mimetype?: string | null
  readonly filename?: string | null
  readonly signal?: AbortSignal | undefined
}

export interface AcceptedFile extends Description {
  readonly as: AcceptAs
  /** Hex. */
  readonly sha256: string
  /** Of the file as it came: the same again when nothing had to be made of it. */
  readonly sourceSha256: string
  readonly bytes: number
  readonly filename: string | null
}

export interface AcceptDeps {
  readonly blobs: Pick<BlobStore, 'put' | 'open'>
  readonly spool: Spool
  readonly ffmpeg: Ffmpeg
  readonly guard: AddressGuard
  readonly bytesMax: number
}

/**
 * Rejects with GatewayError `media_too_large`, `media_invalid`, `media_url_refused`, `media_fetch_failed`, `media_busy`,
 * `ffmpeg_missing` or `store_full`, or with what the source or the signal fails with. Nothing is stored then.
 */
export type Accept = (
  origin: MediaOrigin,
  /** By its type where nobody has said what for. */
  as: AcceptAs | ((mimetype: string) => AcceptAs),
  options?: AcceptOptions,
) => Promise<AcceptedFile>

/** Pictures are decoded and films converted by so many at a time. */
const workersMax = 2
/** So many may wait for that, each with a file in the spool. */
export const waitingMax = 256
const urlTotalMs = 300_000
const urlIdleMs = 20_000
const filenameCharsMax = 255
/** A multiple of 4, so that each piece is decoded by itself. */
const base64PieceChars = 262_144

async function* decodeBase64(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += base64PieceChars) {
    yield Buffer.from(text.slice(at, at + base64PieceChars), 'base64')
  }
}

/** The last part of a name, as a file can be called; null when nothing is left. */
const cleanFilename = (name: string | null | undefined): string | null => {
  const last = (name ?? '').split(/[/\\]/).at(-1) ?? ''
  const clean = last
    .replaceAll(/\p{Cc}/gu, '')
    .toWellFormed()
    .trim()
  return clean === '' ? null : clean.slice(-filenameCharsMax)
}

interface Brought {
  readonly file: SpooledFile
  readonly mimetype: string | null
  readonly filename: string | null
}

export const createAccept = ({ blobs, spool, ffmpeg, guard, bytesMax }: AcceptDeps): Accept => {
  const turns = createTurns(workersMax)
  let waiting = 0

  const inTurn = async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    if (waiting >= waitingMax) {
      throw new GatewayError('media_busy', `${waitingMax} files wait to be read already: try again later`)
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    waiting += 1
    const turn = turns.take(resolve)
    try {
      await promise.finally(() => (waiting -= 1))
      return await work()
    } finally {
      signal?.removeEventListener('abort', abort)
      turn.end()
    }
  }

  /** Brings it into the spool, with what its source says of it. */
  const bring = async (
    origin: MediaOrigin,
    takesPages: boolean,
    { mimetype = null, filename, signal }: AcceptOptions,
  ): Promise<Brought> => {
    const limits = { bytesMax, ...(signal === undefined ? {} : { signal }) }
    const told = { mimetype, filename: cleanFilename(filename) }
    switch (origin.from) {
      case 'stream':
        return { file: await spool.take(origin.stream, limits), ...told }
      case 'base64':
        return { file: await spool.take(decodeBase64(origin.text), limits), ...told }
      case 'stored':
        return { file: await spool.take(await blobs.open(origin.sha256), limits), ...told }
      case 'url':
        return await fetchUrl(
          origin.url,
          {
            guard,
            ...limits,
            totalMs: urlTotalMs,
            idleMs: urlIdleMs,
            accept: '*/*',
            // A page instead of a picture is what a site shows that wants people to log in, or nothing automatic.
            takes: (type) => takesPages || type !== 'text/html',
          },
          async (fetched) => ({
            file: await spool.take(fetched.body, limits),
            mimetype: told.mimetype ?? fetched.mimetype,
            filename: told.filename ?? cleanFilename(fetched.filename),
          }),
        )
    }
  }

  return async (origin, wanted, options = {}) => {
    const { signal } = options
    const takesPages = wanted === 'document' || wanted === 'file' || typeof wanted === 'function'
    const { file, mimetype: declared, filename } = await bring(origin, takesPages, options)
    const output = spool.newPath()
    try {
      if (file.bytes === 0) throw new GatewayError('media_invalid', 'the file is empty')
      const detected = await detectMimetype(file.path)
      const mimetype = chooseMimetype(detected, declared, filename)
      const as = typeof wanted === 'function' ? wanted(mimetype) : wanted
      const shape = () =>
        shapeFile(as, {
          ffmpeg,
          file: file.path,
          bytes: file.bytes,
          detected,
          mimetype,
          output,
          bytesMax,
          signal,
        })
      const { description, made } = isQuick(as, detected) ? await shape() : await inTurn(shape, signal)
      const { path, sha256, bytes } = made ? await spool.measure(output) : file
      signal?.throwIfAborted()
      await blobs.put(path, sha256)
      return { ...description, as, sha256, sourceSha256: file.sha256, bytes, filename }
    } finally {
      await spool.remove(file.path)
      await spool.remove(output)
    }
  }
}
