import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pino, type Logger } from 'pino'
import type pinoPretty from 'pino-pretty'
import { systemClock } from './runtime/clock.ts'
import type { Log, LogFormat, LogLevel } from './runtime/log.ts'
import { limitRepeats, repeatLimits } from './runtime/quiet-log.ts'

/** Fields that must never reach a log, wherever somebody may put them. */
const secretFields: readonly string[] = [
  'qr',
  'qrCode',
  'text',
  'pairingCode',
  'creds',
  'key',
  'privateKey',
  'advSecretKey',
  'authorization',
]

const censored = '[redacted]'

const isSecret = (name: string): boolean => secretFields.includes(name)

type Fields = Readonly<Record<string, unknown>>

const hideMembers = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const secret = secretFields.filter((name) => Object.hasOwn(value, name))
  return secret.length === 0
    ? value
    : { ...value, ...Object.fromEntries(secret.map((name) => [name, censored])) }
}

/** Hides secret fields, and those of the objects in fields. pino's own `redact` takes longer than all else of a line. */
const redact = (fields: Fields): Record<string, unknown> => {
  const shown: Record<string, unknown> = {}
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    // An error becomes an object, and is looked through, in its serializer.
    shown[name] = isSecret(name) ? censored : value instanceof Error ? value : hideMembers(value)
  }
  return shown
}

/** Loaded for people only: a megabyte that a service with lines for machines has no use for. */
const loadPretty = (): typeof pinoPretty => createRequire(import.meta.url)('pino-pretty') as typeof pinoPretty

const stdoutFd = 1
const readerPauseMs = 10
const readerPausesMax = 200
const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/**
 * What cannot be written is lost: the disk that is full may be the log's too, and pino's own stream keeps all lines until
 * they are written, without a bound. A slow reader of a pipe is waited for, 2 s at most.
 */
const writeOut = (lines: string): void => {
  let rest = Buffer.from(lines)
  for (let pauses = 0; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(stdoutFd, rest))
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
      if (!isFull || pauses >= readerPausesMax) return
      pauses += 1
      Atomics.wait(sleeper, 0, 0, readerPauseMs)
    }
  }
}

/** So much waits at most for the end of the turn of the event loop. */
const waitingMaxChars = 64 * 1024

interface Output {
  readonly write: (line: string) => void
  readonly flush: () => void
}

/**
 * Standard output, where all lines of one turn of the event loop are one write: a write for each would be a fifth of what
 * a read of the API costs.
 */
const createOutput = (): Output => {
  let waiting = ''
  const flush = (): void => {
    if (waiting === '') return
    const lines = waiting
    waiting = ''
    writeOut(lines)
  }
  process.on('exit', flush)
  return {
    write(line) {
      if (waiting === '') setImmediate(flush)
      waiting += line
      if (waiting.length > waitingMaxChars) flush()
    },
    flush,
  }
}

/** `flush` comes after each line that tells of trouble: what is up next may be the end of the process. */
const wrap = (logger: Logger, flush: () => void): Log => ({
  debug: (fields, message) => logger.debug(fields, message),
  info: (fields, message) => logger.info(fields, message),
  warn(fields, message) {
    logger.warn(fields, message)
    flush()
  },
  error(fields, message) {
    logger.error(fields, message)
    flush()
  },
  child: (fields) => wrap(logger.child(redact(fields)), flush),
})

/** The root of all logs of a process: lines on standard output. Only a process that is killed may lose those of its last ms. */
export const createLog = (options: {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly name: string
}): Log => {
  const base = {
    level: options.level,
    base: { process: options.name, pid: process.pid },
    formatters: { log: redact },
    serializers: { err: (error: Error) => hideMembers(pino.stdSerializers.err(error)) },
  }
  if (options.format === 'json') {
    const output = createOutput()
    return limitRepeats(wrap(pino(base, output), output.flush), systemClock, repeatLimits)
  }
  const stream = loadPretty()({
    colorize: process.stdout.isTTY,
    ignore: 'pid,process,device',
    singleLine: true,
    translateTime: 'HH:MM:ss.l',
    sync: true,
  })
  stream.on('error', () => undefined)
  return limitRepeats(
    wrap(pino(base, stream), () => undefined),
    systemClock,
    repeatLimits,
  )
}
