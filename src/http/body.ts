import { GatewayError } from '../domain/errors.ts'

/** A body may be 1 MiB long. */
export const bodyBytesMax = 1_048_576

/** 24 MiB for one that may have a file in it, in base64; larger files are uploaded. */
export const bodyWithFileBytesMax = 25_165_824

/** 4 MiB for a bulk: 10,000 recipients with some 400 bytes each. A file that does not fit beside them is uploaded before. */
export const bulkBodyBytesMax = 4_194_304

const utf8 = new TextDecoder('utf-8', { fatal: true })

const tooLarge = (bytesMax: number): GatewayError =>
  new GatewayError('body_too_large', `a body may be ${bytesMax} bytes long`)

const brokenOff = (cause: unknown): GatewayError =>
  new GatewayError('invalid_json', 'the body broke off', { cause })

/** Of a body whose length is known and fits, all at once: a stream would cost more than the rest of the request. */
const readWhole = async (request: Request): Promise<Uint8Array> => {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch (cause) {
    throw brokenOff(cause)
  }
}

/** Reads a body to its end, or refuses it as soon as it is too long. */
const readBytes = async (request: Request, bytesMax: number): Promise<Uint8Array> => {
  const declared = request.headers.get('content-length')
  if (Number(declared ?? 0) > bytesMax) throw tooLarge(bytesMax)
  if (declared !== null) return await readWhole(request)
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.length
      if (length > bytesMax) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw brokenOff(cause)
  }
  if (length > bytesMax) throw tooLarge(bytesMax)
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** A client that names no type is believed to send JSON; one that names another type is told. */
const checkContentType = (contentType: string | null): void => {
  if (contentType === null || contentType.trim() === '') return
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  const charset = parameters.find((part) => part.startsWith('charset='))?.slice('charset='.length)
  if (type === 'application/json' && (charset === undefined || /^"?utf-?8"?$/.test(charset))) return
  throw new GatewayError(
    'unsupported_media_type',
    'send the body as JSON in UTF-8, with the header Content-Type: application/json',
  )
}

/**
 * The JSON value of a request's body, or undefined when there is no body at all. Refuses one that is too long, of
 * another content type, or no JSON.
 */
export const readJson = async (request: Request, bytesMax = bodyBytesMax): Promise<unknown> => {
  const bytes = await readBytes(request, bytesMax)
  if (bytes.length === 0) return undefined
  checkContentType(request.headers.get('content-type'))
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new GatewayError('invalid_json', 'the body is not JSON in UTF-8')
  }
}
