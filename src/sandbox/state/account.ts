import { type Addressing, formatJid, lidServer, pnServer } from '../protocol/jid.ts'
import type { Node } from '../protocol/node.ts'
import type { SigningKeyPair } from '../protocol/signature.ts'
import type { KeyStore } from './key-store.ts'
import type { Mailbox } from './mailbox.ts'

/** A linked device of an account: a client that once scanned in and is known by its noise key. */
export interface Companion {
  readonly account: Account
  readonly device: number
  /** Where the device stands in the account's signed list; clients send to no device without it. */
  readonly keyIndex: number
  readonly noiseKey: Buffer
  readonly keys: KeyStore
  readonly mailbox: Mailbox
  readonly platform: string
  /** ms since 1970. */
  readonly linkedAt: number
  logins: number
  /** Ids of its newest messages, oldest first. */
  readonly sentIds: Set<string>
  /** The phone has shared its keys and history with it. */
  hasInitialSync: boolean
  /** The socket that is logged in as this companion now. */
  session: CompanionSession | undefined
}

/** A logged-in socket, as the rest of the sandbox needs it. */
export interface CompanionSession {
  send(stanza: Node): void
  /** Says a last word to the client, if any, and closes. */
  end(lastWord?: Node): void
}

/** A phone number with everything that belongs to it. Its phone is device 0. */
export interface Account {
  readonly number: string
  /** User part of the LID. */
  readonly lid: string
  name: string
  /** The phone's identity key: it signs the companions' identities too. */
  readonly identity: SigningKeyPair
  readonly rawId: number
  readonly companions: Map<number, Companion>
  /** Numbers of accounts that exchanged messages with this one: they hear about its devices. */
  readonly peers: Set<string>
  readonly blocked: Set<string>
  readonly appState: Map<string, Uint8Array[]>
  /** Until when it may write to nobody new; seconds since 1970. */
  restrictedUntilSeconds: number
  lastDevice: number
  lastKeyIndex: number
}

export interface Device {
  readonly account: Account
  readonly device: number
}

export const jidOf = (account: Account, device = 0, addressing: Addressing = 'pn'): string =>
  addressing === 'lid'
    ? formatJid({ user: account.lid, device, server: lidServer })
    : formatJid({ user: account.number, device, server: pnServer })

export const isSameDevice = (a: Device, b: Device): boolean =>
  a.account === b.account && a.device === b.device

export const devicesOf = (account: Account): Device[] => [
  { account, device: 0 },
  ...[...account.companions.keys()].map((device) => ({ account, device })),
]
