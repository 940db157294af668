import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { type Accept, createAccept, waitingMax } from '../../src/media/accept.ts'
import { createFileBlobs } from '../../src/media/file-blobs.ts'
import type { Ffmpeg } from '../../src/media/ffmpeg.ts'
import { type AcceptAs, kindOfFile, type MediaKind } from '../../src/media/shape.ts'
import { createSpool } from '../../src/media/spool.ts'
import {
  ffmpegFile,
  film,
  hasFfmpeg,
  movingPicture,
  newFolder,
  noFfmpeg,
  ownMachine,
  pictureBytes,
  realFfmpeg,
  serve,
  sound,
  streamOf,
} from './samples.ts'

const bytesMax = 4_000_000

const world = async (ffmpeg: Ffmpeg = realFfmpeg) => {
  const folder = await newFolder()
  const blobs = await createFileBlobs(path.join(folder, 'media'))
  const spool = createSpool({ folder: blobs.spool, reserveBytes: 0, now: Date.now })
  const accept = createAccept({ blobs, spool, ffmpeg, guard: ownMachine, bytesMax })
  const bytesOf = async (sha256: string): Promise<Buffer> => await buffer(await blobs.open(sha256))
  const blobCount = async (): Promise<number> => (await Array.fromAsync(blobs.list())).length
  return { folder, blobs, accept, bytesOf, blobCount, spooled: () => readdir(blobs.spool) }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const upload = (
  accept: Accept,
  bytes: Uint8Array | string,
  as: AcceptAs,
  told: { mimetype?: string; filename?: string } = {},
) => accept({ from: 'stream', stream: streamOf(bytes) }, as, told)

const nothing = { width: null, height: null, seconds: null, waveform: null, thumbnail: null }

describe('a file is taken in', () => {
  it('from a stream, a text in base64, a URL and the blob store, and is the same', async () => {
    const { accept, bytesOf, blobCount, spooled } = await world()
    const bytes = await pictureBytes('png')
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'image/png' }).end(bytes),
    )
    const first = await upload(accept, bytes, 'image', { filename: 'cat.png' })
    expect(first).toMatchObject({
      sha256: sha256Of(bytes),
      bytes: bytes.length,
      mimetype: 'image/png',
      filename: 'cat.png',
      width: 320,
      height: 160,
      seconds: null,
      waveform: null,
    })
    expect(first.thumbnail?.slice(0, 3)).toEqual(new Uint8Array([0xff, 0xd8, 0xff]))
    const others = [
      await accept({ from: 'base64', text: bytes.toString('base64') }, 'image', { filename: 'cat.png' }),
      await accept({ from: 'url', url: `${url}/cat.png` }, 'image'),
      await accept({ from: 'stored', sha256: first.sha256 }, 'image', { filename: 'cat.png' }),
    ]
    for (const other of others) expect(other).toEqual(first)
    expect(first).toMatchObject({ as: 'image', sourceSha256: first.sha256, animated: false })
    expect(await bytesOf(first.sha256)).toEqual(bytes)
    expect(await blobCount()).toBe(1)
    expect(await spooled()).toEqual([])
  })

  it('in base64 longer than one piece of it', async () => {
    const { accept, bytesOf } = await world()
    const bytes = Buffer.alloc(600_001, 'no picture ')
    const { sha256, mimetype } = await accept({ from: 'base64', text: bytes.toString('base64') }, 'document')
    expect(await bytesOf(sha256)).toEqual(bytes)
    expect(mimetype).toBe('application/octet-stream')
  })

  it('never, when it is longer than the limit or empty', async () => {
    const { accept, blobCount, spooled } = await world()
    await expect(upload(accept, Buffer.alloc(bytesMax + 1), 'document')).rejects.toMatchObject({
      code: 'media_too_large',
    })
    await expect(upload(accept, '', 'document')).rejects.toMatchObject({ message: 'the file is empty' })
    const url = await serve((_, response) => {
      for (let at = 0; at < 5; at += 1) response.write(Buffer.alloc(1_000_000))
      response.end()
    })
    await expect(accept({ from: 'url', url }, 'document')).rejects.toMatchObject({ code: 'media_too_large' })
    expect(await blobCount()).toBe(0)
    expect(await spooled()).toEqual([])
  })

  it('never, when a page is served in its place', async () => {
    const { accept } = await world()
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Please log in</p>'),
    )
    await expect(accept({ from: 'url', url }, 'image')).rejects.toMatchObject({ code: 'media_fetch_failed' })
    expect(await accept({ from: 'url', url: `${url}/page.html` }, 'document')).toMatchObject({
      mimetype: 'text/html',
      filename: 'page.html',
    })
  })
})

describe('a document', () => {
  it.each([
    [{ mimetype: 'application/pdf', filename: 'bill.pdf' }, 'application/pdf', 'bill.pdf'],
    [{ mimetype: 'text/csv; charset=utf-8' }, 'text/csv', null],
    [{ filename: 'notes.TXT' }, 'text/plain', 'notes.TXT'],
    [{ mimetype: 'application/octet-stream', filename: 'card.vcf' }, 'text/vcard', 'card.vcf'],
    [{ mimetype: 'nonsense', filename: '../../etc/\u0000passwd' }, 'application/octet-stream', 'passwd'],
    [{ mimetype: 'image/png', filename: 'x' }, 'application/octet-stream', 'x'],
  ])('is called what its sender says, or its name: %j', async (told, mimetype, filename) => {
    const { accept } = await world()
    expect(await upload(accept, 'plain words', 'document', told)).toMatchObject({
      ...nothing,
      mimetype,
      filename,
      bytes: 11,
    })
  })

  it('that is a picture is one whatever its sender says, and stays as it is', async () => {
    const { accept } = await world()
    const bytes = await pictureBytes('webp')
    const file = await upload(accept, bytes, 'document', { mimetype: 'application/pdf' })
    expect(file).toMatchObject({ mimetype: 'image/webp', width: 320, height: 160, sha256: sha256Of(bytes) })
    expect(file.thumbnail).not.toBeNull()
  })

  it('may be a broken picture', async () => {
    const { accept } = await world()
    const bytes = (await pictureBytes('png')).subarray(0, 20)
    expect(await upload(accept, bytes, 'document')).toMatchObject({ ...nothing, mimetype: 'image/png' })
    await expect(upload(accept, bytes, 'image')).rejects.toMatchObject({ code: 'media_invalid' })
  })
})

describe('an image', () => {
  it.each(['webp', 'gif', 'avif', 'tiff'] as const)('is made a JPEG when it is a %s', async (format) => {
    const { accept, bytesOf, spooled } = await world()
    const file = await upload(accept, await pictureBytes(format), 'image')
    expect(file).toMatchObject({ mimetype: 'image/jpeg', width: 320, height: 160 })
    const bytes = await bytesOf(file.sha256)
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg' })
    expect(bytes.length).toBe(file.bytes)
    expect(await spooled()).toEqual([])
  })
})

it('a sticker is made of a picture, and taken as it is when it is one', async () => {
  const { accept, bytesOf } = await world()
  const made = await upload(accept, await movingPicture('gif'), 'sticker')
  expect(made).toMatchObject({ mimetype: 'image/webp', width: 512, height: 512, animated: true })
  const bytes = await bytesOf(made.sha256)
  expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', pages: 4 })
  expect((await upload(accept, bytes, 'sticker')).sha256).toBe(made.sha256)
})

it.each<[MediaKind, string]>([
  ['image', 'send it as a document'],
  ['sticker', 'PNG, JPEG, WebP or GIF'],
  ['video', 'played'],
  ['gif', 'played'],
  ['round_video', 'played'],
  ['audio', 'heard'],
  ['voice', 'played'],
])('as %s a file is refused that is none', async (kind, why) => {
  const { accept, blobCount, spooled } = await world()
  const refusal = { code: 'media_invalid', message: expect.stringContaining(why) as string }
  await expect(upload(accept, '%PDF-1.7 is no such thing', kind)).rejects.toMatchObject(refusal)
  await expect(upload(accept, '#EXTM3U\nhttp://127.0.0.1/a.ts\n', kind)).rejects.toMatchObject(refusal)
  expect(await blobCount()).toBe(0)
  expect(await spooled()).toEqual([])
})

describe.skipIf(!hasFfmpeg)('what plays', () => {
  const made = async (name: string, args: string): Promise<Buffer> =>
    await readFile(ffmpegFile(await newFolder(), name, args))

  it.each([
    ['a.mp3', sound],
    ['a.wav', sound],
    ['a.m4a', `${sound} -c:a aac`],
    ['a.flac', sound],
    ['a.webm', `${sound} -c:a libopus`],
    ['stereo.ogg', `${sound} -ac 2 -c:a libopus`],
    ['vorbis.ogg', `${sound} -c:a libvorbis`],
    ['v.mp4', `${film} ${sound} -c:v libx264 -pix_fmt yuv420p -c:a aac`],
  ])('becomes a voice message: %s', async (name, args) => {
    const { accept, bytesOf, folder, spooled } = await world()
    const voice = await upload(accept, await made(name, args), 'voice', { filename: name })
    expect(voice).toMatchObject({ mimetype: 'audio/ogg; codecs=opus', width: null, thumbnail: null })
    expect(voice.seconds).toBeGreaterThan(2.8)
    expect(voice.seconds).toBeLessThan(3.3)
    expect(voice.waveform).toHaveLength(64)
    expect(Math.max(...(voice.waveform ?? []))).toBe(100)
    expect(Math.min(...(voice.waveform ?? []))).toBeGreaterThanOrEqual(0)
    const file = path.join(folder, 'voice.ogg')
    await writeFile(file, await bytesOf(voice.sha256))
    expect(await realFfmpeg.probe({ file, demuxer: 'ogg' })).toMatchObject({
      streams: [{ codec_name: 'opus', codec_type: 'audio' }],
    })
    expect(await spooled()).toEqual([])
  })

  it('is taken as it is when it is a voice message, without ffmpeg too', async () => {
    const bytes = await made('voice.ogg', `${sound} -ac 1 -c:a libopus`)
    const voice = { sha256: sha256Of(bytes), mimetype: 'audio/ogg; codecs=opus', seconds: 3 }
    const { accept } = await world()
    const file = await upload(accept, bytes, 'voice')
    expect(file).toMatchObject(voice)
    expect(file.waveform).toHaveLength(64)
    const { accept: poor } = await world(noFfmpeg)
    expect(await upload(poor, bytes, 'voice')).toMatchObject({ ...voice, waveform: null })
  })

  it('stays what it is as audio, with its length', async () => {
    const { accept } = await world(noFfmpeg)
    const mp3 = await made('a.mp3', sound)
    const file = await upload(accept, mp3, 'audio')
    expect(file).toMatchObject({ mimetype: 'audio/mpeg', sha256: sha256Of(mp3), waveform: null })
    expect(file.seconds).toBeCloseTo(3, 0)
    expect(await upload(accept, await made('a.m4a', `${sound} -c:a aac`), 'audio')).toMatchObject({
      mimetype: 'audio/mp4',
    })
    expect(await upload(accept, await made('a.webm', `${sound} -c:a libopus`), 'audio')).toMatchObject({
      mimetype: 'audio/webm',
    })
  })

  it('needs ffmpeg to become something else, and says so', async () => {
    const { accept, blobCount, spooled } = await world(noFfmpeg)
    const missing = {
      code: 'ffmpeg_missing',
      message: expect.stringContaining('apt install ffmpeg') as string,
    }
    await expect(upload(accept, await made('a.mp3', sound), 'voice')).rejects.toMatchObject(missing)
    await expect(upload(accept, await made('v.webm', film), 'video')).rejects.toMatchObject(missing)
    await expect(upload(accept, await movingPicture('gif'), 'gif')).rejects.toMatchObject(missing)
    expect(await blobCount()).toBe(0)
    expect(await spooled()).toEqual([])
  })

  it('is a video as it is when it is an MP4, with a picture of it', async () => {
    const { accept } = await world()
    const bytes = await made('v.mp4', `${film} ${sound} -shortest -pix_fmt yuv420p`)
    for (const kind of ['video', 'gif', 'round_video', 'file', 'document'] as const) {
      const file = await upload(accept, bytes, kind)
      expect(file).toMatchObject({ mimetype: 'video/mp4', width: 320, height: 240, sha256: sha256Of(bytes) })
      expect(file.seconds).toBeCloseTo(2, 0)
      expect(await sharp(file.thumbnail ?? new Uint8Array()).metadata()).toMatchObject({
        format: 'jpeg',
        width: 100,
        height: 75,
      })
    }
    const { accept: poor } = await world(noFfmpeg)
    expect(await upload(poor, bytes, 'video')).toMatchObject({ mimetype: 'video/mp4', thumbnail: null })
  })

  it.each([
    ['v.webm', `${film} ${sound} -shortest -c:v libvpx -c:a libopus`],
    ['v.mov', `${film} ${sound} -shortest -pix_fmt yuv420p -c:v libx264 -c:a aac`],
    ['v.mkv', `${film} ${sound} -shortest -pix_fmt yuv420p -c:v libx264 -c:a aac`],
    ['v.avi', film],
  ])('becomes an MP4 when it is another video: %s', async (name, args) => {
    const { accept, bytesOf, folder } = await world()
    const video = await upload(accept, await made(name, args), 'video')
    expect(video).toMatchObject({ mimetype: 'video/mp4', width: 320, height: 240 })
    expect(video.thumbnail).not.toBeNull()
    const file = path.join(folder, 'v.mp4')
    await writeFile(file, await bytesOf(video.sha256))
    const probed = (await realFfmpeg.probe({ file, demuxer: 'mov' })) as { streams: { codec_name: string }[] }
    expect(probed.streams.map(({ codec_name }) => codec_name)).toEqual(
      name === 'v.avi' ? ['h264'] : ['h264', 'aac'],
    )
  })

  it('is silent when it is made of a GIF, or for one', async () => {
    const { accept, bytesOf, folder } = await world()
    const sources = [
      await movingPicture('gif', { side: 65 }),
      await made('v.webm', `${film} ${sound} -shortest -c:v libvpx -c:a libopus`),
    ]
    for (const bytes of sources) {
      const video = await upload(accept, bytes, 'gif')
      expect(video.mimetype).toBe('video/mp4')
      const file = path.join(folder, 'v.mp4')
      await writeFile(file, await bytesOf(video.sha256))
      expect(await realFfmpeg.probe({ file, demuxer: 'mov' })).toMatchObject({
        streams: [{ codec_name: 'h264' }],
      })
    }
  })

  it('has width and height as it is shown when it was filmed upright', async () => {
    const folder = await newFolder()
    const flat = ffmpegFile(folder, 'flat.mp4', `${film} -pix_fmt yuv420p`)
    const turned = ffmpegFile(folder, 'turned.mp4', `-i ${flat} -c copy -metadata:s:v:0 rotate=90`)
    const { accept } = await world()
    expect(await upload(accept, await readFile(turned), 'video')).toMatchObject({ width: 240, height: 320 })
  })

  it('is refused when ffmpeg can make nothing of it', async () => {
    const { accept, spooled } = await world()
    const broken = (await made('a.mp3', sound)).subarray(0, 400)
    await expect(upload(accept, broken, 'voice')).rejects.toMatchObject({ code: 'media_invalid' })
    expect(await spooled()).toEqual([])
  })
})

it('a file may be taken in as what it is', async () => {
  const { accept } = await world()
  const picture = await pictureBytes('webp')
  const image = await accept({ from: 'stream', stream: streamOf(picture) }, kindOfFile)
  expect(image).toMatchObject({ as: 'image', mimetype: 'image/jpeg', sourceSha256: sha256Of(picture) })
  expect(image.sha256).not.toBe(image.sourceSha256)
  const words = await accept({ from: 'stream', stream: streamOf('plain words') }, kindOfFile)
  expect(words).toMatchObject({ as: 'document', sha256: words.sourceSha256 })
})

describe('at a time', () => {
  const held = () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    let running = 0
    let most = 0
    const ffmpeg: Ffmpeg = {
      ...noFfmpeg,
      run: async () => {
        running += 1
        most = Math.max(most, running)
        await gate
        running -= 1
        throw new Error('done')
      },
    }
    return { ffmpeg, open, running: () => running, most: () => most }
  }

  it('two files are converted, so many wait, and the next is refused', async () => {
    const { ffmpeg, open, running, most } = held()
    const { accept, spooled } = await world(ffmpeg)
    const gif = await movingPicture('gif', { side: 8, frames: 2 })
    const all = Array.from({ length: 2 + waitingMax + 1 }, () => upload(accept, gif, 'gif').catch(String))
    const refused = await Promise.race(all)
    expect(refused).toContain('256 files wait to be read already')
    await expect.poll(running).toBe(2)
    open()
    const ends = await Promise.all(all)
    expect(ends.filter((end) => end === 'Error: done')).toHaveLength(2 + waitingMax)
    expect(most()).toBe(2)
    expect(await spooled()).toEqual([])
  })

  it('one that nobody waits for any more leaves the line', async () => {
    const { ffmpeg, open, running, most } = held()
    const { accept, spooled } = await world(ffmpeg)
    const gif = await movingPicture('gif', { side: 8, frames: 2 })
    const stop = new AbortController()
    const first = Promise.allSettled([upload(accept, gif, 'gif'), upload(accept, gif, 'gif')])
    await expect.poll(running).toBe(2)
    const third = accept({ from: 'stream', stream: streamOf(gif) }, 'gif', { signal: stop.signal })
    await expect.poll(async () => (await spooled()).length).toBe(3)
    stop.abort(new Error('gone'))
    await expect(third).rejects.toThrow()
    open()
    await first
    expect(most()).toBe(2)
    expect(await spooled()).toEqual([])
  })
})
