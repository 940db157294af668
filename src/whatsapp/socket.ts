/** The port between the connector and WhatsApp: what a socket can do, and what it tells. */
import type { MessageBody } from '../domain/body.ts'
import type { Account } from '../domain/device.ts'
import type { FileInfo, RemoteFile, RemoteKind } from '../domain/media.ts'
import type { SocketClose } from '../domain/disconnect.ts'
import type { Sighting } from '../domain/event.ts'
import type { Party } from '../domain/jid.ts'
import type { Lease } from '../domain/lease.ts'
import type { MessageMark, ReceiptStatus } from '../domain/message.ts'
import type { OperationInput, OperationOutcome } from '../domain/operation.ts'
import type { MemberStep } from '../domain/receipts.ts'
import type { AttemptOutcome } from '../domain/outbox.ts'
import type { Promotion } from '../store/store.ts'
import type { SealedVote } from './acts.ts'

export { MediaError, type MediaErrorCode } from './media/errors.ts'

/** A receipt for messages that we sent, before it is written. */
export interface Receipt {
  readonly whatsappIds: readonly string[]
  readonly status: ReceiptStatus
  readonly at: number
  readonly from: string
}

/** What the owner did to a message on another device; `chat` is either of its addresses. */
export interface MarkedElsewhere {
  readonly chat: string
  readonly whatsappId: string
  readonly fromMe: boolean
  readonly mark: MessageMark
}

/** Receipts of members of a group for messages that we sent to it, before they are written. */
export interface MemberReceipts {
  /** Its JID. */
  readonly group: string
  readonly whatsappIds: readonly string[]
  readonly step: MemberStep
  readonly members: readonly { readonly member: Party; readonly at: number }[]
}

/** What a socket tells the connector. `receipt` and `undecryptable` are awaited before WhatsApp hears of them. */
export interface SocketListener {
  /** `ttlMs` is how long WhatsApp takes this code. */
  readonly onQr: (text: string, ttlMs: number) => void
  readonly onPaired: (account: Account) => void
  readonly onOpened: (account: Account) => void
  /** The server has answered something of ours: the link carries both ways. */
  readonly onAnswer: () => void
  readonly onPasskeyRequired: () => void
  /** New chats are refused until then (wall-clock ms); null when that is over. */
  readonly onRestricted: (until: number | null) => void
  /** Something was decrypted and is in the journal. */
  readonly onJournaled: () => void
  /** A stanza that cannot be read; it becomes a message that says so. */
  readonly onUndecryptable: (stanzaKey: string, promotion: Promotion) => Promise<void>
  readonly onReceipt: (receipt: Receipt) => Promise<void>
  /** The owner did something to a message on another device, for the own devices alone. */
  readonly onMarked: (marked: MarkedElsewhere) => void
  /** Something was seen on the account beside messages; each is told once on one socket. */
  readonly onSightings: (sightings: readonly Sighting[]) => void
  /** `others` is how many members the group has beside us, as far as that is known. */
  readonly onMemberReceipts: (receipts: MemberReceipts, others: number | null) => Promise<void>
  /** A message arrived and was neither decrypted nor refused in time. */
  readonly onDeaf: () => void
  /** A write of credentials or keys failed; the socket has been cut already. */
  readonly onStoreFailed: (error: unknown) => void
  /** A frame was refused, since the lease is not held any more; the socket has been cut already. */
  readonly onLeaseLost: () => void
  /** The last word of a socket; it comes once. */
  readonly onClosed: (close: SocketClose) => void
}

/** A message that another one refers to, as the store has it. */
export interface ReferredMessage {
  readonly whatsappId: string
  readonly fromMe: boolean
  readonly sender: Party
  /** Empty when it is not kept any more. */
  readonly content: Uint8Array
}

/** A body to make a message of, and what it names. */
export interface Unprepared {
  readonly to: string
  readonly body: MessageBody
  readonly quoted: ReferredMessage | null
  /** Of an act: what it acts on. */
  readonly target: ReferredMessage | null
  /** The people that `body.mentions` names, by both addresses where they are known. */
  readonly mentions: readonly Party[]
  /** The file that goes with it, as WhatsApp's media hosts have it. */
  readonly attachment: Attachment | null
  /** The small picture of a link preview: JPEG. */
  readonly previewThumbnail: Uint8Array | null
}

/** A file that goes along with a message, and how it looks before it is there. */
export interface Attachment extends FileInfo {
  readonly remote: RemoteFile
}

/** A file to upload. */
export interface Outgoing {
  readonly open: () => Promise<AsyncIterable<Uint8Array>>
  /** Hex: what `open` must give. */
  readonly sha256: string
  readonly kind: RemoteKind
  /** A folder for what is made of it meanwhile. */
  readonly spool: string
}

/** The message that a file came with, as WhatsApp names it. */
export interface FileOwner {
  readonly id: string
  /** The chat. */
  readonly remoteJid: string
  readonly fromMe: boolean
  /** Who wrote it, in a group. */
  readonly participant?: string
}

export type Prepared =
  /** The bytes are a WAProto `Message`. */
  | { readonly kind: 'ready'; readonly content: Uint8Array }
  | Extract<AttemptOutcome, { kind: 'not_sent' | 'impossible' }>

/** A message of the device, as WhatsApp names it. */
export interface MessageName {
  readonly whatsappId: string
  readonly chat: Party
  readonly sender: Party
  readonly fromMe: boolean
  /** Wall-clock ms. */
  readonly at: number
}

/** An operation with what it names looked up. */
export type Command =
  | { readonly kind: 'star'; readonly message: MessageName; readonly starred: boolean }
  | { readonly kind: 'delete_for_me'; readonly message: MessageName }
  | { readonly kind: 'mark_read'; readonly messages: readonly MessageName[]; readonly played: boolean }
  | Extract<OperationInput, { kind: 'typing' | `group_${string}` | 'numbers_check' }>

/** One WebSocket attempt with WhatsApp. */
export interface WhatsAppSocket {
  /** Makes the bytes of a message that has only a body yet. Never rejects; nothing of the message leaves. */
  prepare(message: Unprepared): Promise<Prepared>
  /**
   * Sends under the given id and waits for the server's ack. Never rejects: what happened is the outcome. The bytes
   * are a WAProto `Message`.
   */
  send(message: {
    readonly to: string
    readonly whatsappId: string
    readonly content: Uint8Array
  }): Promise<AttemptOutcome>
  /** Gives a file to WhatsApp's media hosts. Rejects with MediaError, or with what `open` rejects with. */
  upload(file: Outgoing): Promise<RemoteFile>
  /**
   * Brings a file into the new file `target`, checked; none is there when it rejects, with MediaError or an error of the
   * disk. `bytesMax` is the longest that it may be; the SHA-256 is in hex.
   */
  download(
    remote: RemoteFile,
    target: string,
    bytesMax: number,
  ): Promise<{ readonly bytes: number; readonly sha256: string }>
  /**
   * Asks the account's phone to give a file to the media hosts again. Resolves with its new direct path; rejects with
   * MediaError: `gone` when the phone has it no more, `unreachable` when it does not answer.
   */
  askForFile(owner: FileOwner, mediaKey: Uint8Array, timeoutMs: number): Promise<string>
  /** Does what a device is asked to do beside sending messages. Never rejects: what happened is the outcome. */
  carryOut(command: Command): Promise<OperationOutcome>
  /** Shows the chat that somebody types, or records; resolves after that time. Never rejects: a lost socket ends it early. */
  typing(
    typing: { readonly to: string; readonly recording: boolean; readonly forMs: number },
    signal: AbortSignal,
  ): Promise<void>
  /** Asks the server for a sign of life; rejects when none comes in time. */
  probe(timeoutMs: number): Promise<void>
  /** Only after the first QR. Resolves with 8 characters; rejects with why not, in words. */
  requestPairingCode(phone: string): Promise<string>
  /** Tells WhatsApp to forget this device and waits for its answer. */
  unlink(timeoutMs: number): Promise<void>
  /** Cuts the connection at once; nothing more is sent. Neither `onClosed` nor `onLeaseLost` comes for it. */
  drop(): void
}

/** The credentials of a device cannot be read. */
export class CorruptCredentialsError extends Error {
  override readonly name = 'CorruptCredentialsError'
}

export interface OpenOptions {
  readonly deviceId: string
  readonly lease: Lease
  /** Is the lease held? Asked before each byte that leaves; a socket that may not write is cut without a flush. */
  readonly mayWrite: () => boolean
  readonly listener: SocketListener
}

export interface WhatsApp {
  /** Rejects with CorruptCredentialsError. */
  open(options: OpenOptions): Promise<WhatsAppSocket>
  /** Do the stored credentials belong to an account? Rejects with CorruptCredentialsError. */
  isPaired(deviceId: string): Promise<boolean>
  /** What a journaled stanza comes to. Throws when the row cannot be read. */
  promote(stanza: string, plaintexts: readonly Uint8Array[], deviceId: string, now: number): Promotion
  /** The options that a vote chooses; null when it cannot be read. */
  readVote(vote: SealedVote): readonly string[] | null
}
