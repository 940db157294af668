import jsQR from 'jsqr'
import { PNG } from 'pngjs'
import { SandboxError } from '../errors.ts'

const dataUrlPrefix = 'data:image/png;base64,'
/** Pixels on a side; far above any QR that a gateway draws, far below what would exhaust memory. */
const imageSideMaxPixels = 4096
const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Signature, then the IHDR chunk's length, name, width and height. */
const pngHeadBytes = 24

const decodePng = (bytes: Buffer): PNG => {
  const isPng = bytes.length >= pngHeadBytes && bytes.subarray(0, pngSignature.length).equals(pngSignature)
  if (!isPng) throw new SandboxError(422, 'the data URL holds no PNG image')
  if (Math.max(bytes.readUInt32BE(16), bytes.readUInt32BE(20)) > imageSideMaxPixels) {
    throw new SandboxError(422, `the picture is wider or higher than ${imageSideMaxPixels} pixels`)
  }
  try {
    return PNG.sync.read(bytes)
  } catch {
    throw new SandboxError(422, 'the PNG image is damaged')
  }
}

/**
 * The text of a QR: read from the picture when `value` is a PNG data URL, else `value` itself.
 *
 * @throws SandboxError 422 when it is another kind of data URL, no PNG, or a picture without a QR
 */
export const readQr = (value: string): string => {
  if (!value.startsWith('data:')) return value
  if (!value.startsWith(dataUrlPrefix)) {
    throw new SandboxError(422, 'the picture must be a PNG data URL (data:image/png;base64,…)')
  }
  const { data, width, height } = decodePng(Buffer.from(value.slice(dataUrlPrefix.length), 'base64'))
  const found = jsQR.default(new Uint8ClampedArray(data), width, height)
  if (found === null) throw new SandboxError(422, 'there is no QR in the picture')
  return found.data
}
