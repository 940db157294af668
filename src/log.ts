import { pino, type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Log, LogFormat, LogLevel } from './runtime/log.ts'

/** Fields that must never reach a log, wherever somebody may put them. */
const secretFields = [
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

const wrap = (logger: Logger): Log => ({
  debug: (fields, message) => logger.debug(fields, message),
  info: (fields, message) => logger.info(fields, message),
  warn: (fields, message) => logger.warn(fields, message),
  error: (fields, message) => logger.error(fields, message),
  child: (fields) => wrap(logger.child({ ...fields })),
})

/** The root of all logs of a process: lines on standard output, synchronous so that the last one is not lost. */
export const createLog = (options: {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly name: string
}): Log => {
  const redact = { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' }
  const base = { level: options.level, base: { process: options.name, pid: process.pid }, redact }
  const stream =
    options.format === 'pretty'
      ? pretty({
          colorize: process.stdout.isTTY,
          ignore: 'pid,process,device',
          singleLine: true,
          translateTime: 'HH:MM:ss.l',
          sync: true,
        })
      : pino.destination({ dest: 1, sync: true })
  return wrap(pino(base, stream))
}
