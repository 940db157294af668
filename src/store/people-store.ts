import type { Origin } from '../domain/audit.ts'

/** What was erased of a person: how many rows, by what they were. */
export type Erased = Readonly<Record<string, number>>

export interface EraseStep {
  /** Of this erasure so far; all of it with the last step. Empty when nothing was found. */
  readonly erased: Erased
  /** SHA-256 of files that went: their bytes are to go, unless another file has the same. */
  readonly files: readonly string[]
  /** What of the person was looked at in this step; null in the last. */
  readonly pass: string | null
  /** Rows of it that name the person and stayed: they are on their way, or a connector has them in its memory. */
  readonly left: number
  /** Give it back to go on; null when it is over. */
  readonly next: string | null
}

/** See store.ts for what holds for all verbs. */
export interface PeopleStore {
  /** All addresses (JIDs) of the person who has this one, itself included; of all devices. */
  addressesOf(address: string): Promise<readonly string[]>
  /** The device whose own account has one of the addresses; undefined when it is nobody of ours. */
  ownDevice(addresses: readonly string[]): Promise<string | undefined>
  /**
   * Erases some of what is kept of a person, in one transaction that looks at `limit` rows of one table. What is queued to
   * them is cancelled first. Run to its end it has been through all tables; after a crash it is begun again, and finishes. The
   * audit trail tells of it by a hash of the address (`person.erase`): at its begin, for each batch of entries that lost their
   * content, and at its end with all that was erased. Throws `message_in_flight` while a message to them is being sent.
   */
  erase(
    addresses: readonly string[],
    input: { readonly cursor: string | null; readonly limit: number },
    origin: Origin,
    now: number,
  ): Promise<EraseStep>
}
