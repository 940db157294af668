import type { Lock } from '../../runtime/lock.ts'
import type { JournalRow, KeyChanges } from '../../store/store.ts'
import { Changeset, type KeyPair, type Rows } from './changeset.ts'
import { toSignalError } from './errors.ts'

/** What the repository needs of the store: one device's rows, under its lease. */
export interface SignalStore extends SignalRows {
  /** Rejects when the rows could not be made durable; then the socket must send nothing more. */
  commit(changes: KeyChanges, journal: JournalRow | null): Promise<void>
  /**
   * Keeps rows that a crash may take along until the next commit, which writes them too. False when it holds too many:
   * then commit.
   */
  hold(changes: KeyChanges): boolean
  journaled(hash: Uint8Array): Promise<Uint8Array | undefined>
}

/** Where an operation reads from. */
export interface SignalRows {
  bytes(
    type: 'session' | 'sender-key' | 'identity-key',
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array>>
  preKey(id: string): Promise<KeyPair | null>
}

export interface Operation<T> {
  readonly load: (rows: SignalRows) => Promise<Rows>
  readonly run: (set: Changeset) => Promise<T>
  readonly journal?: ((result: T) => JournalRow | null) | undefined
  /** Nothing has left, or will, that depends on what it writes: it may be written with what comes next. */
  readonly canWait?: boolean
}

/** Operations that share a transaction at most: they hold up the event loop together. */
const batchMax = 64

interface Waiting {
  readonly journals: boolean
  readonly canWait: boolean
  /** Never rejects. Adds to `batch` what is to be written. */
  readonly run: (batch: Batch) => Promise<void>
  /** Called when the batch is durable, or with what made its commit fail. */
  readonly settle: (failure: { readonly error: unknown } | undefined) => void
}

/** The rows of a batch, with what its operations have written so far. */
class Batch implements SignalRows {
  journal: JournalRow | null = null
  private readonly store: SignalRows
  private readonly written: Record<string, Record<string, Uint8Array | string | null>> = {}

  constructor(store: SignalRows) {
    this.store = store
  }

  get changes(): KeyChanges {
    return this.written
  }

  get dirty(): boolean {
    return this.journal !== null || Object.keys(this.written).length > 0
  }

  take(changes: KeyChanges): void {
    for (const [type, rows] of Object.entries(changes)) Object.assign((this.written[type] ??= {}), rows)
  }

  async bytes(type: Parameters<SignalRows['bytes']>[0], ids: readonly string[]) {
    const written = this.written[type]
    if (written === undefined) return this.store.bytes(type, ids)
    const found = new Map(
      await this.store.bytes(
        type,
        ids.filter((id) => !(id in written)),
      ),
    )
    for (const id of ids) {
      const value = written[id]
      if (value instanceof Uint8Array) found.set(id, value)
    }
    return found
  }

  async preKey(id: string): Promise<KeyPair | null> {
    return this.written['pre-key']?.[id] === null ? null : this.store.preKey(id)
  }
}

/**
 * Runs what changes the Signal state of an account, one operation after the other under its lock. Those that wait
 * together are committed together, in one transaction, and resolve after it: a message to a group takes one for each of
 * its new devices, and a disk's fsync for each would be what it takes longest for.
 */
export const createOperations = (
  store: SignalStore,
  lock: Lock,
): (<T>(operation: Operation<T>) => Promise<T>) => {
  let queue: Waiting[] = []

  /** The first of the queue; of those that journal a message at most one, since they are made known one by one. */
  const nextBatch = (): Waiting[] => {
    const second = queue.findIndex(
      ({ journals }, index) => journals && queue.slice(0, index).some((earlier) => earlier.journals),
    )
    return queue.splice(0, Math.min(batchMax, second < 0 ? queue.length : second))
  }

  const runBatch = async (): Promise<void> => {
    const operations = nextBatch()
    const batch = new Batch(store)
    for (const operation of operations) await operation.run(batch)
    let failure: { readonly error: unknown } | undefined
    try {
      const isHeld = operations.every(({ canWait }) => canWait) && store.hold(batch.changes)
      if (batch.dirty && !isHeld) await store.commit(batch.changes, batch.journal)
    } catch (error) {
      failure = { error }
    }
    // Those that failed wait for the commit too: what they were refused for may be in it.
    for (const { settle } of operations) settle(failure)
  }

  return <T>({ load, run, journal, canWait = false }: Operation<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let outcome: { readonly value: T } | { readonly error: unknown }
    queue.push({
      journals: journal !== undefined,
      canWait,
      async run(batch) {
        try {
          const set = new Changeset(await load(batch))
          const value = await run(set).catch((error: unknown) => {
            throw toSignalError(error)
          })
          const row = journal?.(value) ?? null
          batch.take(set.changes)
          if (row !== null) batch.journal = row
          outcome = { value }
        } catch (error) {
          outcome = { error }
        }
      },
      settle(failure) {
        if ('error' in outcome) reject(outcome.error)
        else if (failure === undefined) resolve(outcome.value)
        else reject(failure.error)
      },
    })
    // Whoever comes while the lock is held by another finds its operation done, and nothing left to do.
    void lock(() => (queue.length === 0 ? undefined : runBatch()))
    return promise
  }
}
