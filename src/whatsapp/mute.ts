import type { Log } from '../runtime/log.ts'

/**
 * libsignal prints whole session records, private ratchet keys included, with `console.info` and `console.warn`
 * (session_record.js, session_cipher.js). Nothing in a connector may write to the console: this sends the first word
 * of what tries to the log, and nothing else of it. Import Baileys only after calling it.
 */
export const muteConsole = (log: Log): void => {
  const swallow =
    (method: string) =>
    (...parts: readonly unknown[]): void => {
      const [first] = parts
      log.debug(
        { method, text: typeof first === 'string' ? first.slice(0, 60) : typeof first },
        'console muted',
      )
    }
  for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) {
    console[method] = swallow(method)
  }
}
