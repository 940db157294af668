import type { Lock } from '../../runtime/lock.ts'
import type { JournalRow, KeyChanges } from '../../store/store.ts'
import { Changeset, type KeyPair, type Rows } from './changeset.ts'
import { toSignalError } from './errors.ts'

/** What the repository needs of the store: one device's rows, under its lease. */
export interface SignalStore extends SignalRows {
  /**
   * Begins to make rows durable; from here on they are read. Throws when nothing can be written any more. Resolves when
   * they are durable; rejects when they could not be made so, and then no frame leaves the socket any more that came after.
   */
  commit(changes: KeyChanges, journal: JournalRow | null): Promise<void>
  /** So much is being written that the next operation should wait for it. */
  readonly isFull: boolean
  /**
   * Keeps rows that a crash may take along until the next commit, which writes them too. False when it holds too many:
   * then commit.
   */
  hold(changes: KeyChanges): boolean
  /** The plaintext of a ciphertext that was decrypted before, by its hash. */
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

/** What is written of a plaintext, with the ratchet that it took. */
export interface Journaling<T> {
  readonly row: (result: T) => JournalRow
  readonly onDurable: () => void
}

export interface Operation<T> {
  readonly load: (rows: SignalRows) => Promise<Rows>
  readonly run: (set: Changeset) => Promise<T>
  readonly journal?: Journaling<T> | undefined
  /** Nothing has left, or will, that depends on what it writes: it may be written with what comes next. */
  readonly canWait?: boolean
}

/**
 * Runs what changes the Signal state of an account, one operation after the other under its lock. An operation resolves
 * when its rows are on their way to the disk: those that come meanwhile read them, and share the fsync. Nobody outside
 * learns anything of it before they are there, since until then the socket keeps back all frames (frame-gate.ts).
 */
export const createOperations =
  (store: SignalStore, lock: Lock): (<T>(operation: Operation<T>) => Promise<T>) =>
  ({ load, run, journal, canWait = false }) =>
    lock(async () => {
      const set = new Changeset(await load(store))
      const value = await run(set).catch((error: unknown) => {
        throw toSignalError(error)
      })
      const row = journal?.row(value) ?? null
      if (row === null && (!set.dirty || (canWait && store.hold(set.changes)))) return value
      const durable = store.commit(set.changes, row)
      // A failure has cut the socket already.
      durable.then(journal?.onDurable).catch(() => undefined)
      if (store.isFull) await durable
      return value
    })
