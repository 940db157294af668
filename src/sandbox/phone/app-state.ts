import type { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import type { Account } from '../state/account.ts'
import { type Chat, chatName } from '../state/groups.ts'
import { storePatch } from '../session/app-state.ts'
import {
  type Collection,
  emptyCollection,
  type Mutation,
  type NewMutation,
  readPatch,
  writePatch,
} from './app-state-cipher.ts'
import { type ChatLog, type ChatMessage, changesOf } from './chat-log.ts'

/** Something that a companion keeps for all of the account's devices: a star, a chat that was read or archived. */
export interface AppStateEntry {
  readonly collection: string
  readonly index: readonly string[]
  readonly value: proto.ISyncActionValue
}

export interface AppStatePatch {
  readonly name: string
  readonly version: number
  readonly bytes: Uint8Array
}

const keyIdBytes = 6
const keyBytes = 32
const ivBytes = 16

/** The key of an account's app state, as its phone shares it. */
export const appStateKeyOf = ({ entropy }: Context, { number }: Account): { id: Buffer; data: Buffer } => ({
  id: entropy.bytes(`phone ${number} app state key id`, keyIdBytes),
  data: entropy.bytes(`phone ${number} app state key`, keyBytes),
})

/** The app state of an account on its phone: what companions wrote into it, and what the owner does there. */
export const createAppState = (context: Context, account: Account, log: ChatLog) => {
  const collections = new Map<string, Collection>()
  const entries = new Map<string, AppStateEntry>()

  const chatOf = (jid: string | undefined): Chat | undefined =>
    context.groups.find(jid) ?? context.directory.find(jid)

  /** By chat, id and whose it is; clients do not say whose of the others. */
  const messageOf = ([, jid, id, fromMe]: readonly string[]): ChatMessage | undefined => {
    const chat = chatOf(jid)
    return log.messages.findLast(
      (message) =>
        message.id === id &&
        chat !== undefined &&
        message.chat === chatName(chat) &&
        (message.sender === account.number) === (fromMe === '1'),
    )
  }

  const apply = ({ index, value }: Mutation): void => {
    switch (index[0]) {
      case 'star': {
        const message = messageOf(index)
        if (message !== undefined) changesOf(message).starred = value?.starAction?.starred === true
        return
      }
      case 'deleteMessageForMe': {
        const message = messageOf(index)
        if (message !== undefined) changesOf(message).deletedForMe = value !== undefined
        return
      }
      case 'markChatAsRead': {
        const chat = chatOf(index[1])
        if (chat === undefined || value?.markChatAsReadAction?.read !== true) return
        for (const message of log.messages) {
          if (message.chat === chatName(chat) && message.status === 'received') message.status = 'read'
        }
        return
      }
      default:
    }
  }

  const collectionOf = (name: string): Collection => {
    const collection = collections.get(name) ?? emptyCollection()
    collections.set(name, collection)
    return collection
  }

  const takeIn = (patch: AppStatePatch): void => {
    const { name } = patch
    for (const mutation of readPatch(collectionOf(name), patch, appStateKeyOf(context, account))) {
      const { index, value } = mutation
      const key = JSON.stringify([name, ...index])
      entries.delete(key)
      if (value !== undefined) entries.set(key, { collection: name, index, value })
      apply(mutation)
    }
  }

  return {
    get entries(): AppStateEntry[] {
      return [...entries.values()]
    },
    /** Sets a value for all devices of the account. False when a companion was faster: what it wrote comes first. */
    write(name: string, mutation: NewMutation): boolean {
      const collection = collectionOf(name)
      const iv = context.entropy.next(`phone ${account.number} app state iv`, ivBytes)
      const bytes = writePatch(collection, name, mutation, { key: appStateKeyOf(context, account), iv })
      const own = { account, device: 0 }
      const stored = storePatch(context, own, { name, version: collection.version + 1, bytes })
      if (stored !== undefined) takeIn(stored)
      return stored !== undefined
    },
    /** Reads a patch that the server took. One that cannot be read is counted, and passed over. */
    take(patch: AppStatePatch): void {
      try {
        takeIn(patch)
      } catch (error) {
        context.counters.appStateUnreadable++
        const reason = error instanceof Error ? error.message : 'unknown'
        context.log('warn', { phone: account.number, name: patch.name, reason }, 'unreadable app state patch')
      }
    },
  }
}
