import jsQR from 'jsqr'
import { PNG } from 'pngjs'

/** The text of a QR in a PNG data URL. */
export const readQr = (dataUrl: string): string => {
  const { data, width, height } = PNG.sync.read(Buffer.from(dataUrl.split(',')[1] ?? '', 'base64'))
  const found = jsQR.default(new Uint8ClampedArray(data), width, height)
  if (found === null) throw new Error('no QR in the picture')
  return found.data
}

const pixelsPerModule = 4

/** The text of the QR that was drawn last in a terminal with half blocks, dark on light; undefined when there is none. */
export const readQrFromTerminal = (output: string): string | undefined => {
  const rows = output
    .slice(output.lastIndexOf('\u001b[H') + 1)
    .split('\n')
    .filter((line) => line.startsWith('\u001b[30;107m'))
    .map((line) => line.slice('\u001b[30;107m'.length, line.lastIndexOf('\u001b')))
  const width = rows[0]?.length ?? 0
  if (width === 0) return undefined
  const dark = rows.flatMap((row) => [
    Array.from(row, (cell) => cell === '█' || cell === '▀'),
    Array.from(row, (cell) => cell === '█' || cell === '▄'),
  ])
  const size = { width: width * pixelsPerModule, height: dark.length * pixelsPerModule }
  const pixels = new Uint8ClampedArray(size.width * size.height * 4).fill(255)
  for (let y = 0; y < size.height; y += 1) {
    for (let x = 0; x < size.width; x += 1) {
      if (dark[Math.floor(y / pixelsPerModule)]?.[Math.floor(x / pixelsPerModule)] !== true) continue
      pixels.fill(0, (y * size.width + x) * 4, (y * size.width + x) * 4 + 3)
    }
  }
  return jsQR.default(pixels, size.width, size.height)?.data
}
