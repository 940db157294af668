/** What the owner does on the phone that all devices of the account keep: how it is written into the app state. */
import type { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { type Account, jidOf } from '../state/account.ts'
import type { Chat } from '../state/groups.ts'
import type { NewMutation } from './app-state-cipher.ts'
import { chatJid } from './sending.ts'

export type OwnerAct =
  | { readonly kind: 'archive' | 'pin' | 'read'; readonly chat: Chat; readonly on: boolean }
  /** For so long: null is not any more, 0 for good. */
  | { readonly kind: 'mute'; readonly chat: Chat; readonly seconds: number | null }
  | { readonly kind: 'clear' | 'delete'; readonly chat: Chat }
  | { readonly kind: 'contact'; readonly contact: Account; readonly name: string }
  | {
      readonly kind: 'label'
      readonly id: string
      readonly name: string
      readonly color: number
      readonly deleted: boolean
    }
  | {
      readonly kind: 'use-label'
      readonly id: string
      readonly chat: Chat
      readonly message: string | undefined
      readonly assigned: boolean
    }

export interface Entry extends NewMutation {
  readonly collection: string
}

const secondMs = 1_000
/** Muted for good. */
const noEnd = -1

/** Collections, names and versions as Baileys writes them (chat-utils.ts `chatModificationToAppPatch`). */
export const entryOf = (context: Context, act: OwnerAct): Entry => {
  const { clock } = context
  const entry = (
    [collection, apiVersion]: readonly [string, number],
    index: readonly string[],
    value: proto.ISyncActionValue,
  ): Entry => ({ collection, apiVersion, index, value: { timestamp: clock.now(), ...value } })
  const messageRange = { lastMessageTimestamp: context.nowSeconds() }
  switch (act.kind) {
    case 'archive':
      return entry(['regular_low', 3], ['archive', chatJid(act.chat, 'lid')], {
        archiveChatAction: { archived: act.on, messageRange },
      })
    case 'pin':
      return entry(['regular_low', 5], ['pin_v1', chatJid(act.chat, 'lid')], {
        pinAction: { pinned: act.on },
      })
    case 'read':
      return entry(['regular_low', 3], ['markChatAsRead', chatJid(act.chat, 'lid')], {
        markChatAsReadAction: { read: act.on, messageRange },
      })
    case 'mute': {
      const { seconds } = act
      const until = seconds === 0 ? noEnd : clock.now() + (seconds ?? 0) * secondMs
      return entry(['regular_high', 2], ['mute', chatJid(act.chat, 'lid')], {
        muteAction: seconds === null ? { muted: false } : { muted: true, muteEndTimestamp: until },
      })
    }
    case 'clear':
      return entry(['regular_high', 6], ['clearChat', chatJid(act.chat, 'lid'), '1', '0'], {
        clearChatAction: { messageRange },
      })
    case 'delete':
      return entry(['regular_high', 6], ['deleteChat', chatJid(act.chat, 'lid'), '1'], {
        deleteChatAction: { messageRange },
      })
    case 'contact':
      return entry(['critical_unblock_low', 2], ['contact', jidOf(act.contact)], {
        contactAction: {
          fullName: act.name,
          lidJid: jidOf(act.contact, 0, 'lid'),
          saveOnPrimaryAddressbook: true,
        },
      })
    case 'label':
      return entry(['regular', 3], ['label_edit', act.id], {
        labelEditAction: { name: act.name, color: act.color, deleted: act.deleted },
      })
    case 'use-label': {
      const chat = chatJid(act.chat, 'lid')
      const index =
        act.message === undefined
          ? ['label_jid', act.id, chat]
          : ['label_message', act.id, chat, act.message, '0', '0']
      return entry(['regular', 3], index, { labelAssociationAction: { labeled: act.assigned } })
    }
    default:
      return act satisfies never
  }
}
