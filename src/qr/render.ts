import { create, toBuffer, toDataURL, toString } from 'qrcode'

/** `terminal` is drawn with half blocks in black on white, whatever the terminal's own colours are. */
export type QrFormat = 'data-url' | 'png' | 'svg' | 'terminal'

/** Level L repairs 7 % of the picture. A screen is never torn or stained, and fewer modules are bigger modules. */
const errorCorrectionLevel = 'L'
/** A pairing QR has 53 to 61 modules a side: some 500 px, which a phone reads from an arm's length. */
const modulePx = 8
/** The quiet zone that ISO/IEC 18004 asks for; without it readers miss codes on dark pages. */
const marginModules = 4
/** A terminal has few lines, and readers are content with half the quiet zone on a bright ground. */
const terminalMarginModules = 2

const blackOnWhite = '\u001b[30;107m'
const reset = '\u001b[0m'

const drawForTerminal = (text: string): string => {
  const { modules } = create(text, { errorCorrectionLevel })
  const dark = (row: number, column: number): boolean =>
    row >= 0 && row < modules.size && column >= 0 && column < modules.size && modules.get(row, column) !== 0
  const end = modules.size + terminalMarginModules
  const lines: string[] = []
  for (let row = -terminalMarginModules; row < end; row += 2) {
    let line = ''
    for (let column = -terminalMarginModules; column < end; column++) {
      const [top, bottom] = [dark(row, column), dark(row + 1, column)]
      line += top ? (bottom ? '█' : '▀') : bottom ? '▄' : ' '
    }
    lines.push(`${blackOnWhite}${line}${reset}\n`)
  }
  return lines.join('')
}

/**
 * Draws a QR code: PNG bytes for `png`, else text (`data:image/png;base64,…`, an SVG document, lines for a terminal).
 * Rejects when the text is empty or longer than a QR code holds (2,953 bytes).
 */
export function renderQr(text: string, format: 'png'): Promise<Uint8Array<ArrayBuffer>>
export function renderQr(text: string, format: Exclude<QrFormat, 'png'>): Promise<string>
export async function renderQr(text: string, format: QrFormat): Promise<Uint8Array<ArrayBuffer> | string> {
  const options = { errorCorrectionLevel, scale: modulePx, margin: marginModules } as const
  switch (format) {
    case 'png':
      return new Uint8Array(await toBuffer(text, { ...options, type: 'png' }))
    case 'data-url':
      return await toDataURL(text, { ...options, type: 'image/png' })
    case 'svg':
      return await toString(text, { ...options, type: 'svg' })
    case 'terminal':
      return drawForTerminal(text)
  }
}
