/**
 * The chain of audit entries: each carries the hash of what it says, and one that stands for all before it too. Whoever
 * changes, removes or adds one would have to write all that follow anew, and then the checkpoints differ.
 */

/** SHA-256 of a text, as hex. */
export type Sha256 = (text: string) => string

/** An entry as it is stored: `before` and `after` are the JSON texts. */
export interface StoredEntry {
  readonly seq: number
  readonly id: string
  readonly at: number
  readonly actorKind: string
  readonly actorId: string | null
  readonly requestId: string
  readonly action: string
  readonly targetKind: string
  readonly targetId: string
  readonly before: string | null
  readonly after: string | null
  readonly address: string | null
  readonly salt: string | null
  /** Null, like `hash`, in entries from before the chain. */
  readonly contentHash: string | null
  readonly hash: string | null
  readonly erasedBy: string | null
}

/** What an entry says, as far as its hash is about it. */
export type EntryContent = Omit<StoredEntry, 'contentHash' | 'hash' | 'erasedBy'>

/** How long the chain was at some time, and what it ended in. */
export interface ChainPoint {
  /** The `seq` of its last entry. */
  readonly seq: number
  /** How many entries it had ever had. */
  readonly count: number
  readonly hash: string
}

/** A line of the log that an operator has kept. */
export type KeptPoint = Pick<ChainPoint, 'seq' | 'hash'>

/** From `SEQ:HASH`; undefined when it is none. */
export const parseCheckpoint = (text: string): KeptPoint | undefined => {
  const [, seq, hash] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text.toLowerCase()) ?? []
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash }
}

/** What stands before the first entry of the chain. */
export const chainStart = '0'.repeat(64)

/** Stands for a hash that is not there any more and ought to be: what follows it does not verify. */
export const lostHash = 'f'.repeat(64)

export const contentHashOf = (entry: EntryContent, sha256: Sha256): string =>
  sha256(
    JSON.stringify([
      entry.seq,
      entry.id,
      entry.at,
      entry.actorKind,
      entry.actorId,
      entry.requestId,
      entry.action,
      entry.targetKind,
      entry.targetId,
      entry.before,
      entry.after,
      entry.address,
      entry.salt,
    ]),
  )

export const hashAfter = (previous: string, contentHash: string, sha256: Sha256): string =>
  sha256(`${previous}\n${contentHash}`)

/** What is wrong with the chain. */
export type BreakKind =
  | 'content_changed'
  | 'link_broken'
  | 'entries_missing'
  | 'hash_missing'
  | 'erased_without_entry'
  | 'erasure_differs'
  | 'checkpoint_differs'
  | 'shorter_than_checkpoint'

export interface ChainBreak {
  /** The first entry that it concerns. */
  readonly seq: number
  /** Null when there is no such entry. */
  readonly id: string | null
  readonly kind: BreakKind
  readonly detail: string
}

/** Does the chain begin at this entry or before it? One of its hashes alone is enough: the other was taken away. */
export const isChained = ({ contentHash, hash, salt, erasedBy }: StoredEntry): boolean =>
  contentHash !== null || hash !== null || salt !== null || erasedBy !== null

/** What is wrong with a chained entry that comes after `previous`; null when nothing is. */
export const entryBreak = (entry: StoredEntry, previous: string, sha256: Sha256): ChainBreak | null => {
  const { seq, id, contentHash, hash, erasedBy } = entry
  const broken = (kind: BreakKind, detail: string): ChainBreak => ({ seq, id, kind, detail })
  if (contentHash === null || hash === null) return broken('hash_missing', 'it has no hash')
  const left = [entry.before, entry.after, entry.salt, entry.address].some((value) => value !== null)
  if (erasedBy !== null && left) return broken('content_changed', 'it counts as erased, and is not')
  if (erasedBy === null && contentHashOf(entry, sha256) !== contentHash) {
    return broken('content_changed', 'it is not what was written')
  }
  return hashAfter(previous, contentHash, sha256) === hash
    ? null
    : broken('link_broken', 'its hash does not follow from the entry before it')
}

/** What an entry of action `person.erase` says of the entries whose content it has erased. */
export interface Erasure {
  readonly entries: number
  /** Hash of their `seq`, in order, joined by commas. */
  readonly digest: string
}

export const erasureOf = (after: string | null): Erasure | null => {
  const value: unknown = after === null ? null : JSON.parse(after)
  if (typeof value !== 'object' || value === null || !('entries' in value) || !('digest' in value))
    return null
  const { entries, digest } = value
  return typeof entries === 'number' && typeof digest === 'string' ? { entries, digest } : null
}
