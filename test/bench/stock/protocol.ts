/** What the benchmark and the process of the stock client say to each other over IPC. */

export interface SendOrder {
  readonly account: string
  /** A JID. */
  readonly to: string
  readonly count: number
  readonly inFlight: number
}

export type Order =
  /** Opens an account until WhatsApp says that it is open; a QR that is shown meanwhile comes as `qr`. */
  | { readonly kind: 'open'; readonly account: string }
  /** Closes the socket of an account, without logging out. */
  | { readonly kind: 'close'; readonly account: string }
  /** Sends texts on all these accounts at once, each with so many in flight; a send ends with the server's ack. */
  | { readonly kind: 'send'; readonly orders: readonly SendOrder[] }
  /** Waits until so many messages have been decoded since the process started, in all accounts; gives the number. */
  | { readonly kind: 'received'; readonly count: number }
  /** Sends a file of the disk as a document; ends with the server's ack. Gives the ms. */
  | { readonly kind: 'send-file'; readonly account: string; readonly to: string; readonly file: string }
  /** Waits until so many documents have been downloaded since the process started; gives the ms of the last. */
  | { readonly kind: 'downloaded'; readonly count: number }
  /** Runs the garbage collector. */
  | { readonly kind: 'collect' }

export interface SendResult {
  /** From the call of `sendMessage` to the server's ack, of each message. */
  readonly latenciesMs: readonly number[]
  readonly elapsedMs: number
}

export type Call = { readonly id: number } & Order

export type Reply =
  | { readonly kind: 'qr'; readonly account: string; readonly text: string }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: string }

/** How the process is started: the only argument of client.ts, as JSON. */
export interface ClientSetup {
  readonly url: string
  /** Hex. */
  readonly noiseRootKey: string
  /** The file of the SQLite key store; null keeps the keys in memory. */
  readonly file: string | null
  /** For what it downloads. */
  readonly folder: string
}
