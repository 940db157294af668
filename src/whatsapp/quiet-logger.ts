import type { SocketConfig } from '@whiskeysockets/baileys'
import type { Log } from '../runtime/log.ts'

/** Baileys writes keys, QR texts and whole stanzas to its log: only the words of a line go on, and those as debug. */
export const quietLogger = (log: Log): SocketConfig['logger'] => {
  const write = (level: string) => (fields: unknown, message?: string) => {
    const error =
      typeof fields === 'object' && fields !== null && 'err' in fields && fields.err instanceof Error
        ? { error: fields.err.message }
        : {}
    log.debug({ baileys: level, ...error }, message ?? (typeof fields === 'string' ? fields : 'baileys'))
  }
  const silent = (): void => undefined
  const logger: SocketConfig['logger'] = {
    level: 'warn',
    child: () => logger,
    trace: silent,
    debug: silent,
    info: silent,
    warn: write('warn'),
    error: write('error'),
  }
  return logger
}
