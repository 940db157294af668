/** What one account keeps of Signal, and what it has decrypted on the way to becoming messages. */
import type { ReceivedAct } from '../domain/acts.ts'
import type { NewAuditEntry, Origin } from '../domain/audit.ts'
import type { Lease } from '../domain/lease.ts'
import type { ReceivedFile } from '../domain/media.ts'
import type { Message, Reference } from '../domain/message.ts'
import type { NewMessage } from './store.ts'

/** Rows to write by type and id; null deletes. Bytes stay bytes; text is JSON of the caller's own making. */
export type KeyChanges = Readonly<Record<string, Readonly<Record<string, Uint8Array | string | null>>>>

/** One decrypted part of a stanza, written in the transaction of its ratchet. */
export interface JournalRow {
  readonly hash: Uint8Array
  readonly plaintext: Uint8Array
  /** Groups the parts of one stanza: chat, participant and id in one text. */
  readonly stanzaKey: string
  /** The stanza's attributes and what else is needed to rebuild the message, as JSON. */
  readonly stanza: string
  readonly part: number
  readonly parts: number
}

/** A stanza all of whose parts are journaled, not promoted yet. */
export interface JournaledStanza {
  readonly stanzaKey: string
  readonly stanza: string
  readonly plaintexts: readonly Uint8Array[]
  readonly journaledAt: number
}

export interface AuthStore {
  /** The creds JSON, or undefined for a device that has none. */
  creds(deviceId: string): Promise<string | undefined>
  /**
   * Writes the creds before it returns: Baileys emits `creds.update` and goes on without waiting. The only
   * synchronous verb. Throws StaleLeaseError or StoreError.
   */
  saveCredsNow(lease: Lease, deviceId: string, creds: string, now: number): void
  keys(
    deviceId: string,
    type: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array | string>>
  /** One operation of the signal repository, or one `keys.set` of Baileys: all rows and the journal row, or none. */
  commit(
    lease: Lease,
    deviceId: string,
    changes: KeyChanges,
    journal: JournalRow | null,
    now: number,
  ): Promise<void>
  /** The plaintext that an earlier decryption of this very ciphertext gave. */
  journaled(deviceId: string, hash: Uint8Array): Promise<Uint8Array | undefined>
  /** Deletes creds and keys. */
  wipe(lease: Lease, deviceId: string, audit: NewAuditEntry, now: number): Promise<void>
  /** Moves creds and keys aside, out of use but not lost. */
  quarantine(lease: Lease, deviceId: string, reason: string, audit: NewAuditEntry, now: number): Promise<void>
}

/** What becomes of a journaled stanza, or of a stanza that could not be decrypted. */
export type Promotion =
  /**
   * A message to store; one that is there already is left alone, but for one that could not be decrypted: it gets its
   * content, or its last word. One with the error `awaiting_retry` was asked for again.
   */
  | {
      readonly kind: 'message'
      readonly message: NewMessage & { readonly error: { code: string; detail: string } | null }
      /** The file that comes with it: `body` has no `media` yet. */
      readonly file?: ReceivedFile | null
      /** Of an act on another message: what it does. */
      readonly act?: ReceivedAct | null
      /** The message that it answers: `body` has no `replyTo` yet. */
      readonly quoted?: Reference | null
    }
  /** Nothing for the message log (key distribution, history notices, app state). */
  | { readonly kind: 'nothing' }

/** The id that a file that comes gets, and when it is to be fetched (null: when somebody asks for it). */
export interface FilePlace {
  readonly id: string
  readonly dueAt: number | null
}

export interface InboundStore {
  /** Stanzas that are complete and not promoted, oldest first. */
  pending(deviceId: string, limit: number): Promise<readonly JournaledStanza[]>
  /**
   * Writes what the stanza came to and marks its journal rows promoted. A message is known by device, chat, sender
   * and WhatsApp id, whichever of their two addresses chat and sender have: it is stored once.
   */
  promote(
    lease: Lease,
    input: {
      readonly deviceId: string
      readonly stanzaKey: string
      readonly promotion: Promotion
      /** Of a promotion with a file. */
      readonly file?: FilePlace
    },
    origin: Origin,
    now: number,
  ): Promise<{ readonly stored: Message | null }>
  /**
   * Gives up what could not be decrypted, was asked for again, and was first seen before `before`, of all devices: it
   * becomes `failed`. Takes the lease of the connector's seat. Resolves with how many there were, `limit` at most.
   */
  giveUp(
    seat: Lease,
    input: { readonly before: number; readonly limit: number },
    origin: Origin,
    now: number,
  ): Promise<number>
  /** Drops promoted journal rows older than `before`; the server redelivers nothing so old. */
  prune(deviceId: string, before: number): Promise<number>
}
