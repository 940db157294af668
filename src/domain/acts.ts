/**
 * What becomes of a message by what people do to it: reactions, edits, deletions, pins, votes. Pure, and the same in
 * whatever order the acts have come here: they count in the order in which they were done.
 */
import { bodyText, type BodyAct, type BodyOptions, type MessageBody } from './body.ts'
import { parseJid, partyJid, sameParty, type Party } from './jid.ts'
import type { Direction, Message, MessageChangeKind } from './message.ts'

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** An act without the id of what it acts on, which only the store knows. */
export type Deed = DistributiveOmit<BodyAct, 'messageId'> & BodyOptions

/** What of an act that came from outside is kept until its target is known. */
export interface ReceivedAct {
  /** Who wrote what it acts on: a JID; null where the act does not say. */
  readonly author: string | null
  /** When it was done by the clock of who did it, in ms: WhatsApp's own time has only seconds. */
  readonly clockAt: number | null
  /** Null for a vote, which only the poll's secret opens, and for an edit to something that has no name here. */
  readonly deed: Deed | null
}

/** An act whose target is known. */
export interface Act {
  /** Of the message that it is. */
  readonly id: string
  readonly whatsappId: string
  readonly direction: Direction
  readonly by: Party
  /** WhatsApp's time, in ms. */
  readonly at: number
  readonly clockAt: number | null
  readonly body: BodyAct & BodyOptions
}

/** What a message says. */
export type Said = Pick<Message, 'text' | 'body'>

/** What a message said before somebody edited or deleted it. */
export interface MessageChange extends Said {
  readonly kind: MessageChangeKind
  readonly actId: string
  readonly by: Party
  readonly at: number
}

/** What one person has done to a message, as it holds now. */
interface Personal {
  readonly by: Party
  readonly at: number
  /** Of the message that did it. */
  readonly actId: string
}
export interface Reaction extends Personal {
  readonly emoji: string
}
export interface Vote extends Personal {
  readonly options: readonly string[]
}

const secondMs = 1_000

const isDeletion = ({ body }: Act): number => (body.type === 'delete' ? 1 : 0)

/**
 * Which of two acts was done first: by WhatsApp's time, and within one of its seconds by the clock of who did it. Nobody
 * can do anything to what is deleted, and deletions tell no clock: they come last in their second. Never 0 for two acts:
 * with nothing else to tell them apart their ids do.
 */
export const compareActs = (a: Act, b: Act): number =>
  Math.floor(a.at / secondMs) - Math.floor(b.at / secondMs) ||
  isDeletion(a) - isDeletion(b) ||
  (a.clockAt ?? a.at) - (b.clockAt ?? b.at) ||
  (a.whatsappId < b.whatsappId ? -1 : 1)

const isPrivate = ({ chat }: Pick<Message, 'chat'>): boolean => {
  const kind = parseJid(partyJid(chat))?.kind
  return kind === 'phone' || kind === 'lid'
}

const isAuthor = (act: Act, target: Message): boolean =>
  act.direction === target.direction &&
  (act.direction === 'outbound' || isPrivate(target) || sameParty(act.by, target.sender))

/** Who is an admin of a group is known to WhatsApp's server alone, which passes on no deletion by anybody else. */
const mayDelete = (act: Act, target: Message): boolean => isAuthor(act, target) || !isPrivate(target)

const captioned: ReadonlySet<string> = new Set(['image', 'video', 'gif', 'document'])

/** What `said` is after an edit; undefined for what has neither text nor caption. */
const afterEdit = (
  { text, body }: Said,
  type: Message['type'],
  edit: Extract<BodyAct, { type: 'edit' }> & BodyOptions,
): Said | undefined => {
  const mentions = edit.mentions === undefined ? {} : { mentions: edit.mentions }
  if (type === 'text') {
    const {
      linkPreview: _,
      mentions: __,
      ...whole
    } = (body ?? { type, text: text ?? '' }) as Extract<MessageBody, { type: 'text' }>
    const next: MessageBody = { ...whole, text: edit.text, ...mentions }
    return { text: edit.text, body: Object.keys(next).length === 2 ? null : next }
  }
  if (body === null || !captioned.has(type)) return undefined
  const { caption: _, mentions: __, ...whole } = body as Extract<MessageBody, { type: 'image' }>
  const next: MessageBody = { ...whole, ...(edit.text === '' ? {} : { caption: edit.text }), ...mentions }
  return { text: bodyText(next), body: next }
}

/** What a message has come to. */
export interface ActedOn extends Said, Pick<Message, 'editedAt' | 'deletedAt' | 'pinnedUntil'> {
  /** What it said before each change, oldest first. */
  readonly changes: readonly MessageChange[]
  /** The ids of the acts that did something. */
  readonly effective: ReadonlySet<string>
}

/**
 * Applies the edits, deletions and pins of a message to what it said at first. Only its author edits it; its author, or
 * in a group an admin, deletes it; after a deletion nothing can be done to it.
 */
export const applyActs = (target: Message, first: Said, acts: readonly Act[]): ActedOn => {
  const changes: MessageChange[] = []
  const effective = new Set<string>()
  let said: Said = { text: first.text, body: first.body }
  let editedAt: number | null = null
  let deletedAt: number | null = null
  let pinnedUntil: number | null = null
  const change = (kind: MessageChangeKind, { id, by, at }: Act, next: Said): void => {
    changes.push({ kind, actId: id, by, at, ...said })
    effective.add(id)
    said = next
  }
  for (const act of acts.toSorted(compareActs)) {
    const { body, at } = act
    if (deletedAt !== null) break
    if (body.type === 'edit' && isAuthor(act, target)) {
      const next = afterEdit(said, target.type, body)
      if (next === undefined) continue
      change('edit', act, next)
      editedAt = at
    } else if (body.type === 'delete' && mayDelete(act, target)) {
      change('delete', act, { text: null, body: null })
      deletedAt = at
      pinnedUntil = null
    } else if (body.type === 'pin') {
      effective.add(act.id)
      pinnedUntil = body.seconds === 0 ? null : at + body.seconds * secondMs
    }
  }
  return { ...said, editedAt, deletedAt, pinnedUntil, changes, effective }
}

/** Could `author`, as an act names it, have written this message? Not when both are known by the same kind of address. */
export const mayBeBy = (author: Party, { sender }: Pick<Message, 'sender'>): boolean =>
  sameParty(author, sender) ||
  !((author.pn !== null && sender.pn !== null) || (author.lid !== null && sender.lid !== null))

/** One reaction, or vote, of each person: addresses that have turned out to be one person's are one. */
export const onePerPerson = <T extends Personal>(all: readonly T[]): readonly T[] => {
  const kept: T[] = []
  for (const one of all) {
    const at = kept.findIndex(({ by }) => sameParty(by, one.by))
    const before = kept[at]
    if (before === undefined) kept.push(one)
    else if (one.at >= before.at) kept[at] = one
  }
  return kept
}

export interface PollResult {
  readonly option: string
  readonly voters: readonly Party[]
}

/** Who has chosen what. */
export const pollResults = (options: readonly string[], votes: readonly Vote[]): readonly PollResult[] =>
  options.map((option) => ({
    option,
    voters: votes.filter((vote) => vote.options.includes(option)).map(({ by }) => by),
  }))
