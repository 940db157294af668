import { describe, expect, it } from 'vitest'
import { describePlaying, readWaveform, waveformOf } from '../../src/media/playing.ts'
import { ffmpegFile, hasFfmpeg, newFolder, noFfmpeg, put, realFfmpeg } from './samples.ts'

describe('a waveform', () => {
  it('has 64 numbers, the loudest 100, however long the sound is', () => {
    for (const length of [1, 63, 64, 65, 5_000]) {
      const pieces = Array.from({ length }, (_, at) => at + 1)
      const waveform = waveformOf(pieces)
      expect(waveform).toHaveLength(64)
      expect(waveform).toEqual(waveform.toSorted((a, b) => a - b))
      expect(waveform.at(-1)).toBe(100)
    }
  })

  it('of silence is flat', () => {
    expect(new Set(waveformOf([0, 0, 0]))).toEqual(new Set([0]))
  })
})

describe.skipIf(!hasFfmpeg)('what ffmpeg hears', () => {
  it('is loud where it is loud, and silent where it is silent', async () => {
    const half = '-f lavfi -i aevalsrc=if(lt(t\\,2)\\,0.5*sin(880*t)\\,0):d=4'
    const file = ffmpegFile(await newFolder(), 'half.wav', half)
    const waveform = (await readWaveform(realFfmpeg, { file, demuxer: 'wav' })) ?? []
    expect(Math.min(...waveform.slice(0, 32))).toBeGreaterThan(80)
    expect(Math.max(...waveform.slice(33))).toBe(0)
  })

  it('is nothing in what is no sound', async () => {
    const file = await put(await newFolder(), 'x.wav', 'no sound')
    expect(await readWaveform(realFfmpeg, { file, demuxer: 'wav' })).toBeNull()
    expect(await describePlaying(realFfmpeg, { file, mimetype: 'audio/wav' })).toEqual({
      seconds: null,
      width: null,
      height: null,
      videoCodec: null,
      audioCodec: null,
      isVoice: false,
    })
  })

  it('is not asked for what the container says by itself', async () => {
    const file = ffmpegFile(
      await newFolder(),
      'v.webm',
      '-f lavfi -i testsrc=duration=1:size=64x48 -c:v libvpx',
    )
    const known = await describePlaying(noFfmpeg, { file, mimetype: 'video/webm' })
    expect(known).toMatchObject({ width: 64, height: 48, videoCodec: null })
    expect(known.seconds).toBeCloseTo(1, 0)
  })
})
