import type { SocketConfig } from '@whiskeysockets/baileys'
import type { Log } from '../runtime/log.ts'

/** What Baileys says of an action of the account's state that it makes no event of (chat-utils.ts `processSyncAction`). */
const unknownActionText = 'unprocessable update'

const indexOf = (fields: unknown): readonly string[] => {
  const { syncAction } = fields as { readonly syncAction?: { readonly index?: readonly string[] } }
  return syncAction?.index ?? []
}

/**
 * Baileys writes keys, QR texts and whole stanzas to its log: only the words of a line go on, and those as debug. Of some
 * actions of the account's state it tells nobody but the log: `onUnknownAction` gets what they are about.
 */
export const quietLogger = (
  log: Log,
  onUnknownAction: (index: readonly string[]) => void,
): SocketConfig['logger'] => {
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
    debug: (fields: unknown, message?: string) => {
      if (message === unknownActionText) onUnknownAction(indexOf(fields))
    },
    info: silent,
    warn: write('warn'),
    error: write('error'),
  }
  return logger
}
