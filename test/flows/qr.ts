import jsQR from 'jsqr'
import { PNG } from 'pngjs'

/** The text of a QR in a PNG data URL. */
export const readQr = (dataUrl: string): string => {
  const { data, width, height } = PNG.sync.read(Buffer.from(dataUrl.split(',')[1] ?? '', 'base64'))
  const found = jsQR.default(new Uint8ClampedArray(data), width, height)
  if (found === null) throw new Error('no QR in the picture')
  return found.data
}
