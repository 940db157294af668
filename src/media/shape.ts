/** What becomes of a file for each kind of message: as it is, converted or refused, and what can be told of it. */
import { GatewayError } from '../domain/errors.ts'
import { toMp4, toVoice } from './convert.ts'
import type { Ffmpeg, Input } from './ffmpeg.ts'
import { isSticker, pictureSize, pictureThumbnail, toJpeg, toSticker } from './images.ts'
import { demuxerOf, isVideo, mayBeAudio, unknownMimetype, voiceMimetype } from './mimetype.ts'
import { describePlaying, type Playing, readWaveform, videoThumbnail } from './playing.ts'

/** The kinds of message that have a file. */
export type MediaKind = 'image' | 'video' | 'gif' | 'round_video' | 'audio' | 'voice' | 'document' | 'sticker'

/** What a file is taken in for: one kind of message, or for whatever will be. */
export type AcceptAs = MediaKind | 'file'

/** What is known of a file; null where it does not apply, or cannot be told. */
export interface Description {
  readonly mimetype: string
  readonly width: number | null
  readonly height: number | null
  readonly seconds: number | null
  /** 64 numbers of 0 to 100. */
  readonly waveform: readonly number[] | null
  /** JPEG. */
  readonly thumbnail: Uint8Array | null
  /** A picture of several frames. */
  readonly animated: boolean
}

export interface Shaping {
  readonly ffmpeg: Ffmpeg
  readonly file: string
  readonly bytes: number
  /** What its content shows, undefined when it shows nothing. */
  readonly detected: string | undefined
  /** What to call it when it stays what it is. */
  readonly mimetype: string
  /** Where to write what is made of it. Whoever asks removes that, whatever comes. */
  readonly output: string
  /** Of what is made of it. */
  readonly bytesMax: number
  readonly signal?: AbortSignal | undefined
}

interface Shaped {
  readonly description: Description
  /** There is a file at `output`, which takes the place of the other. */
  readonly made: boolean
}

const sentAsImage: ReadonlySet<string> = new Set(['image/jpeg', 'image/png'])
const readPictures: ReadonlySet<string> = new Set([
  ...sentAsImage,
  'image/webp',
  'image/gif',
  'image/avif',
  'image/tiff',
])

const invalid = (detail: string): GatewayError => new GatewayError('media_invalid', detail)

const unknown = {
  width: null,
  height: null,
  seconds: null,
  waveform: null,
  thumbnail: null,
  animated: false,
}

const picture = async (file: string, mimetype: string): Promise<Description> => {
  const size = await pictureSize(file)
  const thumbnail = await pictureThumbnail(file, size)
  const { width, height, frames } = size
  return { ...unknown, mimetype, width, height, thumbnail, animated: frames > 1 }
}

const asImage = async ({ file, output, detected }: Shaping): Promise<Shaped> => {
  if (detected === undefined || !readPictures.has(detected)) {
    throw invalid(
      `an image is a JPEG, PNG, WebP, GIF, AVIF or TIFF, and this file is ${detected ?? 'none'}: send it as a document`,
    )
  }
  if (sentAsImage.has(detected)) return { description: await picture(file, detected), made: false }
  await toJpeg(file, await pictureSize(file), output)
  return { description: await picture(output, 'image/jpeg'), made: true }
}

const asSticker = async ({ file, bytes, output, detected }: Shaping): Promise<Shaped> => {
  if (detected === undefined || !readPictures.has(detected)) {
    throw invalid(`a sticker is made of a PNG, JPEG, WebP or GIF, and this file is ${detected ?? 'none'}`)
  }
  const size = await pictureSize(file)
  const made = !isSticker(size, bytes)
  if (made) await toSticker(file, size, output)
  return { description: await picture(made ? output : file, 'image/webp'), made }
}

const playingOf = ({ ffmpeg, file, detected, signal }: Shaping): Promise<Playing> =>
  describePlaying(ffmpeg, { file, mimetype: detected ?? unknownMimetype }, signal)

const film = async (
  { ffmpeg, signal }: Shaping,
  { seconds, width, height }: Playing,
  input: Input,
  mimetype: string,
): Promise<Description> => {
  const thumbnail = await videoThumbnail(ffmpeg, input, signal)
  return { ...unknown, mimetype, seconds, width, height, thumbnail }
}

const inputOf = ({ file, detected }: Shaping): Input => {
  const demuxer = detected === undefined ? undefined : demuxerOf(detected)
  if (demuxer === undefined) throw invalid(`this file is ${detected ?? 'nothing'} that could be played`)
  return { file, demuxer }
}

const asVideo = async (shaping: Shaping, { silent }: { readonly silent: boolean }): Promise<Shaped> => {
  const { ffmpeg, detected, output, bytesMax, signal } = shaping
  const input = inputOf(shaping)
  const moves = detected !== undefined && (isVideo(detected) || (silent && detected === 'image/gif'))
  if (!moves) throw invalid(`this file is ${detected}, which is no video: send it as a document`)
  const playing = await playingOf(shaping)
  if (detected === 'video/mp4') {
    return { description: await film(shaping, playing, input, detected), made: false }
  }
  await toMp4(ffmpeg, { input, output, bytesMax, signal }, { playing, silent })
  const mp4: Input = { file: output, demuxer: 'mov' }
  const now = await describePlaying(ffmpeg, { file: output, mimetype: 'video/mp4' }, signal)
  return { description: await film(shaping, now, mp4, 'video/mp4'), made: true }
}

const asAudio = async (shaping: Shaping): Promise<Shaped> => {
  const { detected } = shaping
  if (detected === undefined || !mayBeAudio(detected)) {
    throw invalid(`this file is ${detected ?? 'nothing'} that could be heard: send it as a document`)
  }
  const { seconds } = await playingOf(shaping)
  return {
    description: { ...unknown, mimetype: detected.replace(/^video\//, 'audio/'), seconds },
    made: false,
  }
}

const asVoice = async (shaping: Shaping): Promise<Shaped> => {
  const { ffmpeg, output, bytesMax, signal } = shaping
  const input = inputOf(shaping)
  const given = await playingOf(shaping)
  const made = !given.isVoice
  if (made) await toVoice(ffmpeg, { input, output, bytesMax, signal })
  const voice: Input = made ? { file: output, demuxer: 'ogg' } : input
  const { seconds } = made
    ? await describePlaying(ffmpeg, { file: output, mimetype: voiceMimetype }, signal)
    : given
  const waveform = await readWaveform(ffmpeg, voice, signal)
  return { description: { ...unknown, mimetype: voiceMimetype, seconds, waveform }, made }
}

/** Stays what it is. What looks like a picture or a film and cannot be read is still a file. */
const asItIs = async (shaping: Shaping): Promise<Shaped> => {
  const { file, detected, mimetype } = shaping
  const plain: Description = { ...unknown, mimetype }
  if (detected === undefined) return { description: plain, made: false }
  if (readPictures.has(detected)) {
    return { description: await picture(file, mimetype).catch(() => plain), made: false }
  }
  if (demuxerOf(detected) === undefined) return { description: plain, made: false }
  const playing = await playingOf(shaping)
  return isVideo(detected)
    ? { description: await film(shaping, playing, inputOf(shaping), mimetype), made: false }
    : { description: { ...plain, seconds: playing.seconds }, made: false }
}

/** Rejects with GatewayError `media_invalid`, `media_too_large` or `ffmpeg_missing`, or with the signal's reason. */
export const shapeFile = (as: AcceptAs, shaping: Shaping): Promise<Shaped> => {
  switch (as) {
    case 'image':
      return asImage(shaping)
    case 'sticker':
      return asSticker(shaping)
    case 'video':
    case 'round_video':
      return asVideo(shaping, { silent: false })
    case 'gif':
      return asVideo(shaping, { silent: true })
    case 'audio':
      return asAudio(shaping)
    case 'voice':
      return asVoice(shaping)
    case 'document':
    case 'file':
      return asItIs(shaping)
  }
}

/** Whether that opens no picture, and starts no program. */
export const isQuick = (as: AcceptAs, detected: string | undefined): boolean =>
  detected === undefined ||
  ((as === 'document' || as === 'file') && !readPictures.has(detected) && demuxerOf(detected) === undefined)

/** The kind of message that a file is sent as when nobody says otherwise. */
export const kindOfFile = (mimetype: string): MediaKind => {
  if (readPictures.has(mimetype)) return 'image'
  if (demuxerOf(mimetype) === undefined) return 'document'
  return isVideo(mimetype) ? 'video' : 'audio'
}

/**
 * Whether a file that was taken in, or came with a message, can be sent as this kind as it stands. One that cannot must be
 * accepted anew from the blob store: a sticker always, since nobody has written down whether it moves.
 */
export const fitsAs = (
  kind: MediaKind,
  { mimetype, waveform }: Pick<Description, 'mimetype' | 'waveform'>,
): boolean => {
  switch (kind) {
    case 'document':
      return true
    case 'image':
      return sentAsImage.has(mimetype)
    case 'video':
    case 'gif':
    case 'round_video':
      return mimetype === 'video/mp4'
    case 'audio':
      return mimetype.startsWith('audio/')
    case 'voice':
      return mimetype === voiceMimetype && waveform !== null
    case 'sticker':
      return false
  }
}
