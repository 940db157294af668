import { stat } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import {
  animatedStickerBytesMax,
  isDecodable,
  isSticker,
  pictureSize,
  pictureThumbnail,
  stickerBytesMax,
  stickerFramesMax,
  toJpeg,
  toSticker,
} from '../../src/media/images.ts'
import { movingPicture, newFolder, pictureBytes, type PictureFormat, put } from './samples.ts'

const formats: readonly PictureFormat[] = ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff']

describe.each(formats)('a %s', (format) => {
  it('tells its size, and has a small JPEG made of it', async () => {
    const file = await put(await newFolder(), 'picture', await pictureBytes(format))
    expect(await pictureSize(file)).toMatchObject({ width: 320, height: 160, frames: 1 })
    const thumbnail = (await pictureThumbnail(file, await pictureSize(file))) ?? new Uint8Array()
    expect(await sharp(thumbnail).metadata()).toMatchObject({ format: 'jpeg', width: 100, height: 50 })
    expect(thumbnail.length).toBeLessThan(8_192)
  })

  it('becomes a JPEG of its size', async () => {
    const folder = await newFolder()
    const output = path.join(folder, 'out')
    const file = await put(folder, 'picture', await pictureBytes(format))
    await toJpeg(file, await pictureSize(file), output)
    expect(await pictureSize(output)).toMatchObject({ format: 'jpeg', width: 320, height: 160 })
  })

  it('becomes a sticker', async () => {
    const folder = await newFolder()
    const file = await put(folder, 'picture', await pictureBytes(format))
    const output = path.join(folder, 'out')
    await toSticker(file, await pictureSize(file), output)
    const size = await pictureSize(output)
    expect(size).toMatchObject({ format: 'webp', width: 512, height: 512, frames: 1 })
    expect(isSticker(size, (await stat(output)).size)).toBe(true)
    // The room above and below is clear.
    const { data } = await sharp(output).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    expect(data[3]).toBe(0)
  })
})

describe('a picture', () => {
  it('is as wide as it is shown, turned by its EXIF data', async () => {
    const turned = await sharp(await pictureBytes('jpeg'))
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const file = await put(await newFolder(), 'turned.jpg', turned)
    expect(await pictureSize(file)).toMatchObject({ width: 160, height: 320 })
    expect(
      await sharp((await pictureThumbnail(file, await pictureSize(file))) ?? new Uint8Array()).metadata(),
    ).toMatchObject({
      width: 50,
      height: 100,
    })
  })

  it('that is not one cannot be read', async () => {
    const file = await put(await newFolder(), 'x.png', 'no picture at all')
    const size = { format: 'png', width: 1, height: 1, frames: 1, byRows: true }
    await expect(pictureSize(file)).rejects.toMatchObject({ code: 'media_invalid' })
    await expect(toJpeg(file, size, `${file}.jpg`)).rejects.toMatchObject({ code: 'media_invalid' })
    expect(await pictureThumbnail(file, size)).toBeNull()
  })

  it('is never an SVG, which may name other files', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    const file = await put(await newFolder(), 'x.svg', svg)
    await expect(pictureSize(file)).rejects.toMatchObject({ code: 'media_invalid' })
  })

  it.each([
    ['png', true, 50_000_000],
    ['webp', false, 16_000_000],
    ['gif', false, 16_000_000],
    ['avif', false, 16_000_000],
    ['jpeg', true, 50_000_000],
  ] as const)('of too many pixels is not decoded: %s', async (format, byRows, pixelsMax) => {
    const size = await pictureSize(await put(await newFolder(), 'picture', await pictureBytes(format)))
    expect(size.byRows).toBe(byRows)
    expect(isDecodable({ ...size, width: pixelsMax, height: 1 })).toBe(true)
    expect(isDecodable({ ...size, width: pixelsMax + 1, height: 1 })).toBe(false)
  })

  it('of many pixels is in memory as a whole when it comes in several passes', async () => {
    const folder = await newFolder()
    for (const format of ['jpeg', 'png'] as const) {
      const file = path.join(folder, format)
      await sharp(await pictureBytes('png'))
        .toFormat(format, { progressive: true })
        .toFile(file)
      expect((await pictureSize(file)).byRows).toBe(false)
    }
  })

  it('that is too large still tells its size, and cannot be converted', async () => {
    const big = await sharp({ create: { width: 4_100, height: 4_000, channels: 3, background: 'red' } })
      .png({ compressionLevel: 1, progressive: true })
      .toBuffer()
    const file = await put(await newFolder(), 'big.png', big)
    const size = await pictureSize(file)
    expect(size).toMatchObject({ width: 4_100, height: 4_000 })
    expect(await pictureThumbnail(file, size)).toBeNull()
    const refusal = {
      code: 'media_invalid',
      message: 'this picture of 4100 x 4000 is too large to be converted: 16 million pixels are the most',
    }
    await expect(toJpeg(file, size, `${file}.jpg`)).rejects.toMatchObject(refusal)
    await expect(toSticker(file, size, `${file}.webp`)).rejects.toMatchObject(refusal)
  })
})

describe('a sticker', () => {
  it.each(['gif', 'webp'] as const)('goes on moving when it is made of a %s that moves', async (format) => {
    const folder = await newFolder()
    const file = await put(folder, 'moving', await movingPicture(format))
    const size = await pictureSize(file)
    expect(size.frames).toBe(4)
    const output = path.join(folder, 'out')
    await toSticker(file, size, output)
    expect(await pictureSize(output)).toMatchObject({
      format: 'webp',
      width: 512,
      height: 512,
      frames: 4,
    })
    expect((await stat(output)).size).toBeLessThanOrEqual(animatedStickerBytesMax)
  })

  it('loses quality until it is short enough', async () => {
    const folder = await newFolder()
    const file = await put(folder, 'noise', await pictureBytes('png', { width: 512, height: 512 }))
    const atFirst = await sharp(file).webp({ quality: 80 }).toBuffer()
    expect(atFirst.length).toBeGreaterThan(stickerBytesMax)
    const output = path.join(folder, 'out')
    await toSticker(file, await pictureSize(file), output)
    expect((await stat(output)).size).toBeLessThanOrEqual(stickerBytesMax)
  })

  it('is refused with too many frames', async () => {
    const frames = stickerFramesMax + 1
    const file = await put(await newFolder(), 'long', await movingPicture('gif', { frames, side: 4 }))
    await expect(toSticker(file, await pictureSize(file), `${file}.webp`)).rejects.toMatchObject({
      code: 'media_invalid',
      message: 'a sticker may have 150 frames; this one has 151',
    })
  })

  it.each([
    [{ format: 'webp', width: 512, height: 512, frames: 1 }, stickerBytesMax, true],
    [{ format: 'webp', width: 512, height: 512, frames: 1 }, stickerBytesMax + 1, false],
    [{ format: 'webp', width: 512, height: 512, frames: 2 }, animatedStickerBytesMax, true],
    [{ format: 'webp', width: 512, height: 512, frames: 2 }, animatedStickerBytesMax + 1, false],
    [{ format: 'webp', width: 511, height: 512, frames: 1 }, 1, false],
    [{ format: 'png', width: 512, height: 512, frames: 1 }, 1, false],
  ])('is %j of %d bytes: %s', (size, bytes, expected) => {
    expect(isSticker(size, bytes)).toBe(expected)
  })
})
