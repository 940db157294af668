/** Pictures, by sharp: their size, a small JPEG of them, and what WhatsApp takes instead of what it does not. */
import type { Sharp, SharpOptions } from 'sharp'
import { GatewayError } from '../domain/errors.ts'
import { sizeText } from './spool.ts'

export interface PictureSize {
  readonly format: string
  /** As it is shown, turned by what its EXIF data says. */
  readonly width: number
  readonly height: number
  /** More than 1 when it moves. */
  readonly frames: number
}

/** What sharp may open at all: no SVG, PDF or others that are programs more than pictures. */
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((name) => `VipsForeignLoad${name}`)

/** One that has more is not decoded: it would take hundreds of MB of memory. */
const pixelsMax = 50_000_000
const workSeconds = 30

export const thumbnailSideMax = 100
const thumbnailQuality = 50
const jpegQuality = 85

const stickerSide = 512
/** WhatsApp shows no larger ones (its sticker guidelines for apps). */
export const stickerBytesMax = 102_400
export const animatedStickerBytesMax = 512_000
export const stickerFramesMax = 150
const stickerQualities: readonly number[] = [80, 60, 40, 20, 5]
const stickerEffort = 2

const load = async () => {
  const { default: sharp } = await import('sharp')
  sharp.cache(false)
  sharp.concurrency(1)
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: loaders })
  return sharp
}
let loading: ReturnType<typeof load> | undefined

const open = async (file: string, options: SharpOptions = {}): Promise<Sharp> => {
  loading ??= load()
  const sharp = await loading
  return sharp(file, { sequentialRead: true, limitInputPixels: pixelsMax, ...options })
}

const invalid = (detail: string, cause?: unknown): GatewayError =>
  new GatewayError('media_invalid', detail, { cause })

const unreadable = (cause: unknown): GatewayError =>
  invalid('this picture cannot be read: it is broken, too large, or takes too long', cause)

/** From its head alone. Rejects with GatewayError `media_invalid` when it is no picture that can be read. */
export const pictureSize = async (file: string): Promise<PictureSize> => {
  try {
    const picture = await open(file, { limitInputPixels: false })
    const { format, pages, autoOrient } = await picture.metadata()
    return { format, width: autoOrient.width, height: autoOrient.height, frames: pages ?? 1 }
  } catch (error) {
    throw unreadable(error)
  }
}

/** A JPEG of it, at most `sideMax` wide and high; null when that cannot be made. */
export const pictureThumbnail = async (
  file: string,
  sideMax: number = thumbnailSideMax,
): Promise<Uint8Array | null> => {
  try {
    const picture = await open(file, { failOn: 'none' })
    const jpeg = await picture
      .timeout({ seconds: workSeconds })
      .autoOrient()
      .resize(sideMax, sideMax, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: 'white' })
      .jpeg({ quality: thumbnailQuality })
      .toBuffer()
    return new Uint8Array(jpeg)
  } catch {
    return null
  }
}

/** Writes it as a JPEG. Rejects with GatewayError `media_invalid`. */
export const toJpeg = async (file: string, output: string): Promise<void> => {
  try {
    const picture = await open(file)
    await picture
      .timeout({ seconds: workSeconds })
      .autoOrient()
      .flatten({ background: 'white' })
      .jpeg({ quality: jpegQuality })
      .toFile(output)
  } catch (error) {
    throw unreadable(error)
  }
}

/** Whether it is a sticker as it stands. */
export const isSticker = ({ format, width, height, frames }: PictureSize, bytes: number): boolean =>
  format === 'webp' &&
  width === stickerSide &&
  height === stickerSide &&
  bytes <= (frames > 1 ? animatedStickerBytesMax : stickerBytesMax)

/**
 * Writes it as a sticker, a WebP of 512 x 512 in the best quality that fits; one that moves goes on moving. Rejects with
 * GatewayError `media_invalid`.
 */
export const toSticker = async (file: string, { frames }: PictureSize, output: string): Promise<void> => {
  if (frames > stickerFramesMax) {
    throw invalid(`a sticker may have ${stickerFramesMax} frames; this one has ${frames}`)
  }
  const bytesMax = frames > 1 ? animatedStickerBytesMax : stickerBytesMax
  for (const quality of stickerQualities) {
    try {
      const picture = await open(file, { animated: true })
      const { size } = await picture
        .timeout({ seconds: workSeconds })
        .autoOrient()
        .resize(stickerSide, stickerSide, { fit: 'contain', background: { r: 0, g: 0, b: 0, alpha: 0 } })
        .webp({ quality, effort: stickerEffort })
        .toFile(output)
      if (size <= bytesMax) return
    } catch (error) {
      throw unreadable(error)
    }
  }
  throw invalid(
    `as a sticker it would be longer than ${sizeText(bytesMax)} in any quality: take fewer frames or a simpler picture`,
  )
}
