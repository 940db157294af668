import type { Input } from '../domain/connection.ts'
import type { Lease } from '../domain/lease.ts'
import type { Origin } from '../domain/audit.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../store/store.ts'
import type { SocketListener } from '../whatsapp/socket.ts'

export interface SocketListenerOptions {
  readonly store: Store
  readonly deviceId: string
  readonly lease: Lease
  readonly clock: Clock
  readonly renderQr: (text: string) => Promise<string>
  readonly origin: () => Origin
  /** Gives an input of this socket to the state machine. */
  readonly tell: (input: Input) => void
  /** Is the link open, and is somebody waiting for a sign of life? */
  readonly watched: () => { readonly open: boolean; readonly probing: boolean }
  /** The socket is logged in as this address, a phone-number JID. */
  readonly onAddress: (pn: string) => void
  readonly onJournaled: () => void
  readonly onSightings: SocketListener['onSightings']
  /** A write of the socket itself failed; it is cut. */
  readonly onStoreFailed: (error: unknown) => void
  readonly onLeaseLost: () => void
  /** Follows a write beside the state machine's queue, which may be the first to hear that the lease is gone. */
  readonly underLease: (write: Promise<unknown>) => Promise<void>
  readonly log: Log
}

/** Every answer is a sign of life; more than one a second says nothing new to the state machine. */
const answerEveryMs = 1_000

/** Turns what one socket tells into inputs of the state machine, and into writes where WhatsApp waits for them. */
export const createSocketListener = (options: SocketListenerOptions): SocketListener => {
  const { store, deviceId, lease, clock, renderQr, origin, tell, watched, underLease, log } = options
  let lastAnswerAt = -answerEveryMs
  return {
    onQr: (text, ttlMs) => {
      const expiresAt = clock.now() + ttlMs
      renderQr(text).then(
        (dataUrl) => tell({ kind: 'qr', qr: { text, dataUrl, expiresAt } }),
        (error: unknown) => log.error({ device: deviceId, err: error }, 'qr was not drawn'),
      )
    },
    onPaired: (account) => tell({ kind: 'paired', account }),
    onOpened: (account) => {
      options.onAddress(account.pn)
      tell({ kind: 'opened', account })
    },
    onAnswer: () => {
      const { open, probing } = watched()
      const now = clock.monotonic()
      if (open && (probing || now - lastAnswerAt >= answerEveryMs)) {
        lastAnswerAt = now
        tell({ kind: 'answered' })
      }
    },
    onRestricted: (until) => tell({ kind: 'restricted', until }),
    onPasskeyRequired: () => tell({ kind: 'passkey_required' }),
    onJournaled: options.onJournaled,
    onUndecryptable: async (stanzaKey, promotion) => {
      // Its own key: what of the stanza is journaled stays open for the parts that a retry will bring.
      const input = { deviceId, stanzaKey: `undecryptable ${stanzaKey}`, promotion }
      await underLease(store.inbound.promote(lease, input, origin(), clock.now()))
    },
    onReceipt: async (receipt) => {
      await underLease(store.messages.recordReceipt(lease, { deviceId, ...receipt }, origin(), clock.now()))
    },
    onMarked: ({ mark, ...message }) => {
      const write = store.messages.mark(lease, { deviceId, ...message }, mark, origin(), clock.now())
      underLease(write).catch((error: unknown) =>
        log.error({ device: deviceId, err: error }, 'a mark on a message was not stored'),
      )
    },
    onSightings: options.onSightings,
    onMemberReceipts: async (receipts, others) => {
      const input = { deviceId, ...receipts, others }
      await underLease(store.receipts.recordOfMembers(lease, input, origin(), clock.now()))
    },
    onDeaf: () => tell({ kind: 'deaf' }),
    onStoreFailed: options.onStoreFailed,
    onLeaseLost: options.onLeaseLost,
    onClosed: (close) => tell({ kind: 'closed', close }),
  }
}
