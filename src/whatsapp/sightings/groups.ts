import type { BinaryNode } from '@whiskeysockets/baileys'
import type { Sighting } from '../../domain/event.ts'
import { normalizeJid } from '../../domain/jid.ts'
import { eventParty } from '../../domain/sighting.ts'
import type { Me } from '../inbound.ts'
import { childOf, childrenOf, isGroup, isMe, isNobody, partyOrNull, personOf, textOf } from './nodes.ts'

type Updated = Extract<Sighting, { type: 'group.updated' }>['data']
type News = Omit<Updated, 'chat' | 'by'>
type MembersChange = Extract<Sighting, { type: 'group.members_changed' }>['data']['change']

const membersChanges: Readonly<Record<string, MembersChange>> = {
  add: 'added',
  remove: 'removed',
  leave: 'removed',
  promote: 'promoted',
  demote: 'demoted',
}

/** What a part of a notification says of the group itself; empty for what is none of that. */
const newsOf = (part: BinaryNode): News => {
  const { tag, attrs } = part
  switch (tag) {
    case 'subject':
      return attrs['subject'] === undefined ? {} : { subject: attrs['subject'] }
    case 'description': {
      const body = childOf(part, 'body')
      return { description: (body && textOf(body)) ?? null }
    }
    case 'announcement':
    case 'not_announcement':
      return { announce: tag === 'announcement' }
    case 'locked':
    case 'unlocked':
      return { locked: tag === 'locked' }
    case 'ephemeral':
      return { expiresInSeconds: Number(attrs['expiration'] ?? 0) }
    case 'not_ephemeral':
      return { expiresInSeconds: 0 }
    default:
      return {}
  }
}

/**
 * What a notification of a group tells. Read from the stanza itself: Baileys makes a message of it, where the actor's number
 * is lost, and of several changes of one group its buffer keeps the first (event-buffer.ts `groups.update`).
 */
export const groupSightings = (notification: BinaryNode, me: Me): readonly Sighting[] => {
  const { attrs } = notification
  const chat = normalizeJid(attrs['from'])
  if (attrs['type'] !== 'w:gp2' || chat === undefined || !isGroup(chat)) return []
  const by = partyOrNull(personOf(attrs['participant'], attrs['participant_pn'], attrs['participant_lid']))
  const parts = childrenOf(notification)
  const sightings = parts.flatMap((part): readonly Sighting[] => {
    if (part.tag === 'create') {
      const subject = childOf(part, 'group')?.attrs['subject'] ?? null
      return [{ type: 'group.joined', data: { chat, subject, by } }]
    }
    const change = membersChanges[part.tag]
    if (change === undefined) return []
    const members = childrenOf(part)
      .filter(({ tag }) => tag === 'participant')
      .map(({ attrs: { jid, phone_number: phone, lid } }) => personOf(jid, phone, lid))
      .filter((member) => !isNobody(member))
    // That the account itself came or went is an event of its own.
    const moves = change === 'added' || change === 'removed'
    const others = moves ? members.filter((member) => !isMe(member, me)) : members
    const own: readonly Sighting[] =
      others.length < members.length
        ? [{ type: change === 'added' ? 'group.joined' : 'group.left', data: { chat, subject: null, by } }]
        : []
    return others.length === 0
      ? own
      : [
          ...own,
          { type: 'group.members_changed', data: { chat, change, members: others.map(eventParty), by } },
        ]
  })
  const news = Object.assign({}, ...parts.map(newsOf)) as News
  return Object.keys(news).length === 0
    ? sightings
    : [...sightings, { type: 'group.updated', data: { chat, by, ...news } }]
}
