/** What a linking QR says. Keys are 32 bytes. */
export interface LinkingQr {
  readonly ref: string
  readonly noiseKey: Buffer
  readonly identityKey: Buffer
  readonly advSecret: Buffer
}

const linkPrefix = 'https://wa.me/settings/linked_devices#'
const keyBytes = 32

const key = (base64: string | undefined): Buffer | undefined => {
  const bytes = Buffer.from(base64 ?? '', 'base64')
  return bytes.length === keyBytes ? bytes : undefined
}

/**
 * Reads `ref,noise,identity,adv[,platform]`, bare or behind the wa.me link: what clients of today and of yesterday show.
 * Undefined for any other text.
 */
export const parseLinkingQr = (text: string): LinkingQr | undefined => {
  const trimmed = text.trim()
  const fields = (trimmed.startsWith(linkPrefix) ? trimmed.slice(linkPrefix.length) : trimmed).split(',')
  if (fields.length < 4 || fields.length > 5) return undefined
  const [ref] = fields
  const noiseKey = key(fields[1])
  const identityKey = key(fields[2])
  const advSecret = key(fields[3])
  if (ref === undefined || ref === '' || !noiseKey || !identityKey || !advSecret) return undefined
  return { ref, noiseKey, identityKey, advSecret }
}
