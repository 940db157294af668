/** Files in the bodies of requests, as they are or in a form (RFC 7578): handed on as they come, never held. */
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { pipeline } from 'node:stream/promises'
import type { GivenFile } from '../control/upload-file.ts'
import { GatewayError } from '../domain/errors.ts'

export const formType = 'multipart/form-data'

const fieldsMax = 16
/** Longer than any caption. */
const fieldBytesMax = 65_536
const fieldNameBytesMax = 64
/** The name of the part that is the file. */
const fileField = 'file'

const invalidForm = (detail: string, cause?: unknown): GatewayError =>
  new GatewayError('invalid_form', detail, { cause })

const typeOf = (request: Request): string =>
  request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''

export const isForm = (request: Request): boolean => typeOf(request) === formType

export const checkIsForm = (request: Request): void => {
  if (isForm(request)) return
  throw new GatewayError(
    'unsupported_media_type',
    `send a form (${formType}) with the file in the field ${fileField}: curl -F ${fileField}=@cat.jpg -F to=1234567890`,
  )
}

/** The body of a request as a stream of Node; one that breaks off fails as `invalid_form`. */
const streamOf = (request: Request): Readable => {
  const { body } = request
  return body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream<Uint8Array>)
}

async function* wholeBody(request: Request): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of streamOf(request)) yield chunk as Uint8Array
  } catch (error) {
    throw invalidForm('the body broke off', error)
  }
}

/** A body that is the file itself. */
export const bodyFile = (request: Request): GivenFile => ({
  stream: wholeBody(request),
  mimetype: request.headers.get('content-type'),
  filename: null,
})

export interface Form<T> {
  readonly fields: Readonly<Record<string, string>>
  /** What has become of its file. */
  readonly file: T
}

/**
 * Reads a form with one file, which `take` is given as it comes; fields may stand before and behind it. Rejects with
 * GatewayError `invalid_form`, or with what `take` fails with.
 */
export const readForm = async <T>(
  request: Request,
  take: (file: GivenFile) => Promise<T>,
): Promise<Form<T>> => {
  const { Busboy } = await import('@fastify/busboy')
  const fields = new Map<string, string>()
  const stop = new AbortController()
  let taking: Promise<T> | undefined
  let incoming: Readable | undefined
  const refuse = (error: unknown): void => stop.abort(error)

  const parse = () => {
    try {
      return new Busboy({
        headers: { 'content-type': request.headers.get('content-type') ?? '' },
        limits: { fields: fieldsMax, fieldSize: fieldBytesMax, fieldNameSize: fieldNameBytesMax, files: 1 },
      })
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('Boundary'))) throw error
      throw invalidForm('the Content-Type of a form must name its boundary', error)
    }
  }
  const parser = parse()
  parser.on('file', (name, stream, filename, _encoding, mimetype) => {
    // It ends with the form, and its reader hears of that.
    stream.on('error', () => undefined)
    if (name !== fileField) {
      stream.resume()
      return refuse(invalidForm(`the file must be in the field ${fileField}, not in ${JSON.stringify(name)}`))
    }
    incoming = stream
    taking = take({ stream, mimetype, filename: filename === '' ? null : filename })
    taking.catch(refuse)
  })
  parser.on('field', (name, value, nameIsCut, valueIsCut) => {
    if (nameIsCut || valueIsCut) refuse(invalidForm(`a field may be ${fieldBytesMax} bytes long`))
    else fields.set(name, value)
  })
  parser.on('filesLimit', () => refuse(invalidForm('a form may have one file')))
  parser.on('fieldsLimit', () => refuse(invalidForm(`a form may have ${fieldsMax} fields`)))

  try {
    await pipeline(streamOf(request), parser, { signal: stop.signal })
  } catch (error) {
    const cause = stop.signal.aborted
      ? stop.signal.reason
      : invalidForm('the form broke off, or is none', error)
    incoming?.destroy(cause instanceof Error ? cause : undefined)
    await taking?.catch(() => undefined)
    throw cause
  }
  if (taking === undefined) throw invalidForm(`the form has no file: put one in the field ${fileField}`)
  return { fields: Object.fromEntries(fields), file: await taking }
}
