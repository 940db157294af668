/** What ffmpeg makes of files that WhatsApp does not take as they are. */
import { stat } from 'node:fs/promises'
import { type Ffmpeg, type Input, words } from './ffmpeg.ts'
import type { Playing } from './playing.ts'
import { tooLarge } from './spool.ts'

interface Conversion {
  readonly input: Input
  /** A new file. */
  readonly output: string
  readonly bytesMax: number
  readonly signal?: AbortSignal | undefined
}

const voiceMs = 60_000
const videoMs = 180_000
const voiceBitsPerSecond = 32_000
const videoSoundBitsPerSecond = 128_000
/** Enough for a phone; larger ones are made smaller. */
const videoSideMax = 1_280

/** ffmpeg writes a little more than it is told, and then ends as if all were well. */
const convert = async (
  ffmpeg: Ffmpeg,
  { input, output, bytesMax, signal }: Conversion,
  { args, purpose, timeoutMs }: { args: readonly string[]; purpose: string; timeoutMs: number },
): Promise<void> => {
  await ffmpeg.run({
    input,
    args: ['-fs', String(bytesMax), ...args],
    output: { file: output },
    purpose,
    timeoutMs,
    signal,
  })
  const { size } = await stat(output)
  if (size >= bytesMax) throw tooLarge(bytesMax)
}

/** The first sound of a file as Ogg/Opus with one channel, which is what phones record. */
export const toVoice = (ffmpeg: Ffmpeg, conversion: Conversion): Promise<void> =>
  convert(ffmpeg, conversion, {
    args: words(
      `-map 0:a:0 -vn -sn -dn -ac 1 -ar 48000 -c:a libopus -b:a ${voiceBitsPerSecond} -application voip -f ogg`,
    ),
    purpose: 'to make a voice message of this file',
    timeoutMs: voiceMs,
  })

/** H.264 has pictures of even sides only. */
const evenSides = `scale='min(${videoSideMax},iw)':'min(${videoSideMax},ih)':force_original_aspect_ratio=decrease,scale=trunc(iw/2)*2:trunc(ih/2)*2`

/** A video as MP4 with H.264 and AAC; what is that already is copied, not made anew. `silent` leaves the sound out. */
export const toMp4 = (
  ffmpeg: Ffmpeg,
  conversion: Conversion,
  { playing, silent }: { readonly playing: Playing; readonly silent: boolean },
): Promise<void> => {
  const video =
    playing.videoCodec === 'h264'
      ? '-c:v copy'
      : `-c:v libx264 -preset veryfast -pix_fmt yuv420p -vf ${evenSides}`
  const audio = silent
    ? '-an'
    : `-map 0:a:0? -c:a ${playing.audioCodec === 'aac' ? 'copy' : `aac -ac 2 -b:a ${videoSoundBitsPerSecond}`}`
  return convert(ffmpeg, conversion, {
    args: words(`-map 0:v:0 ${audio} ${video} -sn -dn -movflags +faststart -f mp4`),
    purpose: 'to make an MP4 of this file',
    timeoutMs: videoMs,
  })
}
