import type { BaileysEventEmitter } from '@whiskeysockets/baileys'
import { normalizeJid } from '../../domain/jid.ts'
import type { MarkedElsewhere } from '../socket.ts'

/**
 * Tells what the owner does to messages on other devices, as it comes with the account's state (Baileys, chat-utils.ts
 * `processSyncAction`): stars, and deletions for the own devices alone.
 */
export const followMarks = (ev: BaileysEventEmitter, tell: (marked: MarkedElsewhere) => void): void => {
  const name = ({
    remoteJid,
    id,
    fromMe,
  }: {
    readonly remoteJid?: string | null
    readonly id?: string | null
    readonly fromMe?: boolean | null
  }): Omit<MarkedElsewhere, 'mark'> | undefined => {
    const chat = normalizeJid(remoteJid)
    return chat === undefined || typeof id !== 'string' || id === ''
      ? undefined
      : { chat, whatsappId: id, fromMe: fromMe === true }
  }
  ev.on('messages.update', (updates) => {
    for (const { key, update } of updates) {
      const message = typeof update.starred === 'boolean' ? name(key) : undefined
      if (message !== undefined) tell({ ...message, mark: update.starred === true ? 'starred' : 'unstarred' })
    }
  })
  ev.on('messages.delete', (deleted) => {
    if (!('keys' in deleted)) return
    for (const key of deleted.keys) {
      const message = name(key)
      if (message !== undefined) tell({ ...message, mark: 'deleted_for_me' })
    }
  })
}
