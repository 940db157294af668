/** What the owner does on the phone, as the account's state and its history bring it, out of Baileys' events. */
import { type BaileysEventMap, proto } from '@whiskeysockets/baileys'
import type { Sighting } from '../../domain/event.ts'
import { isoOrNull } from '../../domain/iso.ts'
import { partyOf } from '../../domain/jid.ts'
import { eventParty, shownChat } from '../../domain/sighting.ts'
import type { Me } from '../inbound.ts'
import { isChat, isMe, isNobody, personOf } from './nodes.ts'

type Contact = BaileysEventMap['contacts.upsert'][number]
type ChatUpdate = BaileysEventMap['chats.update'][number]
type History = BaileysEventMap['messaging-history.set']
type HistoryKind = Extract<Sighting, { type: 'history.synced' }>['data']['kind']

/** Contacts as the address book has them; null when it calls them nothing any more. */
export const contactSightings = (contacts: readonly Contact[], me: Me): readonly Sighting[] =>
  contacts.flatMap(({ id, lid, phoneNumber, name }): readonly Sighting[] => {
    const contact = personOf(id, phoneNumber, lid)
    return isNobody(contact) || isMe(contact, me)
      ? []
      : [{ type: 'contact.updated', data: { contact: eventParty(contact), name: name ?? null } }]
  })

type ChatNews = Omit<Extract<Sighting, { type: 'chat.updated' }>['data'], 'chat' | 'chatLid'>

const readOf = (unread: ChatUpdate['unreadCount']): ChatNews => {
  // Every message that comes counts one more.
  if (unread === 0) return { read: true }
  return typeof unread === 'number' && unread < 0 ? { read: false } : {}
}

const muteOf = (end: ChatUpdate['muteEndTime']): ChatNews => {
  if (end === undefined) return {}
  const until = end === null ? 0 : Number(end)
  // Without an end it is -1.
  return { muted: until !== 0, mutedUntil: until > 0 ? isoOrNull(until) : null }
}

/** With `readOnly` it is Baileys' own idea of a chat in which a message has come (process-message.js). */
const archivedOf = ({ archived, readOnly }: ChatUpdate): ChatNews =>
  typeof archived !== 'boolean' || (!archived && readOnly === false) ? {} : { archived }

export const chatSightings = (updates: readonly ChatUpdate[]): readonly Sighting[] =>
  updates.flatMap((update): readonly Sighting[] => {
    const { id, pinned, muteEndTime, unreadCount, conditional } = update
    // How things are, of the first reading of the account's state.
    if (conditional !== undefined) return []
    const address = id ?? undefined
    const news: ChatNews = {
      ...archivedOf(update),
      ...(pinned === undefined ? {} : { pinned: (pinned ?? 0) > 0 }),
      ...muteOf(muteEndTime),
      ...readOf(unreadCount),
    }
    return Object.keys(news).length === 0 || !isChat(address)
      ? []
      : [{ type: 'chat.updated', data: { ...shownChat(partyOf(address)), ...news } }]
  })

/** Chats that are gone, or empty. */
export const goneSightings = (
  type: 'chat.deleted' | 'chat.cleared',
  chats: readonly string[],
): readonly Sighting[] => chats.filter(isChat).map((chat) => ({ type, data: shownChat(partyOf(chat)) }))

/** WhatsApp leaves out what is empty, whatever Baileys' types say. */
interface SeenLabel {
  readonly id: string
  readonly name?: string | null
  readonly color?: number | null
  readonly deleted?: boolean | null
}

export const labelSighting = ({ id, name, color, deleted }: SeenLabel): Sighting => ({
  type: 'label.updated',
  data: { labelId: id, name: name ?? '', color: color ?? 0, deleted: deleted ?? false },
})

export const assignmentSightings = ({
  type,
  association,
}: BaileysEventMap['labels.association']): readonly Sighting[] =>
  isChat(association.chatId)
    ? [
        {
          type: type === 'add' ? 'label.assigned' : 'label.unassigned',
          data: {
            labelId: association.labelId,
            ...shownChat(partyOf(association.chatId)),
            whatsappId: 'messageId' in association ? association.messageId : null,
          },
        },
      ]
    : []

const historyKinds = new Map<History['syncType'], HistoryKind>([
  [proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP, 'initial'],
  [proto.HistorySync.HistorySyncType.RECENT, 'recent'],
  [proto.HistorySync.HistorySyncType.FULL, 'full'],
  [proto.HistorySync.HistorySyncType.PUSH_NAME, 'push_names'],
  [proto.HistorySync.HistorySyncType.ON_DEMAND, 'on_demand'],
])

/** One for each part of the history, whatever is in it. */
export const historySighting = ({ syncType, chats, contacts, messages, progress }: History): Sighting => ({
  type: 'history.synced',
  data: {
    kind: historyKinds.get(syncType) ?? 'other',
    chats: chats.length,
    contacts: contacts.length,
    messages: messages.length,
    progress: progress ?? null,
  },
})
