import type { WASocket } from '@whiskeysockets/baileys'

/** For whom an account is online, over one socket. */
export interface Online {
  /** Until `release`, or for so long. Again for the same holder, it counts from then on. */
  hold(holder: unknown, forMs?: number): Promise<void>
  /** Never rejects: a socket that is gone is not online. */
  release(holder: unknown): Promise<void>
}

/**
 * WhatsApp passes on only of who is online that somebody types, and an online companion silences the notifications of the
 * phone: the account is online while anybody holds it so, and no longer.
 */
export const createOnline = (sock: Pick<WASocket, 'sendPresenceUpdate'>): Online => {
  const holders = new Map<unknown, NodeJS.Timeout | undefined>()

  const release = async (holder: unknown): Promise<void> => {
    clearTimeout(holders.get(holder))
    if (!holders.delete(holder) || holders.size > 0) return
    await sock.sendPresenceUpdate('unavailable').catch(() => undefined)
  }
  return {
    async hold(holder, forMs) {
      clearTimeout(holders.get(holder))
      holders.set(
        holder,
        forMs === undefined ? undefined : setTimeout(() => void release(holder), forMs).unref(),
      )
      await sock.sendPresenceUpdate('available')
    },
    release,
  }
}
