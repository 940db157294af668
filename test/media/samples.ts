/** Real files for the tests: pictures by sharp, sounds and films by ffmpeg where it is there. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { onTestFinished } from 'vitest'
import { createAddressGuard } from '../../src/media/addresses.ts'
import { createFfmpeg, type Ffmpeg } from '../../src/media/ffmpeg.ts'
import { createSpool, type Spool } from '../../src/media/spool.ts'

const searchPath = process.env['PATH'] ?? ''
export const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0

export const realFfmpeg: Ffmpeg = createFfmpeg({ program: 'ffmpeg', searchPath })
export const noFfmpeg: Ffmpeg = createFfmpeg({ program: 'ffmpeg', searchPath: '' })

/** A folder of the test's own, removed after it. */
export const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-media-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export const newSpool = async (): Promise<
  Spool & { readonly folder: string; files(): Promise<string[]> }
> => {
  const folder = await newFolder()
  const spool = createSpool({ folder, reserveBytes: 0, now: Date.now })
  return { ...spool, folder, files: () => readdir(folder) }
}

export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff'

/** A picture with enough in it that its size says something. */
export const pictureBytes = async (
  format: PictureFormat,
  { width = 320, height = 160 }: { width?: number; height?: number } = {},
): Promise<Buffer> =>
  await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#204080',
      noise: { type: 'gaussian', mean: 120, sigma: 40 },
    },
  })
    .toFormat(format)
    .toBuffer()

/** A GIF or WebP whose frames differ. */
export const movingPicture = async (
  format: 'gif' | 'webp',
  { frames = 4, side = 64 }: { frames?: number; side?: number } = {},
): Promise<Buffer> => {
  const pages = await Promise.all(
    Array.from({ length: frames }, (_, at) =>
      sharp({
        create: {
          width: side,
          height: side,
          channels: 4,
          background: { r: (at * 60) % 256, g: 80, b: 9, alpha: 1 },
        },
      })
        .png()
        .toBuffer(),
    ),
  )
  return await sharp(pages, { join: { animated: true } })
    .toFormat(format)
    .toBuffer()
}

/** What ffmpeg makes of its own test sources, as a file in a folder. */
export const ffmpegFile = (folder: string, name: string, args: string): string => {
  const file = path.join(folder, name)
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args.split(' '), file])
  if (status !== 0) throw new Error(String(stderr))
  return file
}

/** Beeps, so that the waveform is not flat. */
export const sound = '-f lavfi -i sine=frequency=440:beep_factor=4:duration=3'
export const film = '-f lavfi -i testsrc=duration=2:size=320x240:rate=10'

export const put = async (folder: string, name: string, bytes: Uint8Array | string): Promise<string> => {
  const file = path.join(folder, name)
  await writeFile(file, bytes)
  return file
}

/** The guard of somebody who lets his own machine be asked. */
export const ownMachine = createAddressGuard(['127.0.0.1'])
export const publicOnly = createAddressGuard([])

/** A web server of the test's own; the result is its URL without a slash at the end. */
export const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function* streamOf(...chunks: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}
