import type { BinaryNode, GroupMetadata, SignalDataSet, SignalKeyStore } from '@whiskeysockets/baileys'
import { normalizeJid } from '../domain/jid.ts'
import { boundedMap } from './caches.ts'

/** A group's members are asked for again after this time, unless WhatsApp announces a change before. */
const metadataTtlMs = 24 * 60 * 60 * 1000
/** Groups that are held in memory; what is known of the others is read from the store. */
const inMemoryMax = 100

const metadataType = 'group-metadata-cache'
/** Not a JID: the row says since when rows of groups count. */
const sinceId = 'since'
const memoryType = 'sender-key-memory'

interface Entry {
  readonly at: number
  readonly metadata: GroupMetadata
}

/** By JID, the devices that were given our sender key of a group. */
type Keyed = Readonly<Record<string, boolean>>

interface Memory {
  /** What the store has. */
  stored: Keyed
  /** With what was written and not acked yet. */
  pending: Keyed | undefined
}

export interface GroupsOptions {
  readonly keys: SignalKeyStore
  readonly now: () => number
  /** Keeps that these are the two addresses of one person each. */
  readonly learn: (pairs: readonly { readonly pn: string; readonly lid: string }[]) => Promise<void>
  /** Asks the server. */
  readonly fetch: (group: string) => Promise<GroupMetadata>
  /** Runs alone among the sends of the account, and writes what `keys` are given in it as one. */
  readonly alone: (work: (keys: Pick<SignalKeyStore, 'set'>) => Promise<void>) => Promise<void>
  /** The ids of our own sender keys of a group. */
  readonly ownSenderKeys: (group: string) => readonly string[]
}

/** What is known of the groups of an account, for the life of one socket and in the store. */
export interface Groups {
  /** What Baileys is to get as `auth.keys`. */
  readonly keys: SignalKeyStore
  /** Members and settings; the server is asked at most once. Rejects with its error. */
  metadata(group: string): Promise<GroupMetadata>
  /** How many members it has beside us; null when that is not known without asking. */
  others(group: string): Promise<number | null>
  /** The server has acked a message: who was given the sender key with it has it. */
  confirm(group: string): Promise<void>
  /** It has not, or may not: the key goes to them again with the next message. */
  discard(group: string): void
  /** Members may have changed, or how they are addressed. */
  forget(group: string): Promise<void>
  /** Members of any group may have. */
  forgetAll(): Promise<void>
  /** Awaited before the server hears that we have its notification. */
  onNotification(notification: BinaryNode): Promise<void> | undefined
}

const sizeOf = (keyed: Keyed): number => Object.keys(keyed).length

/** Members whom the server names by both addresses. Baileys reads them and keeps them nowhere (groups.js `extractGroupMetadata`). */
const pairsOf = ({ participants }: GroupMetadata): { pn: string; lid: string }[] =>
  participants.flatMap((member) => {
    const named = normalizeJid(member.id)
    const [pn, lid] = named?.endsWith('@lid')
      ? [normalizeJid(member.phoneNumber), named]
      : [named, normalizeJid(member.lid)]
    return pn === undefined || lid === undefined ? [] : [{ pn, lid }]
  })

/** As much as Baileys looks at when it sends (messages-send.ts `relayMessage`). */
const slim = (metadata: GroupMetadata): GroupMetadata => {
  const { id, subject, owner, addressingMode, ephemeralDuration, participants } = metadata
  return {
    id,
    subject,
    owner,
    ...(addressingMode === undefined ? {} : { addressingMode }),
    ...(ephemeralDuration === undefined ? {} : { ephemeralDuration }),
    participants: participants.map((participant) => ({ id: participant.id })),
  }
}

const hasLeaver = ({ content }: BinaryNode): boolean =>
  Array.isArray(content) && content.some(({ tag }) => tag === 'remove' || tag === 'leave')

/**
 * Baileys asks the server for the members at every send (messages-send.ts `relayMessage`), unless it is given a cache;
 * and it takes a device for keyed as soon as bytes were written, which a socket that died a moment later never
 * delivered: nobody in the group could read what follows. Here only an ack makes that true.
 */
export const createGroups = ({ keys, now, learn, fetch, alone, ownSenderKeys }: GroupsOptions): Groups => {
  // Baileys' types name only the key types that it uses itself; the store takes any.
  const rows = keys as unknown as {
    get<T>(type: string, ids: string[]): Promise<Record<string, T | undefined>>
    set(data: Record<string, Record<string, unknown>>): Promise<void>
  }
  const entries = boundedMap<Entry>(inMemoryMax)
  const asked = new Map<string, Promise<GroupMetadata>>()
  /** Counts what was forgotten: an answer that was on its way meanwhile is not kept. */
  let forgotten = 0
  let since: number | undefined

  const memories = boundedMap<Memory>(inMemoryMax)
  /** The memories that Baileys has read, and which were not forgotten since. */
  const current = boundedMap<true>(inMemoryMax)

  const drop = (group: string): void => {
    forgotten += 1
    entries.delete(group)
    asked.delete(group)
  }
  /** Before the write, and after it: the row may be read while it is being deleted. */
  const forgetWith = async (group: string, write: () => Promise<void>): Promise<void> => {
    drop(group)
    await write()
    drop(group)
  }
  const erase = (group: string): Promise<void> => rows.set({ [metadataType]: { [group]: null } })

  const known = async (group: string): Promise<GroupMetadata | undefined> => {
    since ??= (await rows.get<number>(metadataType, [sinceId]))[sinceId] ?? 0
    const before = forgotten
    const entry = entries.get(group) ?? (await rows.get<Entry>(metadataType, [group]))[group]
    if (entry === undefined || before !== forgotten) return undefined
    entries.set(group, entry)
    const age = now() - entry.at
    return entry.at > since && age >= 0 && age < metadataTtlMs ? entry.metadata : undefined
  }

  const ask = async (group: string): Promise<GroupMetadata> => {
    const before = forgotten
    const whole = await fetch(group)
    const pairs = pairsOf(whole)
    if (pairs.length > 0) await learn(pairs)
    const metadata = slim(whole)
    if (before === forgotten) {
      const entry: Entry = { at: now(), metadata }
      entries.set(group, entry)
      await rows.set({ [metadataType]: { [group]: entry } })
    }
    return metadata
  }

  const askOnce = (group: string): Promise<GroupMetadata> => {
    const answer =
      asked.get(group) ??
      ask(group).finally(() => {
        if (asked.get(group) === answer) asked.delete(group)
      })
    asked.set(group, answer)
    return answer
  }

  const readMemory = async (group: string): Promise<Keyed> => {
    current.set(group, true)
    const memory = memories.get(group) ?? {
      stored: (await rows.get<Keyed>(memoryType, [group]))[group] ?? {},
      pending: undefined,
    }
    if (current.get(group) === true) memories.set(group, memory)
    // Baileys writes into what it gets, also for a message that it then cannot send.
    return { ...(memory.pending ?? memory.stored) }
  }

  const noteKeyed = (group: string, keyed: Keyed): void => {
    const memory = memories.get(group)
    // Forgotten while the message was made: what Baileys read then is not true any more.
    if (memory === undefined || current.get(group) !== true) return
    if (sizeOf(keyed) !== sizeOf(memory.pending ?? memory.stored)) memory.pending = keyed
  }

  return {
    keys: {
      async get(type, ids) {
        if (type !== memoryType) return keys.get(type, ids)
        const found = await Promise.all(ids.map(async (group) => [group, await readMemory(group)] as const))
        return Object.fromEntries(found) as never
      },
      async set(data: SignalDataSet) {
        const { [memoryType]: memory, ...others } = data
        const erased: Record<string, null> = {}
        for (const [group, keyed] of Object.entries(memory ?? {})) {
          if (keyed === null || keyed === undefined) {
            erased[group] = null
            current.delete(group)
            memories.set(group, { stored: {}, pending: undefined })
          } else noteKeyed(group, keyed)
        }
        // With the key that it tells of, in one write: a new key that counts as known would be given to nobody.
        const rest = Object.keys(erased).length === 0 ? others : { ...others, [memoryType]: erased }
        if (Object.keys(rest).length > 0) await keys.set(rest)
      },
    },
    metadata: async (group) => (await known(group)) ?? askOnce(group),
    others: async (group) => {
      const metadata = await known(group)
      return metadata === undefined ? null : metadata.participants.length - 1
    },
    async confirm(group) {
      const memory = memories.get(group)
      if (memory?.pending === undefined) return
      memory.stored = memory.pending
      memory.pending = undefined
      await rows.set({ [memoryType]: { [group]: memory.stored } })
    },
    discard(group) {
      const memory = memories.get(group)
      if (memory !== undefined) memory.pending = undefined
    },
    forget: (group) => forgetWith(group, () => erase(group)),
    async forgetAll() {
      forgotten += 1
      since = now()
      entries.clear()
      asked.clear()
      await rows.set({ [metadataType]: { [sinceId]: since } })
    },
    onNotification(notification) {
      const { type, from } = notification.attrs
      if (type !== 'w:gp2' || from === undefined) return undefined
      if (!hasLeaver(notification)) return forgetWith(from, () => erase(from))
      // Who has left knows our key: the next message is under another (WhatsApp Encryption Overview, "Group Messages").
      const rotate = async (together: Pick<SignalKeyStore, 'set'>): Promise<void> => {
        await together.set({
          'sender-key': Object.fromEntries(ownSenderKeys(from).map((id) => [id, null])),
          [memoryType]: { [from]: null },
          [metadataType]: { [from]: null },
        } as SignalDataSet)
      }
      return forgetWith(from, () => alone(rotate))
    },
  }
}
