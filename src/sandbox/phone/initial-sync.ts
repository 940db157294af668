import { deflateSync } from 'node:zlib'
import { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { type Account, jidOf } from '../state/account.ts'
import { appStateKeyOf } from './app-state.ts'
import type { ChatLog } from './chat-log.ts'

/** Messages of a phone that a newly linked companion gets as history. */
const historyMessagesMax = 100
const secondMs = 1000

const syncTypes = {
  initial: 'INITIAL_BOOTSTRAP',
  recent: 'RECENT',
  full: 'FULL',
  push_names: 'PUSH_NAME',
} as const

const keyShare = (context: Context, account: Account): proto.IMessage => ({
  protocolMessage: {
    type: proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE,
    appStateSyncKeyShare: {
      keys: [
        {
          keyId: { keyId: appStateKeyOf(context, account).id },
          keyData: {
            keyData: appStateKeyOf(context, account).data,
            fingerprint: { rawId: account.rawId, currentIndex: account.lastKeyIndex, deviceIndexes: [0] },
            timestamp: context.clock.now(),
          },
        },
      ],
    },
  },
})

export interface HistoryPart {
  readonly kind: keyof typeof syncTypes
  /** Percent. */
  readonly progress: number
}

/** A part of the history of a phone, as its companions get it. */
export const historyMessage = (
  context: Context,
  account: Account,
  log: ChatLog,
  { kind, progress }: HistoryPart,
): proto.IMessage => {
  const recent = log.messages
    .filter(({ type, changes }) => type === 'text' && changes?.deletedBy === undefined)
    .slice(-historyMessagesMax)
  const chats = Map.groupBy(recent, ({ chat }) => chat)
  const known = [...chats.keys()].flatMap((number) => context.directory.accounts.get(number) ?? [])
  const sync = proto.HistorySync.encode({
    syncType: proto.HistorySync.HistorySyncType[syncTypes[kind]],
    chunkOrder: 1,
    progress,
    conversations: known.map((contact) => ({
      id: jidOf(contact),
      name: contact.name,
      messages: (chats.get(contact.number) ?? []).map((message) => ({
        message: {
          key: { remoteJid: jidOf(contact), fromMe: message.sender === account.number, id: message.id },
          message: { conversation: message.text },
          messageTimestamp: Math.floor(message.timestamp / secondMs),
        },
      })),
    })),
    pushnames: known.map((contact) => ({ id: jidOf(contact), pushname: contact.name })),
    phoneNumberToLidMappings: [account, ...known].map((each) => ({
      pnJid: jidOf(each),
      lidJid: jidOf(each, 0, 'lid'),
    })),
  }).finish()
  return {
    protocolMessage: {
      type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: {
        syncType: proto.Message.HistorySyncType[syncTypes[kind]],
        initialHistBootstrapInlinePayload: deflateSync(sync),
        chunkOrder: 1,
        progress,
      },
    },
  }
}

/**
 * What a phone sends to a companion right after linking: the key of the app state, then its recent chats inline. Without
 * the second, Baileys holds all events back for 20 s after its first login.
 */
export const initialSyncMessages = (context: Context, account: Account, log: ChatLog): proto.IMessage[] => [
  keyShare(context, account),
  historyMessage(context, account, log, { kind: 'initial', progress: 100 }),
]
