import { createHash, hash } from 'node:crypto'

/** SHA-256 of a text in UTF-8, as hex. */
export const sha256Hex = (text: string): string => hash('sha256', text, 'hex')

/** The same for a text that comes in parts. */
export const createSha256 = (): { add(text: string): void; hex(): string } => {
  const running = createHash('sha256')
  return { add: (text) => void running.update(text), hex: () => running.digest('hex') }
}
