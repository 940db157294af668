import { chmod, readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFfmpeg, words } from '../../src/media/ffmpeg.ts'
import { ffmpegFile, hasFfmpeg, newFolder, noFfmpeg, put, realFfmpeg, serve, sound } from './samples.ts'

const job = (file: string, output: string) => ({
  input: { file, demuxer: 'wav' },
  args: words('-f ogg'),
  output: { file: output },
  purpose: 'to test this',
  timeoutMs: 20_000,
})

/** A program of the test's own in the place of ffmpeg. */
const standIn = async (script: string) => {
  const folder = await newFolder()
  const program = await put(folder, 'ffmpeg', `#!/bin/sh\n${script}\n`)
  await chmod(program, 0o755)
  return { folder, ffmpeg: createFfmpeg({ program, searchPath: '' }) }
}

describe('without ffmpeg', () => {
  it('what needs it says so, and what to do', async () => {
    expect(await noFfmpeg.isThere()).toBe(false)
    await expect(noFfmpeg.run(job('/in', '/out'))).rejects.toMatchObject({
      code: 'ffmpeg_missing',
      message:
        'ffmpeg is needed to test this, and is not installed: install it (apt install ffmpeg), or set FFMPEG_PATH',
    })
    expect(await noFfmpeg.probe({ file: '/in', demuxer: 'wav' })).toBeUndefined()
  })

  it('it is there as soon as somebody has installed it', async () => {
    const folder = await newFolder()
    const ffmpeg = createFfmpeg({ program: 'ffmpeg', searchPath: `/nowhere:${folder}` })
    expect(await ffmpeg.isThere()).toBe(false)
    const program = await put(folder, 'ffmpeg', '#!/bin/sh\n')
    expect(await ffmpeg.isThere()).toBe(false)
    await chmod(program, 0o755)
    expect(await ffmpeg.isThere()).toBe(true)
  })
})

describe('the child', () => {
  it('may ask for nothing, open one file in one format, and use one thread', async () => {
    const { folder, ffmpeg } = await standIn('printf "%s " "$@" >&2; exit 1')
    const failed = await ffmpeg.run(job(`${folder}/in`, `${folder}/out`)).catch(String)
    expect(failed).toContain('-f wav')
    const { folder: other, ffmpeg: telling } = await standIn(
      'for last; do :; done; printf "%s " "$@" > "${last#file:}"',
    )
    await telling.run(job(`${other}/in`, `${other}/out`))
    const args = await readFile(path.join(other, 'out'), 'utf8')
    for (const part of [
      '-nostdin',
      '-protocol_whitelist file,pipe',
      '-format_whitelist wav',
      `-f wav -i file:${other}/in`,
      '-threads 1',
      '-max_alloc 268435456',
      '-max_pixels 33177600',
    ])
      expect(args).toContain(part)
  })

  it('has none of the environment of the gateway', async () => {
    const { folder, ffmpeg } = await standIn('for last; do :; done; env > "${last#file:}"')
    process.env['A_SECRET_OF_THE_GATEWAY'] = 'hidden'
    await ffmpeg.run(job('/in', `${folder}/out`))
    delete process.env['A_SECRET_OF_THE_GATEWAY']
    expect(await readFile(path.join(folder, 'out'), 'utf8')).not.toMatch(/SECRET|HOME=/)
  })

  it('is killed when its time is up', async () => {
    const { folder, ffmpeg } = await standIn('exec sleep 60')
    await expect(ffmpeg.run({ ...job('/in', `${folder}/out`), timeoutMs: 50 })).rejects.toMatchObject({
      code: 'media_invalid',
      message: 'ffmpeg failed to test this: it took longer than 50 ms',
    })
  })

  it('is killed when nobody waits any more', async () => {
    const { folder, ffmpeg } = await standIn('exec sleep 60')
    const stop = new AbortController()
    const running = ffmpeg.run({ ...job('/in', `${folder}/out`), signal: stop.signal })
    stop.abort(new Error('gone'))
    await expect(running).rejects.toThrow('gone')
    await expect(ffmpeg.run({ ...job('/in', `${folder}/out`), signal: stop.signal })).rejects.toThrow('gone')
  })

  it('is quoted with the last that it said, without our folders', async () => {
    const { folder, ffmpeg } = await standIn(
      `echo noise >&2; for a; do case $a in file:*/in) echo "$a: Invalid data" >&2;; esac; done; exit 3`,
    )
    await expect(ffmpeg.run(job(`${folder}/in`, `${folder}/out`))).rejects.toMatchObject({
      code: 'media_invalid',
      message: 'ffmpeg failed to test this: the file: Invalid data',
    })
  })
})

describe.skipIf(!hasFfmpeg)('ffmpeg', () => {
  it('opens nothing that a file names', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.end()
    })
    const folder = await newFolder()
    const target = ffmpegFile(folder, 'target.wav', sound)
    const lists: Readonly<Record<string, string>> = {
      hls: `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${url}/a.ts\n#EXT-X-ENDLIST\n`,
      concat: `ffconcat version 1.0\nfile '${target}'\n`,
    }
    for (const [name, text] of Object.entries(lists)) {
      const file = await put(folder, name, text)
      for (const demuxer of ['wav', 'mov', 'mp3', 'ogg', 'matroska', 'mpegts'])
        await expect(
          realFfmpeg.run({ ...job(file, path.join(folder, 'out')), input: { file, demuxer } }),
        ).rejects.toMatchObject({ code: 'media_invalid' })
    }
    expect(asked).toBe(0)
  })

  it('says what is in a file', async () => {
    const file = ffmpegFile(await newFolder(), 'a.wav', sound)
    expect(await realFfmpeg.probe({ file, demuxer: 'wav' })).toMatchObject({
      format: { duration: '3.000000' },
      streams: [{ codec_type: 'audio', codec_name: 'pcm_s16le' }],
    })
    expect(await realFfmpeg.probe({ file, demuxer: 'mov' })).toBeUndefined()
  })
})
