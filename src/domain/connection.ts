import type { Account, Device, Observation, PairingCode, Qr, StatusReason } from './device.ts'
import type { SocketClose } from './disconnect.ts'

/** What the row asks for and what is known of its credentials. */
export interface Facts {
  readonly desired: Device['desired']
  readonly generation: number
  /** Wall-clock ms of the last start: pairing ends `pairingTimeoutMs` after the connector has seen it. */
  readonly startedAt: number
  readonly notBefore: number | null
  /** Wall-clock ms: no new chats before. */
  readonly restrictedUntil: number | null
  readonly unlinkRequestedAt: number | null
  /** Whether the credentials belong to an account. */
  readonly paired: boolean
  /** Was it connected before in this generation? Then a new attempt is a reconnect. */
  readonly resumes: boolean
  /** Whether the row says since when it is linked. */
  readonly announced: boolean
  /** A pairing code that was asked for and not made yet. */
  readonly codePhone: string | null
  /** Whether the row shows a code, or why there is none. */
  readonly codeMade: boolean
}

/** Where the connection of one device is. Times named `…At` and `since` are monotonic ms. */
export type Phase =
  /** No socket, and none is due. */
  | { readonly kind: 'idle' }
  /** No socket until the time has come. */
  | { readonly kind: 'waiting'; readonly until: number }
  /** A socket is due, and waits until its turn has come: only so many devices log in at a time. */
  | { readonly kind: 'queued' }
  /** A socket that has neither shown a QR nor logged in yet. */
  | { readonly kind: 'opening'; readonly since: number }
  /** A QR is shown. */
  | { readonly kind: 'pairing' }
  /** The phone has scanned; WhatsApp's 515 is due. */
  | { readonly kind: 'paired'; readonly since: number }
  | {
      readonly kind: 'open'
      readonly since: number
      readonly lastAnswerAt: number
      readonly probing: boolean
    }
  /** Logged in only to say good-bye. */
  | { readonly kind: 'unlinking'; readonly since: number }
  /** The connector is done with this generation. */
  | { readonly kind: 'settled' }

export interface Connection {
  readonly phase: Phase
  readonly facts: Facts
  /** Failed attempts in a row. */
  readonly failures: number
  /** How often in a row the credentials turned out to be in use elsewhere. */
  readonly replacements: number
  /** How often in a row the store failed: sessions in between that were short do not count. */
  readonly storeFailures: number
  /** When pairing is over, in monotonic ms; null until the row has been seen. */
  readonly pairingEndsAt: number | null
  /** How far the wall clock was ahead of the monotonic one at the last tick. */
  readonly wallAheadMs: number | null
}

/** What the socket reports. */
export type SocketInput =
  | { readonly kind: 'qr'; readonly qr: Qr }
  | { readonly kind: 'paired'; readonly account: Account }
  | { readonly kind: 'opened'; readonly account: Account }
  | { readonly kind: 'answered' }
  | { readonly kind: 'probe_failed' }
  | { readonly kind: 'deaf' }
  | { readonly kind: 'passkey_required' }
  /** WhatsApp lets the account open no new chats until then (wall-clock ms); null when that is over. */
  | { readonly kind: 'restricted'; readonly until: number | null }
  | { readonly kind: 'code_made'; readonly code: string }
  | { readonly kind: 'code_refused'; readonly error: string }
  | { readonly kind: 'unlink_done'; readonly gone: boolean; readonly detail: string }
  | { readonly kind: 'closed'; readonly close: SocketClose }

export type Input =
  | { readonly kind: 'row'; readonly device: Device; readonly paired: boolean }
  | { readonly kind: 'tick' }
  /** The turn of the socket that was asked for has come. */
  | { readonly kind: 'admitted' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'lease_lost' }
  | { readonly kind: 'store_failed' }
  | { readonly kind: 'credentials_corrupt'; readonly detail: string }
  | SocketInput

/** What the shell must do, in this order. */
export type Effect =
  /** Gets in line for a socket; `admitted` says that its turn has come. */
  | { readonly kind: 'request_socket' }
  | { readonly kind: 'open_socket' }
  /** Ends the socket, or the wait for one, now, without waiting for the other side. */
  | { readonly kind: 'drop_socket' }
  | { readonly kind: 'probe'; readonly timeoutMs: number }
  | { readonly kind: 'unlink' }
  | { readonly kind: 'request_code'; readonly phone: string }
  /** Gives up what was not sent: whoever removed the device does not want it any more. */
  | { readonly kind: 'cancel_messages' }
  /** Deletes the credentials. */
  | { readonly kind: 'wipe_credentials' }
  /** Sets the credentials aside. */
  | { readonly kind: 'quarantine_credentials'; readonly reason: StatusReason }
  | { readonly kind: 'observe'; readonly observation: Observation }

export interface Limits {
  readonly pairingTimeoutMs: number
  /** No word from the server for so long: ask it. */
  readonly silenceMs: number
  readonly probeTimeoutMs: number
  /** From the turn of an attempt to its first QR or its login. */
  readonly openTimeoutMs: number
  /** From the scan to WhatsApp's 515. */
  readonly pairedTimeoutMs: number
  readonly unlinkTimeoutMs: number
  /** After so long without reaching WhatsApp, credentials are wiped though the phone still lists the device. */
  readonly unlinkGiveUpMs: number
  readonly backoff: { readonly baseMs: number; readonly maxMs: number }
  /** A session that lasts so long ends the count of failed attempts. */
  readonly stableMs: number
  /** The same for the store's failures: a login writes little, and the next message may find the disk full again. */
  readonly storeStableMs: number
  /** So many reconnects that WhatsApp asks for are done at once; more in a row wait like failures. */
  readonly promptReconnectsMax: number
  /** Before the one new try after the credentials were used elsewhere. */
  readonly replacedRetryMs: number
  /** A session that lasts so long shows that nobody else uses the credentials any more. */
  readonly replacedForgetMs: number
}

export interface Now {
  readonly wall: number
  readonly mono: number
}

export interface Stepped {
  readonly connection: Connection
  readonly effects: readonly Effect[]
}

const isOpen = (request: PairingCode | null): request is PairingCode =>
  request !== null && request.code === null && request.error === null

export const factsOf = (device: Device, paired: boolean): Facts => ({
  desired: device.desired,
  generation: device.generation,
  startedAt: device.startedAt,
  notBefore: device.notBefore,
  restrictedUntil: device.restrictedUntil,
  unlinkRequestedAt: device.unlinkRequestedAt,
  paired,
  announced: device.pairedAt !== null,
  resumes: device.status === 'connected' || device.status === 'reconnecting',
  codePhone: isOpen(device.pairingCode) ? device.pairingCode.phone : null,
  codeMade: device.pairingCode !== null && !isOpen(device.pairingCode),
})

/** Does a person wait for it? It was just asked for, and neither was connected since then nor has failed. */
export const isAwaited = ({ facts, failures }: Connection): boolean => !facts.resumes && failures === 0

/** A connection before its first input: the shell gives it the row next. */
export const newConnection = (device: Device, paired: boolean): Connection => ({
  phase: { kind: 'idle' },
  facts: factsOf(device, paired),
  failures: 0,
  replacements: 0,
  storeFailures: 0,
  pairingEndsAt: null,
  wallAheadMs: null,
})
