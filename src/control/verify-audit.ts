import {
  type ChainBreak,
  type ChainPoint,
  chainStart,
  entryBreak,
  isChained,
  type KeptPoint,
  type StoredEntry,
} from '../domain/audit-chain.ts'
import { sha256Hex } from '../runtime/hash.ts'
import type { AuditCheckpoint, AuditStore } from '../store/store.ts'
import { createErasures } from './audit-erasures.ts'

/** Entries that are in memory at a time. */
export const verifyBatchRows = 1_000
/** What is removed or erased while it is read looks like a break; one that is there twice in a row is one. */
const triesMax = 5

export interface Verified {
  /** Entries of the chain that are there, all of them sound. */
  readonly entries: number
  /** Those among them whose content was erased. */
  readonly erased: number
  /** From before the chain: nothing proves these. */
  readonly unchained: number
  /** The first entry of the chain that is kept; null when none is. */
  readonly first: number | null
  /** Where the chain ends; null before it has begun. */
  readonly head: ChainPoint | null
  /** So many checkpoints of the database agree. */
  readonly checkpoints: number
  readonly broken: ChainBreak | null
}

const short = (hash: string): string => `${hash.slice(0, 12)}…`

/** One walk through all entries, in order. */
const createWalk = (kept: KeptPoint | undefined) => {
  const erasures = createErasures()
  let head: ChainPoint | null = null
  let first: number | null = null
  let lastSeq = 0
  let entries = 0
  let erased = 0
  let unchained = 0
  let agreed = 0
  /** The last one about an entry that is not kept any more. */
  let older: AuditCheckpoint | undefined
  let hasComparedKept = kept === undefined

  const missing = (seq: number, detail: string): ChainBreak => ({
    seq,
    id: null,
    kind: 'entries_missing',
    detail,
  })

  /** The first entry of the chain that is there follows the start, or a checkpoint that was made when others were removed. */
  const begin = (entry: StoredEntry): ChainBreak | null => {
    const { seq } = entry
    const isCut = lastSeq === 0 && older?.seq === seq - 1 && older.count > 0
    const previous = isCut && older !== undefined ? older.hash : chainStart
    const broken = entryBreak(entry, previous, sha256Hex)
    if (broken !== null) {
      const from = Math.max(lastSeq, older?.seq ?? 0) + 1
      return broken.kind === 'link_broken' && from < seq
        ? missing(
            from,
            `entries ${from} to ${seq - 1} are not there, and no checkpoint says that they may be removed`,
          )
        : broken
    }
    first = seq
    head = { seq, count: (isCut && older !== undefined ? older.count : 0) + 1, hash: entry.hash ?? '' }
    return null
  }

  const follow = (entry: StoredEntry, before: ChainPoint): ChainBreak | null => {
    const { seq, hash } = entry
    if (seq !== before.seq + 1) {
      return missing(before.seq + 1, `entries ${before.seq + 1} to ${seq - 1} are not there`)
    }
    const broken = entryBreak(entry, before.hash, sha256Hex)
    if (broken === null) head = { seq, count: before.count + 1, hash: hash ?? '' }
    return broken
  }

  const take = (entry: StoredEntry): ChainBreak | null => {
    const { seq, id } = entry
    if (seq < 1)
      return { seq, id, kind: 'content_changed', detail: 'no entry was ever written under this seq' }
    if (head === null && !isChained(entry)) {
      unchained += 1
      lastSeq = seq
      return null
    }
    const broken = head === null ? begin(entry) : follow(entry, head)
    if (broken !== null) return broken
    erasures.take(entry)
    entries += 1
    if (entry.erasedBy !== null) erased += 1
    lastSeq = seq
    return null
  }

  /** Holds what is known by now against a checkpoint about the entry that was taken last. */
  const compare = ({ seq, count, hash, at }: AuditCheckpoint): ChainBreak | null => {
    const there = head ?? { seq, count: 0, hash: chainStart }
    if (there.count === count && (count === 0 || there.hash === hash)) {
      agreed += 1
      return null
    }
    const written = new Date(at).toISOString()
    const detail = `the checkpoint of ${written} has ${count} entries and ${short(hash)}, the chain ${there.count} and ${short(there.hash)}`
    return { seq, id: null, kind: 'checkpoint_differs', detail }
  }

  const compareKept = (hash: string): ChainBreak | null => {
    hasComparedKept = true
    if (kept === undefined || kept.hash === hash) return null
    const detail = `the checkpoint that was given has ${short(kept.hash)}, the chain ${short(hash)}`
    return { seq: kept.seq, id: null, kind: 'checkpoint_differs', detail }
  }

  /** About an entry that is not there, before the first one. */
  const pass = (checkpoint: AuditCheckpoint): ChainBreak | null => {
    older = checkpoint
    return checkpoint.seq === kept?.seq ? compareKept(checkpoint.hash) : null
  }

  const step = (entry: StoredEntry, checkpoints: readonly AuditCheckpoint[]): ChainBreak | null => {
    for (const checkpoint of checkpoints) {
      const broken = checkpoint.seq < entry.seq && head === null ? pass(checkpoint) : null
      if (broken !== null) return broken
    }
    const broken = take(entry)
    if (broken !== null) return broken
    for (const checkpoint of checkpoints) {
      const differs = checkpoint.seq === entry.seq ? compare(checkpoint) : null
      if (differs !== null) return differs
    }
    return entry.seq === kept?.seq ? compareKept(entry.hash ?? '') : null
  }

  /** `latest`: the newest entry that there was when the walk began; `beyond`: checkpoints about later ones. */
  const end = (latest: number, beyond: readonly AuditCheckpoint[]): ChainBreak | null => {
    const breaks = [...erasures.breaks((first ?? latest + 1) - 1)]
    const from = lastSeq + 1
    const shorter = (seq: number, of: string): ChainBreak => ({
      seq: from,
      id: null,
      kind: 'shorter_than_checkpoint',
      detail: `entries ${from} to ${seq} are not there, which ${of} speaks of`,
    })
    const next = beyond.find(({ seq }) => seq > lastSeq)
    const isSwept = lastSeq === 0 && older?.seq === latest
    if (next !== undefined) breaks.push(shorter(next.seq, 'a checkpoint'))
    if (latest > lastSeq && !isSwept) breaks.push(missing(from, `entries ${from} to ${latest} are not there`))
    if (kept !== undefined && !hasComparedKept) {
      const detail =
        'neither the entry of the checkpoint that was given nor a checkpoint of the database is there'
      breaks.push(
        kept.seq > lastSeq
          ? shorter(kept.seq, 'the checkpoint that was given')
          : { seq: kept.seq, id: null, kind: 'checkpoint_differs', detail },
      )
    }
    return breaks.toSorted((a, b) => a.seq - b.seq)[0] ?? null
  }

  return {
    step,
    pass,
    end,
    result: (broken: ChainBreak | null): Verified => ({
      entries,
      erased,
      unchained,
      first,
      head,
      checkpoints: agreed,
      broken,
    }),
  }
}

const everything = Number.MAX_SAFE_INTEGER

const verifyOnce = async (audit: AuditStore, kept: KeptPoint | undefined): Promise<Verified> => {
  const latest = await audit.latest()
  const beyond = await audit.checkpoints(latest, everything)
  const walk = createWalk(kept)
  for (let after = -everything; ; ) {
    const batch = await audit.stored(after, verifyBatchRows)
    const last = batch.at(-1)?.seq
    const checkpoints = await audit.checkpoints(after, last ?? latest)
    if (last === undefined) {
      // Of a chain that was removed whole, checkpoints are all that is left.
      for (const checkpoint of after < 0 ? checkpoints : []) {
        const broken = walk.pass(checkpoint)
        if (broken !== null) return walk.result(broken)
      }
      return walk.result(walk.end(latest, beyond))
    }
    const at = Map.groupBy(checkpoints, ({ seq }) => seq)
    const early = after < 0 ? checkpoints.filter(({ seq }) => seq < (batch[0]?.seq ?? 0)) : []
    for (const [index, entry] of batch.entries()) {
      const broken = walk.step(entry, [...(index === 0 ? early : []), ...(at.get(entry.seq) ?? [])])
      if (broken !== null) return walk.result(broken)
    }
    after = last
  }
}

/**
 * Walks the chain of audit entries beside whoever writes, and names the first break. A checkpoint of the operator's own shows
 * what was cut off or written anew together with the database's.
 */
export const verifyAudit = async (
  { store }: { readonly store: { readonly audit: AuditStore } },
  kept?: KeptPoint,
): Promise<Verified> => {
  let result = await verifyOnce(store.audit, kept)
  for (let tries = 1; result.broken !== null && tries < triesMax; tries++) {
    const { seq, kind } = result.broken
    result = await verifyOnce(store.audit, kept)
    if (result.broken?.seq === seq && result.broken.kind === kind) return result
  }
  return result
}
