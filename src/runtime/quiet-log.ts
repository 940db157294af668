import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

export interface RepeatLimits {
  /** Lines with one message that are let through in one window. */
  readonly linesMax: number
  readonly windowMs: number
}

export const repeatLimits: RepeatLimits = { linesMax: 10, windowMs: 10_000 }

interface Window {
  readonly since: number
  lines: number
  leftOut: number
}

/**
 * A log in which errors of one kind cannot bury the others: while a disk is full, each device fails several times a
 * second. Of lines with the same message the first ones of each window come through; the first of the next window says
 * in `leftOut` how many did not.
 */
export const limitRepeats = (root: Log, clock: Clock, { linesMax, windowMs }: RepeatLimits): Log => {
  // Messages are static: there are no more entries than calls in the code.
  const windows = new Map<string, Window>()

  const admit = (message: string): { readonly leftOut: number } | undefined => {
    const now = clock.monotonic()
    const window = windows.get(message)
    if (window === undefined || now - window.since >= windowMs) {
      windows.set(message, { since: now, lines: 1, leftOut: 0 })
      return { leftOut: window?.leftOut ?? 0 }
    }
    if (window.lines < linesMax) {
      window.lines += 1
      return { leftOut: 0 }
    }
    window.leftOut += 1
    return undefined
  }

  const wrap = (log: Log): Log => ({
    debug: log.debug,
    info: log.info,
    warn: log.warn,
    error(fields, message) {
      const admitted = admit(message)
      if (admitted === undefined) return
      log.error(admitted.leftOut === 0 ? fields : { ...fields, ...admitted }, message)
    },
    child: (fields) => wrap(log.child(fields)),
  })
  return wrap(root)
}
