import { unreachable } from './errors.ts'
import type { EventParty, Sighting } from './event.ts'
import { type Party, partyJid, partyOf, phoneDigits } from './jid.ts'

export const eventParty = (party: Party): EventParty => ({
  jid: partyJid(party),
  lid: party.lid,
  phone: phoneDigits(party.pn),
})

export interface ShownChat {
  readonly chat: string
  readonly chatLid: string | null
}

/** A chat as events name it. */
export const shownChat = (party: Party): ShownChat => ({ chat: partyJid(party), chatLid: party.lid })

/** The same with both addresses of each person and chat that it names, as far as `complete` knows them. */
export const withAddresses = (sighting: Sighting, complete: (party: Party) => Party): Sighting => {
  // What is neither a person nor a group, such as a channel, has one address: the one that it came with.
  const known = (jid: string, lid: string | null): Party | undefined => {
    const party = partyOf(jid, lid ?? undefined)
    return party.pn === null && party.lid === null ? undefined : complete(party)
  }
  const person = (given: EventParty): EventParty => {
    const party = known(given.jid, given.lid)
    return party === undefined ? given : eventParty(party)
  }
  const personOrNull = (party: EventParty | null): EventParty | null => party && person(party)
  const chat = ({ chat: jid, chatLid }: ShownChat): ShownChat => {
    const party = known(jid, chatLid)
    return party === undefined ? { chat: jid, chatLid } : shownChat(party)
  }
  switch (sighting.type) {
    case 'group.joined':
    case 'group.left':
      return { ...sighting, data: { ...sighting.data, by: personOrNull(sighting.data.by) } }
    case 'group.members_changed': {
      const { members, by } = sighting.data
      return { ...sighting, data: { ...sighting.data, members: members.map(person), by: personOrNull(by) } }
    }
    case 'group.updated':
      return { ...sighting, data: { ...sighting.data, by: personOrNull(sighting.data.by) } }
    case 'contact.updated':
      return { ...sighting, data: { ...sighting.data, contact: person(sighting.data.contact) } }
    case 'chat.updated':
      return { ...sighting, data: { ...sighting.data, ...chat(sighting.data) } }
    case 'chat.deleted':
    case 'chat.cleared':
      return { ...sighting, data: chat(sighting.data) }
    case 'presence.updated':
      return {
        ...sighting,
        data: { ...sighting.data, ...chat(sighting.data), from: person(sighting.data.from) },
      }
    case 'call.received':
    case 'call.accepted':
    case 'call.rejected':
    case 'call.missed':
    case 'call.ended':
      return {
        ...sighting,
        data: { ...sighting.data, ...chat(sighting.data), from: person(sighting.data.from) },
      }
    case 'label.assigned':
    case 'label.unassigned':
      return { ...sighting, data: { ...sighting.data, ...chat(sighting.data) } }
    case 'label.updated':
    case 'history.synced':
      return sighting
    default:
      return unreachable(sighting)
  }
}
