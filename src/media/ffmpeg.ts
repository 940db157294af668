/** ffmpeg and ffprobe: programs that may be there, run as children with limits on everything. */
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { GatewayError } from '../domain/errors.ts'

export interface FfmpegOptions {
  /** A path, or a name to look for in `searchPath`. */
  readonly program: string
  /** As in PATH. */
  readonly searchPath: string
}

export interface Ffmpeg {
  /** Whether ffmpeg is there now. */
  isThere(): Promise<boolean>
  /**
   * Runs ffmpeg on a file. Rejects with GatewayError `ffmpeg_missing`, `media_invalid` (it fails, which tells more of the
   * file than of us, or takes too long), or with the signal's reason.
   */
  run(job: Job): Promise<void>
  /** What ffprobe says of a file as JSON; undefined where there is no ffprobe, or it cannot read the file. */
  probe(input: Input, signal?: AbortSignal): Promise<unknown>
}

export interface Input {
  readonly file: string
  /** The only format that it is read as. */
  readonly demuxer: string
}

export interface Job {
  readonly input: Input
  /** What to do, without where it goes. */
  readonly args: readonly string[]
  /** A new file, or what takes the output as it comes. */
  readonly output: { readonly file: string } | { readonly take: (chunk: Buffer) => void }
  /** What it is for, as in `to make a voice message of this file`. */
  readonly purpose: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

const probeMs = 10_000
const probedEntries =
  'format=duration:stream=codec_type,codec_name,width,height:stream_disposition=attached_pic:stream_side_data=rotation'
const probeCharsMax = 262_144
/** A picture of 8K; a file of some bytes can claim to be larger. */
const pixelsMax = 7_680 * 4_320
/** One piece of memory may be so large. */
const allocBytesMax = 268_435_456
const complaintCharsMax = 300
/** Above 0 is nicer: what is asked for over HTTP goes first. */
const niceness = 10

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  )

const findProgram = async (program: string, searchPath: string): Promise<string | undefined> => {
  const places = program.includes('/')
    ? [program]
    : searchPath
        .split(path.delimiter)
        .filter(Boolean)
        .map((folder) => path.join(folder, program))
  for (const place of places) if (await isExecutable(place)) return place
  return undefined
}

interface Child {
  readonly program: string
  readonly args: readonly string[]
  readonly take: (chunk: Buffer) => void
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

interface Ended {
  readonly ok: boolean
  /** The last that it complained of. */
  readonly complaint: string
}

/** Runs a child with no input and no environment; it is killed when its time is up or the signal aborts. */
const runChild = ({ program, args, take, timeoutMs, signal }: Child): Promise<Ended> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {} })
    let complaint = ''
    let late = false
    const kill = (): void => void child.kill('SIGKILL')
    const timer = setTimeout(() => {
      late = true
      kill()
    }, timeoutMs)
    signal?.addEventListener('abort', kill, { once: true })
    const settle = (end: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', kill)
      end()
    }
    try {
      if (child.pid !== undefined) os.setPriority(child.pid, niceness)
    } catch {
      // It has ended already.
    }
    child.stdout.on('data', take)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-complaintCharsMax)
    })
    child.once('error', (error) => settle(() => reject(error)))
    child.once('close', (code) =>
      settle(() => {
        if (signal?.aborted === true) reject(signal.reason as Error)
        else if (late) resolve({ ok: false, complaint: `it took longer than ${timeoutMs} ms` })
        else resolve({ ok: code === 0, complaint: complaint.trim().split('\n').at(-1) ?? '' })
      }),
    )
  })

/** Arguments without spaces in them, as one writes them. */
export const words = (text: string): readonly string[] => text.split(' ')

const limits = `-hide_banner -loglevel error -max_alloc ${allocBytesMax} -threads 1`

/** Read as this one format, from this one file. */
const reading = (demuxer: string): string =>
  `-protocol_whitelist file,pipe -format_whitelist ${demuxer} -max_pixels ${pixelsMax} -f ${demuxer}`

export const createFfmpeg = ({ program, searchPath }: FfmpegOptions): Ffmpeg => {
  const find = (): Promise<string | undefined> => findProgram(program, searchPath)

  return {
    isThere: async () => (await find()) !== undefined,
    async run({ input, args, output, purpose, timeoutMs, signal }) {
      const found = await find()
      if (found === undefined) {
        throw new GatewayError(
          'ffmpeg_missing',
          `ffmpeg is needed ${purpose}, and is not installed: install it (apt install ffmpeg), or set FFMPEG_PATH`,
        )
      }
      const toFile = 'file' in output
      const ended = await runChild({
        program: found,
        args: [
          words(`-nostdin ${limits} ${reading(input.demuxer)} -i`),
          `file:${input.file}`,
          words('-filter_threads 1 -map_metadata -1'),
          args,
          words('-threads 1'),
          toFile ? `file:${output.file}` : 'pipe:1',
        ].flat(),
        take: toFile ? () => undefined : output.take,
        timeoutMs,
        signal,
      })
      if (ended.ok) return
      const complaint = ended.complaint.replaceAll(`file:${input.file}`, 'the file')
      throw new GatewayError('media_invalid', `ffmpeg failed ${purpose}: ${complaint}`)
    },
    async probe(input, signal) {
      const found = await find()
      const ffprobe =
        found === undefined
          ? undefined
          : ((await findProgram(path.join(path.dirname(found), 'ffprobe'), '')) ??
            (await findProgram('ffprobe', searchPath)))
      if (ffprobe === undefined) return undefined
      let json = ''
      const ended = await runChild({
        program: ffprobe,
        args: [
          words(`${limits} ${reading(input.demuxer)} -show_entries ${probedEntries} -of json`),
          `file:${input.file}`,
        ].flat(),
        take: (chunk) => {
          if (json.length < probeCharsMax) json += chunk.toString('utf8')
        },
        timeoutMs: probeMs,
        signal,
      })
      if (!ended.ok) return undefined
      try {
        return JSON.parse(json) as unknown
      } catch {
        return undefined
      }
    },
  }
}
