import { attr, type Node, receiptIds } from '../protocol/node.ts'
import { type OfflineCounts, offlineDone, offlinePreview } from '../protocol/stanzas.ts'
import { parseJid } from '../protocol/jid.ts'
import type { Counters } from '../stats.ts'

interface Entry {
  readonly stanza: Node
  written: boolean
}

type Write = (stanza: Node) => void

type State =
  | { readonly kind: 'offline' }
  /** Logged in, and not yet asked for anything: nothing may be sent. */
  | {
      readonly kind: 'catching-up'
      readonly write: Write
      readonly waiting: Set<Entry>
      readonly timer: NodeJS.Timeout
    }
  | { readonly kind: 'live'; readonly write: Write }

/**
 * What waits for a companion: every message, receipt and notification, from the moment it was routed until the companion
 * confirmed it. What was written and not confirmed is written again at the next login.
 */
export interface Mailbox {
  readonly size: number
  readonly isAttached: boolean
  put(stanza: Node): void
  /**
   * Delivers the backlog, marked `offline`, between `<offline_preview>` and `<offline>`. What arrives meanwhile is held
   * until the backlog is confirmed, at most `holdMs`: clients process the backlog apart, and a message that overtakes it
   * can arrive before the one it depends on.
   */
  attach(write: Write): void
  detach(write: Write): void
  /** A receipt or an ack of the companion: takes the stanzas that it confirms out. */
  confirm(confirmation: Node): void
  clear(): void
}

export interface MailboxOptions {
  readonly counters: Counters
  readonly holdMs?: number
  readonly maxStanzas?: number
}

const defaultHoldMs = 10_000
const defaultMaxStanzas = 50_000

const countsOf = (entries: readonly Entry[]): OfflineCounts => {
  const count = (tag: string): number => entries.filter((entry) => entry.stanza.tag === tag).length
  return { message: count('message'), receipt: count('receipt'), notification: count('notification') }
}

const nameOf = (tag: string | undefined, id: string | undefined): string => `${tag} ${id}`

const isCounterpart = (stanza: Node, jidText: string | undefined): boolean => {
  const user = parseJid(jidText)?.user
  return [stanza.attrs['from'], stanza.attrs['recipient']].some((jid) => parseJid(jid)?.user === user)
}

/** Two members may use one id; a confirmation that names no member means either. */
const isParticipant = (stanza: Node, confirmation: Node): boolean => {
  const participant = attr(confirmation, 'participant')
  return participant === undefined || participant === stanza.attrs['participant']
}

export const createMailbox = ({
  counters,
  holdMs = defaultHoldMs,
  maxStanzas = defaultMaxStanzas,
}: MailboxOptions): Mailbox => {
  const entries = new Set<Entry>()
  const byName = new Map<string, Set<Entry>>()
  let state: State = { kind: 'offline' }

  const writeEntry = (entry: Entry, write: Write, offline?: number): void => {
    if (entry.written) counters.redelivered++
    entry.written = true
    const { stanza } = entry
    write(
      offline === undefined ? stanza : { ...stanza, attrs: { ...stanza.attrs, offline: String(offline) } },
    )
  }

  const goLive = (write: Write): void => {
    state = { kind: 'live', write }
    for (const entry of entries) if (!entry.written) writeEntry(entry, write)
  }

  const remove = (entry: Entry): void => {
    entries.delete(entry)
    const name = nameOf(entry.stanza.tag, entry.stanza.attrs['id'])
    const namesakes = byName.get(name)
    namesakes?.delete(entry)
    if (namesakes?.size === 0) byName.delete(name)
    if (state.kind !== 'catching-up') return
    state.waiting.delete(entry)
    if (state.waiting.size > 0) return
    clearTimeout(state.timer)
    goLive(state.write)
  }

  const findMessage = (id: string, confirmation: Node): Entry | undefined => {
    const found = [...(byName.get(nameOf('message', id)) ?? [])].filter((entry) => entry.written)
    const to = attr(confirmation, 'to') ?? attr(confirmation, 'recipient')
    const fitting = found.filter(({ stanza }) => isCounterpart(stanza, to))
    return fitting.find(({ stanza }) => isParticipant(stanza, confirmation)) ?? fitting[0] ?? found[0]
  }

  const leave = (): void => {
    if (state.kind === 'catching-up') clearTimeout(state.timer)
    state = { kind: 'offline' }
  }

  return {
    get size() {
      return entries.size
    },
    get isAttached() {
      return state.kind !== 'offline'
    },
    put(stanza) {
      const entry: Entry = { stanza, written: false }
      const [oldest] = entries
      if (entries.size >= maxStanzas && oldest !== undefined) {
        counters.mailboxDropped++
        remove(oldest)
      }
      entries.add(entry)
      const name = nameOf(stanza.tag, stanza.attrs['id'])
      byName.set(name, (byName.get(name) ?? new Set()).add(entry))
      if (state.kind === 'live') writeEntry(entry, state.write)
    },
    attach(write) {
      leave()
      const backlog = [...entries]
      if (backlog.length > 0) write(offlinePreview(countsOf(backlog)))
      let index = 0
      for (const entry of backlog) {
        counters.offlineDelivered++
        writeEntry(entry, write, index++)
      }
      write(offlineDone(backlog.length))
      if (backlog.length === 0) return goLive(write)
      const timer = setTimeout(() => goLive(write), holdMs)
      state = { kind: 'catching-up', write, waiting: new Set(backlog), timer }
    },
    detach(write) {
      if (state.kind !== 'offline' && state.write === write) leave()
    },
    confirm(confirmation) {
      if (confirmation.tag === 'receipt') {
        for (const id of receiptIds(confirmation)) {
          const entry = findMessage(id, confirmation)
          if (entry !== undefined) remove(entry)
        }
        return
      }
      const { id, class: tag, type, to } = confirmation.attrs
      for (const entry of byName.get(nameOf(tag, id)) ?? []) {
        const { attrs } = entry.stanza
        const sameType = tag === 'message' || type === undefined || type === attrs['type']
        if (!sameType || (to !== undefined && to !== attrs['from'])) continue
        if (!isParticipant(entry.stanza, confirmation)) continue
        return remove(entry)
      }
    },
    clear() {
      entries.clear()
      byName.clear()
      leave()
    },
  }
}
