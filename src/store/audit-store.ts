/** Who did what, and what proves it. See store.ts for what holds for all verbs. */
import type { Actor, NewAuditEntry } from '../domain/audit.ts'
import type { ChainPoint, StoredEntry } from '../domain/audit-chain.ts'
import type { Lease } from '../domain/lease.ts'
import type { Page } from './store.ts'

export interface AuditEntry extends NewAuditEntry {
  readonly seq: number
  readonly id: string
  readonly at: number
  /** The id of the entry that tells of the erasure of this one's content. */
  readonly erasedBy: string | null
  /** Null, like `hash`, in entries from before the chain. */
  readonly contentHash: string | null
  readonly hash: string | null
}

export interface AuditFilter {
  readonly actor?: Actor['kind']
  /** An action, or all that begin with `message.` as `message.*`. */
  readonly action?: string
  readonly target?: { readonly kind: string; readonly id?: string }
  readonly requestId?: string
  /** Written at or after, before (ms). */
  readonly after?: number
  readonly before?: number
}

/** `at` is when it was written down. */
export interface AuditCheckpoint extends ChainPoint {
  readonly at: number
}

export interface AuditStore {
  /**
   * Newest first. What a filter leaves out is looked through only so far: a page may then have fewer entries than asked for,
   * or none, with a cursor to go on.
   */
  list(filter: AuditFilter, page: { limit: number; cursor?: string }): Promise<Page<AuditEntry>>
  /** In order: entries with `seq > after`, not beyond `until` when that is given. */
  after(after: number, limit: number, until?: number): Promise<readonly AuditEntry[]>
  /** The lowest and the highest `seq` of the entries that were written at or after, and before; undefined without any. */
  span(times: {
    readonly after?: number
    readonly before?: number
  }): Promise<{ readonly first: number; readonly last: number } | undefined>
  /** The same as `after` as they are stored, to be verified. */
  stored(after: number, limit: number): Promise<readonly StoredEntry[]>
  /** The newest `seq` that there ever was, whatever is left, 0 when there was none. */
  latest(): Promise<number>
  /** In the order of the entries: those about entries with `seq > after`, not beyond `until`. */
  checkpoints(after: number, until: number): Promise<readonly AuditCheckpoint[]>
  /**
   * Writes down where the chain stands, unless it stands there already or was written down less than `everyMs` ago: then
   * undefined.
   */
  checkpoint(lease: Lease, everyMs: number, now: number): Promise<AuditCheckpoint | undefined>
}
