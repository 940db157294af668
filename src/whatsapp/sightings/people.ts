import type { BinaryNode } from '@whiskeysockets/baileys'
import type { Sighting } from '../../domain/event.ts'
import { isoOrNull } from '../../domain/iso.ts'
import { normalizeJid, type Party, partyOf } from '../../domain/jid.ts'
import { eventParty, shownChat } from '../../domain/sighting.ts'
import type { Me } from '../inbound.ts'
import {
  childOf,
  childrenOf,
  isChat,
  isGroup,
  isMe,
  isNobody,
  msOf,
  partyOrNull,
  personOf,
  textOf,
} from './nodes.ts'

type Presence = Extract<Sighting, { type: 'presence.updated' }>['data']

const isOther = (party: Party, me: Me): boolean => !isNobody(party) && !isMe(party, me)

/** A new picture of a person or a group, or a person's new words on themselves, which Baileys does not tell. */
export const profileSightings = (notification: BinaryNode, me: Me): readonly Sighting[] => {
  const { type, from } = notification.attrs
  if (type === 'status') {
    const contact = personOf(from)
    const set = childOf(notification, 'set')
    const about = set && textOf(set)
    return isOther(contact, me) && about !== undefined
      ? [{ type: 'contact.updated', data: { contact: eventParty(contact), about } }]
      : []
  }
  if (type !== 'picture') return []
  return childrenOf(notification).flatMap(({ tag, attrs }): readonly Sighting[] => {
    if (tag !== 'set' && tag !== 'delete') return []
    const picture = tag === 'set' ? 'changed' : 'removed'
    const of = isChat(from) ? from : attrs['jid']
    const chat = normalizeJid(of)
    if (chat !== undefined && isGroup(chat)) {
      return [{ type: 'group.updated', data: { chat, by: partyOrNull(personOf(attrs['author'])), picture } }]
    }
    const contact = personOf(of)
    return isOther(contact, me)
      ? [{ type: 'contact.updated', data: { contact: eventParty(contact), picture } }]
      : []
  })
}

const stateOf = ({ tag, attrs, content }: BinaryNode): Presence['state'] | undefined => {
  if (tag === 'presence') return attrs['type'] === 'unavailable' ? 'unavailable' : 'available'
  const [inside] = Array.isArray(content) ? content : []
  if (inside?.tag === 'composing') return inside.attrs['media'] === 'audio' ? 'recording' : 'composing'
  return inside?.tag === 'paused' ? 'paused' : undefined
}

/**
 * Who is there and who types: `<presence>` and `<chatstate>`. Baileys tells who has stopped typing as available (chats.js
 * `handlePresenceUpdate`), which somebody who went away while typing is not.
 */
export const presenceSightings = (stanza: BinaryNode, me: Me): readonly Sighting[] => {
  const { from, participant, last } = stanza.attrs
  const who = personOf(participant ?? from)
  const state = stateOf(stanza)
  if (state === undefined || !isChat(from) || !isOther(who, me)) return []
  const lastSeenAt = isoOrNull(state === 'unavailable' ? msOf(last) : null)
  return [
    {
      type: 'presence.updated',
      data: { ...shownChat(partyOf(from)), from: eventParty(who), state, lastSeenAt },
    },
  ]
}
