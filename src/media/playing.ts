/** What plays: how long, how large, what is in it, a picture of it and the shape of its sound. */
import { stat } from 'node:fs/promises'
import { withDeadline } from '../runtime/deadline.ts'
import { type Ffmpeg, type Input, words } from './ffmpeg.ts'
import { thumbnailSideMax } from './images.ts'
import { demuxerOf } from './mimetype.ts'

/** null where nobody can tell. */
export interface Playing {
  readonly seconds: number | null
  /** As it is shown. */
  readonly width: number | null
  readonly height: number | null
  /** Names of ffmpeg; null without ffprobe. */
  readonly videoCodec: string | null
  readonly audioCodec: string | null
  /** It is a voice message as it stands: Opus with one channel in Ogg. */
  readonly isVoice: boolean
}

interface Stream {
  readonly codec_type?: string
  readonly codec_name?: string
  readonly width?: number
  readonly height?: number
  readonly disposition?: { readonly attached_pic?: number }
  readonly side_data_list?: readonly { readonly rotation?: number }[]
}
interface ProbeAnswer {
  readonly format?: { readonly duration?: string }
  readonly streams?: readonly Stream[]
}

const parseMs = 10_000
/** Without a length in its head an MP3 has to be read whole to know it; a longer file is not. */
const readWholeBytesMax = 16_777_216

const waveformLength = 64
const waveformRateHz = 8_000
/** The sound is taken together in pieces of so many samples first, since its length is known at the end only. */
const pieceSamples = 80
const waveformMs = 60_000
const thumbnailMs = 20_000
const thumbnailBytesMax = 65_536

const positive = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) && value > 0 ? value : null

/** What the container says by itself, by music-metadata. */
const parse = async (file: string) => {
  const { parseFile } = await import('music-metadata')
  try {
    const { size: bytes } = await stat(file)
    const work = parseFile(file, { skipCovers: true, duration: bytes <= readWholeBytesMax })
    return (await withDeadline(work, parseMs, 'reading the file')).format
  } catch {
    return undefined
  }
}

/** Of a file that cannot be read nothing is known, which is no failure. */
export const describePlaying = async (
  ffmpeg: Ffmpeg,
  { file, mimetype }: { readonly file: string; readonly mimetype: string },
  signal?: AbortSignal,
): Promise<Playing> => {
  const format = await parse(file)
  const tracks = (format?.trackInfo ?? []).map(({ video }) => video)
  const size = tracks.find((video) => video !== undefined)
  const known: Playing = {
    seconds: positive(format?.duration),
    width: positive(size?.pixelWidth),
    height: positive(size?.pixelHeight),
    videoCodec: null,
    audioCodec: null,
    isVoice: format?.container === 'Ogg' && format.codec === 'Opus' && format.numberOfChannels === 1,
  }
  const demuxer = demuxerOf(mimetype)
  const needed = mimetype.startsWith('video/') || known.seconds === null
  if (demuxer === undefined || !needed) return known
  const answer = (await ffmpeg.probe({ file, demuxer }, signal)) as ProbeAnswer | undefined
  const streams = answer?.streams ?? []
  const video = streams.find(
    ({ codec_type, disposition }) => codec_type === 'video' && disposition?.attached_pic !== 1,
  )
  const audio = streams.find(({ codec_type }) => codec_type === 'audio')
  const rotation = video?.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0
  const shown =
    Math.abs(rotation) % 180 === 90 ? [video?.height, video?.width] : [video?.width, video?.height]
  return {
    ...known,
    seconds: positive(Number(answer?.format?.duration)) ?? known.seconds,
    width: positive(shown[0]) ?? known.width,
    height: positive(shown[1]) ?? known.height,
    videoCodec: video?.codec_name ?? null,
    audioCodec: audio?.codec_name ?? null,
  }
}

/** A JPEG of the first picture; null without ffmpeg, or when there is none. */
export const videoThumbnail = async (
  ffmpeg: Ffmpeg,
  input: Input,
  signal?: AbortSignal,
): Promise<Uint8Array | null> => {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    await ffmpeg.run({
      input,
      args: words(
        `-map 0:v:0 -frames:v 1 -q:v 8 -f mjpeg -vf scale=${thumbnailSideMax}:${thumbnailSideMax}:force_original_aspect_ratio=decrease`,
      ),
      output: {
        take: (chunk) => {
          bytes += chunk.length
          if (bytes <= thumbnailBytesMax) chunks.push(chunk)
        },
      },
      purpose: 'to make a picture of this video',
      timeoutMs: thumbnailMs,
      signal,
    })
  } catch (error) {
    if (signal?.aborted === true) throw error
    return null
  }
  return bytes === 0 || bytes > thumbnailBytesMax ? null : new Uint8Array(Buffer.concat(chunks))
}

/** 64 numbers of 0 to 100 of the loudness of these pieces: the loudest is 100 (Baileys, messages-media.ts `getAudioWaveform`). */
export const waveformOf = (pieces: readonly number[]): readonly number[] => {
  const means = Array.from({ length: waveformLength }, (_, at) => {
    const from = Math.floor((at * pieces.length) / waveformLength)
    const to = Math.max(from + 1, Math.floor(((at + 1) * pieces.length) / waveformLength))
    const part = pieces.slice(from, to)
    return part.length === 0 ? 0 : part.reduce((sum, piece) => sum + piece, 0) / part.length
  })
  const loudest = Math.max(...means)
  return means.map((mean) => (loudest === 0 ? 0 : Math.round((mean / loudest) * 100)))
}

/** The waveform of a recording; null without ffmpeg, or of what it cannot read. */
export const readWaveform = async (
  ffmpeg: Ffmpeg,
  input: Input,
  signal?: AbortSignal,
): Promise<readonly number[] | null> => {
  const pieces: number[] = []
  let sum = 0
  let samples = 0
  /** The first byte of a sample whose second comes with the next chunk. */
  let half: Buffer | undefined
  const take = (chunk: Buffer): void => {
    const bytes = half === undefined ? chunk : Buffer.concat([half, chunk])
    const end = bytes.length - (bytes.length % 2)
    half = end === bytes.length ? undefined : bytes.subarray(end)
    for (let at = 0; at < end; at += 2) {
      sum += Math.abs(bytes.readInt16LE(at))
      samples += 1
      if (samples === pieceSamples) {
        pieces.push(sum / samples)
        sum = 0
        samples = 0
      }
    }
  }
  try {
    await ffmpeg.run({
      input,
      args: words(`-map 0:a:0 -ac 1 -ar ${waveformRateHz} -f s16le`),
      output: { take },
      purpose: 'to draw the waveform',
      timeoutMs: waveformMs,
      signal,
    })
  } catch (error) {
    if (signal?.aborted === true) throw error
    return null
  }
  if (samples > 0) pieces.push(sum / samples)
  return pieces.length === 0 ? null : waveformOf(pieces)
}
