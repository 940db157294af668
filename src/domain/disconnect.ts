import type { StatusReason } from './device.ts'

/** How a socket ended, as the adapter saw it. */
export interface SocketClose {
  /**
   * Who said so: WhatsApp inside the authenticated session, the path to it (TCP, TLS, HTTP, DNS, timeouts), or the
   * client itself. Only a word from inside the session may cost a device its credentials.
   */
  readonly origin: 'session' | 'transport' | 'client'
  /** WhatsApp's code (Baileys' `DisconnectReason` and stream errors); null when there was none. */
  readonly code: number | null
  readonly message: string
  /** Of a temporary ban: seconds until it ends. */
  readonly expiresInSeconds?: number
}

/** What a close means for the device. */
export type Disposition =
  /** Not a failure: a new socket at once, with the same credentials. */
  | { readonly kind: 'reconnect'; readonly reason: StatusReason }
  /** A new socket after a backoff, without a limit to the number of tries. */
  | { readonly kind: 'retry'; readonly reason: StatusReason; readonly slow: boolean }
  /** A new socket when the time has come. */
  | { readonly kind: 'wait'; readonly reason: StatusReason; readonly ms: number }
  /** Nothing more by itself: a person must act. */
  | { readonly kind: 'halt'; readonly reason: StatusReason }
  /** The account took the link away: credentials are set aside, a new link is needed. */
  | { readonly kind: 'unlinked'; readonly reason: StatusReason }
  /** Pairing goes on with fresh credentials. */
  | { readonly kind: 'reset'; readonly reason: StatusReason }

const secondMs = 1_000
/** How long a temporary ban is taken to last when WhatsApp does not say. */
const banDefaultMs = 60 * 60 * secondMs
const banMinMs = 60 * secondMs

/**
 * The close-code table (Baileys `DisconnectReason`; whatsmeow `connectionevents.go` for 402, 403, 405, 406, 409 and
 * 413 to 418). `replacements` counts how often in a row the credentials were used elsewhere (440).
 */
export const classifyClose = (
  close: SocketClose,
  { paired, replacements }: { readonly paired: boolean; readonly replacements: number },
): Disposition => {
  if (close.origin !== 'session') {
    return {
      kind: 'retry',
      reason: close.origin === 'client' ? 'connection_lost' : transportReason(close),
      slow: false,
    }
  }
  switch (close.code) {
    case 515:
      return { kind: 'reconnect', reason: 'restart_required' }
    case 401:
      return paired
        ? { kind: 'unlinked', reason: 'logged_out' }
        : { kind: 'reset', reason: 'credentials_reset' }
    case 403:
      return paired
        ? { kind: 'unlinked', reason: 'account_locked' }
        : { kind: 'halt', reason: 'account_locked' }
    case 406:
      return paired ? { kind: 'unlinked', reason: 'banned' } : { kind: 'halt', reason: 'banned' }
    case 402:
      return {
        kind: 'wait',
        reason: 'temporarily_banned',
        ms:
          close.expiresInSeconds === undefined
            ? banDefaultMs
            : Math.max(banMinMs, close.expiresInSeconds * secondMs),
      }
    case 405:
      return { kind: 'halt', reason: 'client_outdated' }
    case 411:
      return { kind: 'halt', reason: 'phone_app_too_old' }
    case 409:
    case 413:
    case 414:
    case 415:
    case 416:
    case 417:
    case 418:
    case 501:
      return { kind: 'halt', reason: 'refused' }
    case 440:
      return replacements === 0
        ? { kind: 'retry', reason: 'replaced', slow: true }
        : { kind: 'halt', reason: 'replaced' }
    case 408:
    case 428:
      return { kind: 'retry', reason: 'connection_lost', slow: false }
    default:
      return { kind: 'retry', reason: 'server_error', slow: false }
  }
}

const transportReason = ({ code, message }: SocketClose): StatusReason =>
  code === 428 || (code === 408 && /lost/i.test(message)) ? 'connection_lost' : 'connect_failed'

/** Each reason in words, for people: what it means and what to do. */
export const reasonText: Readonly<Record<StatusReason, string>> = {
  started: 'the device was started',
  restarted: 'the device was restarted',
  stopped: 'the device was stopped; its credentials are kept',
  removed: 'the device was removed',
  opened: 'logged in to WhatsApp',
  restricted: 'connected, but WhatsApp lets this account open no new chats',
  qr_shown: 'a QR code waits to be scanned',
  paired: 'the phone has linked the device; WhatsApp asks for a new connection',
  restart_required: 'WhatsApp asked for a new connection',
  qr_refs_used_up: 'all QR codes of this attempt were shown; a new attempt starts by itself',
  pairing_timeout: 'nobody scanned the QR code in time; start the device again for a new one',
  passkey_required:
    'this WhatsApp account asks for a passkey while linking, which only the official apps can give; link another account, or try again later',
  credentials_reset: 'half-made credentials of a device that was never linked were cleared',
  credentials_corrupt:
    'the stored credentials cannot be read; they are kept as they are: restore a backup, or remove the device and link it again',
  connection_lost: 'the connection to WhatsApp was lost',
  connect_timeout: 'WhatsApp did not answer in time',
  connect_failed: 'WhatsApp could not be reached',
  server_error: 'WhatsApp reported an error of its own',
  replaced: 'these credentials are in use somewhere else; stop the other one, then restart the device',
  logged_out: 'the device was unlinked on the phone; start it again to link it anew',
  account_locked: 'WhatsApp has locked the account, or its phone is gone',
  banned: 'WhatsApp has banned the account',
  temporarily_banned: 'WhatsApp has banned the account for a while',
  client_outdated: 'WhatsApp no longer accepts this version; update the gateway or set WHATSAPP_VERSION',
  phone_app_too_old: 'the WhatsApp app on the phone is too old to link devices',
  refused: 'WhatsApp refused the connection',
  connector_away:
    'no connector acts for this device: none is running, or it cannot write the database (GET /readyz tells); it goes on by itself when one can',
  connector_started: 'the gateway has started and logs in again',
  connector_stopped: 'the gateway was stopped; it reconnects at the next start',
  store_failed:
    'the database could not be written, so the connection was dropped before anything could be lost',
}
