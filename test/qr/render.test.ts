import jsQRModule from 'jsqr'
import { PNG } from 'pngjs'
import { describe, expect, test } from 'vitest'
import { renderQr } from '../../src/qr/render.ts'

type Decode = (data: Uint8ClampedArray, width: number, height: number) => { data: string } | null
// jsqr is CommonJS: under Node the function is the module itself, under a bundler it is its `default`.
const jsQR = ((jsQRModule as { default?: unknown }).default ?? jsQRModule) as Decode

/** As long as a pairing QR is: a ref, three keys and the platform. */
const pairingText = `2@${'abcdEFGH0123/+=='.repeat(14)},1`

const scanPng = (png: Uint8Array): string | undefined => {
  const { data, width, height } = PNG.sync.read(Buffer.from(png))
  return jsQR(new Uint8ClampedArray(data), width, height)?.data
}

/** Looks at the lines as a camera would: half blocks as pixels. */
const scanTerminal = (drawn: string): string | undefined => {
  const pixel = 4
  const rows = drawn
    .trimEnd()
    .split('\n')
    // oxlint-disable-next-line no-control-regex
    .map((line) => line.replaceAll(/\u001b\[[\d;]*m/g, '').split(''))
    .flatMap((cells) => [cells.map((c) => c === '█' || c === '▀'), cells.map((c) => c === '█' || c === '▄')])
  const width = (rows[0]?.length ?? 0) * pixel
  const height = rows.length * pixel
  const data = new Uint8ClampedArray(width * height * 4)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dark = rows[Math.floor(y / pixel)]?.[Math.floor(x / pixel)] === true
      data.set([dark ? 0 : 255, dark ? 0 : 255, dark ? 0 : 255, 255], (y * width + x) * 4)
    }
  }
  return jsQR(data, width, height)?.data
}

describe('renderQr', () => {
  test('a PNG is read back to its text', async () => {
    expect(scanPng(await renderQr(pairingText, 'png'))).toBe(pairingText)
  })

  test('a data URL holds a PNG that is read back to its text', async () => {
    const url = await renderQr(pairingText, 'data-url')
    expect(url).toMatch(/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/)
    expect(scanPng(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'))).toBe(pairingText)
  })

  test('an SVG is one document with a white ground', async () => {
    const svg = await renderQr(pairingText, 'svg')
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n?$/)
    expect(svg).toContain('fill="#ffffff"')
  })

  test('lines for a terminal are read back to their text and all have one width', async () => {
    const drawn = await renderQr(pairingText, 'terminal')
    expect(scanTerminal(drawn)).toBe(pairingText)
    expect(
      new Set(
        drawn
          .trimEnd()
          .split('\n')
          .map((line) => line.length),
      ).size,
    ).toBe(1)
  })

  test('a text that no QR code holds is refused', async () => {
    await expect(renderQr('x'.repeat(2_954), 'png')).rejects.toThrow()
    await expect(renderQr('', 'terminal')).rejects.toThrow()
  })
})
