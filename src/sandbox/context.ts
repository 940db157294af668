import type { Clock } from '../runtime/clock.ts'
import type { Entropy } from './entropy.ts'
import type { Faults } from './faults.ts'
import type { Log } from './log.ts'
import type { MediaHost } from './media-host/host.ts'
import type { AppStatePatch } from './phone/app-state.ts'
import type { KeyBundle } from './protocol/key-bundle.ts'
import type { Node } from './protocol/node.ts'
import type { Account, Companion, Device } from './state/account.ts'
import type { Directory } from './state/directory.ts'
import type { Groups } from './state/groups.ts'
import type { Counters } from './stats.ts'

/** A phone as the server sees it. */
export interface PhonePort {
  /** Hands it a stanza, in the order of the calls. */
  deliver(stanza: Node): void
  /** Its public keys for a stranger, with a one-time key that was not given to anyone before. */
  takeBundle(): KeyBundle
  /**
   * Another phone's sender key for a group. Phones of one sandbox hand them to each other: between them there is no wire,
   * and a session for each pair would cost far more than it proves.
   */
  learnSenderKey(group: string, sender: Device, distribution: Uint8Array): void
  /** Reads a change that one of its companions made to the app state. */
  takeAppState(patch: AppStatePatch): void
  /** Shares its app state key and its history with a companion that logged in for the first time. */
  startInitialSync(companion: Companion): void
}

/** What every part of one sandbox shares. There is nothing else: two in a process know nothing of each other. */
export interface Context {
  readonly clock: Clock
  readonly log: Log
  readonly entropy: Entropy
  readonly counters: Counters
  /** By JID; companions that were unlinked stay. */
  readonly loginsByCompanion: Map<string, number>
  /** How often each was asked: type, namespace and what is inside. */
  readonly unknownIqs: Map<string, number>
  readonly directory: Directory
  readonly groups: Groups
  readonly faults: Faults
  /** WhatsApp ids of messages that phones do not send again. */
  readonly lost: Set<string>
  readonly media: MediaHost
  /** Undefined is the mailbox's own. */
  readonly backlogHoldMs: number | undefined
  phone(account: Account): PhonePort
  nowSeconds(): number
  /** A fresh id for a stanza of the server's own. */
  nextId(): string
}
