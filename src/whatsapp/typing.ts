import type { WASocket } from '@whiskeysockets/baileys'
import type { Online } from './online.ts'

/** Phones forget after some 25 s that somebody types (WhatsApp Web says so again every 10 s). */
const repeatMs = 10_000

export interface Typing {
  readonly to: string
  /** A voice message is being recorded, not typed. */
  readonly recording: boolean
  readonly forMs: number
}

/**
 * Shows a chat that the account types, for a time, over one socket. WhatsApp passes it on only of who is online, so the
 * account is that meanwhile. Never rejects: nobody misses it when the socket is gone, which ends it early.
 */
export const createTyping =
  (sock: Pick<WASocket, 'sendPresenceUpdate'>, online: Online, gone: Promise<string>) =>
  async ({ to, recording, forMs }: Typing, signal: AbortSignal): Promise<void> => {
    const ended = Promise.race([
      gone,
      new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      }),
    ]).then(() => true)
    const pause = async (ms: number): Promise<boolean> => {
      let timer: NodeJS.Timeout | undefined
      const over = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), ms)
      })
      try {
        return await Promise.race([over, ended])
      } finally {
        clearTimeout(timer)
      }
    }
    const holder = Symbol(to)
    try {
      await online.hold(holder)
      for (let left = forMs; left > 0; left -= repeatMs) {
        await sock.sendPresenceUpdate(recording ? 'recording' : 'composing', to)
        if (await pause(Math.min(left, repeatMs))) return
      }
      await sock.sendPresenceUpdate('paused', to)
    } catch {
      // The socket is gone; the message says so itself.
    } finally {
      await online.release(holder)
    }
  }
