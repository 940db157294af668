/** How each line starts that libsignal 6 prints; several of them dump session objects with private keys. */
const libsignalLines = [
  'Closing session',
  'Opening session',
  'Session already closed',
  'Session already open',
  'Removing old closed session',
  'Closing open session in favor of incoming prekey bundle',
  'Decrypted message with closed session',
  'Failed to decrypt message with any known session',
  'Session error:',
  'Migrating session to',
]

const methods = ['info', 'warn', 'error'] as const

/**
 * Drops the lines that libsignal prints, and only those, until the returned function is called. Calls may nest and end
 * in any order: a filter whose turn has passed stays in the chain and lets everything through.
 */
export const muteLibsignal = (): (() => void) => {
  const { console: processConsole } = globalThis
  let active = true
  const undo = methods.map((method) => {
    const before = processConsole[method]
    const filtered = (...args: unknown[]): void => {
      const [first] = args
      const isLibsignal = typeof first === 'string' && libsignalLines.some((line) => first.startsWith(line))
      if (!active || !isLibsignal) before.apply(processConsole, args)
    }
    processConsole[method] = filtered
    return () => {
      if (processConsole[method] === filtered) processConsole[method] = before
    }
  })
  return () => {
    active = false
    for (const restore of undo) restore()
  }
}
