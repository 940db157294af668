import type { BinaryNode } from '@whiskeysockets/baileys'
import type { EventParty } from '../../domain/event.ts'
import { type Party, parseJid, partyOf, sameParty } from '../../domain/jid.ts'
import { eventParty } from '../../domain/sighting.ts'
import type { Me } from '../inbound.ts'

const secondMs = 1_000

export const childrenOf = ({ content }: BinaryNode): readonly BinaryNode[] =>
  Array.isArray(content) ? content : []

export const childOf = (node: BinaryNode, tag: string): BinaryNode | undefined =>
  childrenOf(node).find((child) => child.tag === tag)

export const textOf = ({ content }: BinaryNode): string | undefined => {
  if (typeof content === 'string') return content
  return content instanceof Uint8Array ? Buffer.from(content).toString('utf8') : undefined
}

export const isNobody = ({ pn, lid }: Party): boolean => pn === null && lid === null

export const isMe = (party: Party, me: Me): boolean => sameParty(party, me)

/** Whom an event may name; null when WhatsApp names nobody. */
export const partyOrNull = (party: Party): EventParty | null => (isNobody(party) ? null : eventParty(party))

/** Chats with a person or in a group; not the status updates, lists and channels. */
export const isChat = (address: string | undefined): boolean => {
  const kind = address === undefined ? undefined : parseJid(address)?.kind
  return kind === 'phone' || kind === 'lid' || kind === 'group'
}

export const isGroup = (address: string | undefined): boolean =>
  address !== undefined && parseJid(address)?.kind === 'group'

/** A person; nobody when the address is a group's or the like. */
export const personOf = (...addresses: readonly (string | undefined)[]): Party =>
  partyOf(...addresses.filter((address) => isChat(address) && !isGroup(address)))

/** Seconds since 1970 as WhatsApp writes them; null for words such as `deny`. */
export const msOf = (seconds: string | undefined): number | null => {
  const value = Number(seconds ?? Number.NaN)
  return Number.isFinite(value) && value > 0 ? value * secondMs : null
}
