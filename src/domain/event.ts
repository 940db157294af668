import type { MediaState } from './media.ts'
import type { MessageMark, MessageStatus } from './message.ts'
import type { DeviceStatus, StatusReason } from './device.ts'
import type { OperationFailure, OperationKind, OperationState } from './operation.ts'

/**
 * What is done to a message: `messageId` is that message, `actId` the one that did it. `pending`: it cannot be decrypted,
 * and was asked for again. `acknowledged`: it has come a step further with a member of its group.
 */
type MessageNews = 'reacted' | 'edited' | 'deleted' | 'pinned' | 'pending' | 'acknowledged'

/** A fact about the gateway, `noun.past`; the log of them is append-only and numbered by `seq`. */
export type EventBody =
  | {
      readonly type: 'device.status_changed'
      readonly data: {
        readonly status: DeviceStatus
        readonly previous: DeviceStatus | null
        readonly reason: StatusReason | null
        readonly detail: string | null
      }
    }
  | { readonly type: 'device.pacing_changed'; readonly data: { readonly preset: string } }
  | { readonly type: 'device.qr_updated'; readonly data: { readonly expiresAt: number } }
  | {
      readonly type: 'device.linked'
      readonly data: { readonly phone: string; readonly lid: string | null; readonly pushName: string | null }
    }
  | { readonly type: 'device.unlinked'; readonly data: { readonly reason: StatusReason } }
  | {
      readonly type:
        | `message.${'received' | 'queued' | Exclude<MessageStatus, 'queued'> | 'cancelled' | 'scheduled' | MessageNews | MessageMark}`
        | 'poll.voted'
      readonly data: { readonly messageId: string; readonly [field: string]: unknown }
    }
  | {
      readonly type: `media.${MediaState}`
      /** `ofMessage` is the id of the message that it came with. */
      readonly data: {
        readonly mediaId: string
        readonly ofMessage: string | null
        readonly code?: string
        readonly detail?: string
      }
    }
  | {
      readonly type: `bulk.${'created' | 'paused' | 'resumed' | 'cancelled' | 'finished'}`
      readonly data: { readonly bulkId: string; readonly total: number }
    }
  | {
      readonly type: `operation.${Exclude<OperationState, 'running'>}`
      readonly data: {
        readonly operationId: string
        readonly kind: OperationKind
        readonly error: OperationFailure | null
      }
    }

export type EventType = EventBody['type']

/** An event before the store numbers it. */
export type NewEvent = EventBody & { readonly deviceId: string }

export type Event = NewEvent & {
  readonly seq: number
  /** `evt_…`, never changes. */
  readonly id: string
  readonly at: number
}
