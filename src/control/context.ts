import type { Origin } from '../domain/audit.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Accept } from '../media/accept.ts'
import type { PreviewLink } from '../media/link-preview.ts'
import type { BlobStore } from '../media/blobs.ts'
import type { Store } from '../store/store.ts'
import type { EventFeed } from './event-feed.ts'
import type { Watcher } from './watch.ts'

/** How long a verb may wait for the connector to act before it answers with what is known. */
export interface Waits {
  readonly sendWaitMs: number
  readonly removeWaitMs: number
  readonly pairingCodeWaitMs: number
  readonly webhookTestWaitMs: number
}

/** How files get in. */
export interface MediaIn {
  readonly accept: Accept
  /** Undefined when the operator wants no previews of links. */
  readonly previewLink: PreviewLink | undefined
}

/** What every verb of this folder is given first: the gateway, and on whose behalf it acts. */
export interface ControlContext {
  readonly store: Store
  readonly clock: Clock
  readonly waits: Waits
  readonly watcher: Watcher
  readonly feed: EventFeed
  /** A fresh WhatsApp message id: `newWhatsappId`, or a test's own. */
  readonly newWhatsappId: () => string
  /** The encoded WAProto `Message` of a plain text. */
  readonly encodeText: (text: string) => Uint8Array
  /** The encoded WAProto `Message` as plain JSON. Rejects when the bytes are none. */
  readonly decodeContent: (content: Uint8Array) => Promise<unknown>
  readonly mediaIn: MediaIn
  /** Where the bytes of files are. */
  readonly blobs: BlobStore
  /** Why nothing could ever be sent to a URL from here, in words; undefined when it is to be tried. */
  readonly webhookUrlProblem?: (url: string) => string | undefined
  readonly origin: Origin
}
