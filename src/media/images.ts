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
  /** It can be decoded row by row: the others are in memory as a whole, 4 bytes a pixel and more. */
  readonly byRows: boolean
}

/** What sharp may open at all: no SVG, PDF or others that are programs more than pictures. */
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((name) => `VipsForeignLoad${name}`)

/** A picture that has more is not decoded: it would take hundreds of MB of memory. */
const pixelsMax = 50_000_000
const wholePixelsMax = 16_000_000
const rowFormats: ReadonlySet<string> = new Set(['jpeg', 'png', 'tiff'])
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
/** Fewer: each takes seconds when there are many frames. */
const animatedQualities: readonly number[] = [60, 10]
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

const open = async (file: string, options: SharpOptions): Promise<Sharp> => {
  loading ??= load()
  const sharp = await loading
  return sharp(file, { sequentialRead: true, ...options })
}

/** Whether it takes little enough memory to be decoded. Frames are decoded one by one. */
export const isDecodable = ({ width, height, byRows }: PictureSize): boolean =>
  width * height <= (byRows ? pixelsMax : wholePixelsMax)

const invalid = (detail: string, cause?: unknown): GatewayError =>
  new GatewayError('media_invalid', detail, { cause })

const unreadable = (cause: unknown): GatewayError =>
  invalid('this picture cannot be read: it is broken, too large, or takes too long', cause)

/** From its head alone. Rejects with GatewayError `media_invalid` when it is no picture that can be read. */
export const pictureSize = async (file: string): Promise<PictureSize> => {
  try {
    const picture = await open(file, { limitInputPixels: false })
    const { format, pages, autoOrient, isProgressive } = await picture.metadata()
    return {
      format,
      width: autoOrient.width,
      height: autoOrient.height,
      frames: pages ?? 1,
      byRows: !isProgressive && rowFormats.has(format),
    }
  } catch (error) {
    throw unreadable(error)
  }
}

/** A JPEG of it, at most `sideMax` wide and high; null when it is too large for that, or broken. */
export const pictureThumbnail = async (
  file: string,
  size: PictureSize,
  sideMax: number = thumbnailSideMax,
): Promise<Uint8Array | null> => {
  if (!isDecodable(size)) return null
  try {
    const picture = await open(file, { failOn: 'none', limitInputPixels: pixelsMax })
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

const checkDecodable = (size: PictureSize): void => {
  if (isDecodable(size)) return
  const { width, height, byRows } = size
  const most = (byRows ? pixelsMax : wholePixelsMax) / 1_000_000
  throw invalid(
    `this picture of ${width} x ${height} is too large to be converted: ${most} million pixels are the most`,
  )
}

/** Writes it as a JPEG. Rejects with GatewayError `media_invalid`. */
export const toJpeg = async (file: string, size: PictureSize, output: string): Promise<void> => {
  checkDecodable(size)
  try {
    const picture = await open(file, { limitInputPixels: pixelsMax })
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
export const isSticker = (
  { format, width, height, frames }: Omit<PictureSize, 'byRows'>,
  bytes: number,
): boolean =>
  format === 'webp' &&
  width === stickerSide &&
  height === stickerSide &&
  bytes <= (frames > 1 ? animatedStickerBytesMax : stickerBytesMax)

/**
 * Writes it as a sticker, a WebP of 512 x 512 in the best quality that fits; one that moves goes on moving. Rejects with
 * GatewayError `media_invalid`.
 */
export const toSticker = async (file: string, size: PictureSize, output: string): Promise<void> => {
  const { frames } = size
  checkDecodable(size)
  if (frames > stickerFramesMax) {
    throw invalid(`a sticker may have ${stickerFramesMax} frames; this one has ${frames}`)
  }
  const bytesMax = frames > 1 ? animatedStickerBytesMax : stickerBytesMax
  for (const quality of frames > 1 ? animatedQualities : stickerQualities) {
    try {
      const picture = await open(file, { animated: true, limitInputPixels: pixelsMax })
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
