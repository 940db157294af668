import type { DeviceStatus, StatusReason } from './device.ts'
import type { MediaState } from './media.ts'
import type { MessageFailure, MessageMark, MessageStatus } from './message.ts'
import type { OperationFailure, OperationKind, OperationState } from './operation.ts'
import type { ShownMessage } from './shown-message.ts'

/**
 * What is done to a message: `messageId` is that message, `actId` the one that did it. `pending`: it cannot be decrypted,
 * and was asked for again. `acknowledged`: it has come a step further with a member of its group.
 */
type MessageNews = 'reacted' | 'edited' | 'deleted' | 'pinned' | 'pending' | 'acknowledged'

export type MessageEventType =
  | `message.${'received' | 'queued' | Exclude<MessageStatus, 'queued'> | 'cancelled' | 'scheduled' | MessageNews | MessageMark}`
  | 'poll.voted'

/**
 * What every event about a message says. Listeners find in it whose and which message it is; what it says in full is in
 * `message`, of the event with which it enters the log.
 */
export interface MessageEventData {
  readonly messageId: string
  readonly whatsappId: string
  /** The JID to show. */
  readonly chat: string
  readonly chatLid: string | null
  /** Was it written by the account's owner, here or on a phone? */
  readonly fromMe: boolean
  readonly message?: ShownMessage
  /** The person who caused it, by the JID to show. */
  readonly from?: string
  readonly type?: string
  readonly error?: MessageFailure | null
  /** ISO 8601, like all times in events. */
  readonly at?: string
  readonly sendAt?: string | null
  readonly actId?: string
  readonly emoji?: string
  readonly options?: readonly string[]
  readonly text?: string
  readonly until?: string | null
  readonly member?: string
  readonly status?: string
}

/** Someone as an event names them. */
export interface EventParty {
  /** The JID to show. */
  readonly jid: string
  readonly lid: string | null
  /** Digits. */
  readonly phone: string | null
}

export type CallNews = 'received' | 'accepted' | 'rejected' | 'missed' | 'ended'

/** What is seen on an account that is neither a message nor a change of ours: noted as it comes, and kept nowhere else. */
export type Sighting =
  | {
      /** The account is in a group now, or not any more. */
      readonly type: 'group.joined' | 'group.left'
      readonly data: {
        readonly chat: string
        readonly subject: string | null
        readonly by: EventParty | null
      }
    }
  | {
      readonly type: 'group.members_changed'
      readonly data: {
        readonly chat: string
        readonly change: 'added' | 'removed' | 'promoted' | 'demoted'
        readonly members: readonly EventParty[]
        readonly by: EventParty | null
      }
    }
  | {
      /** Only what has changed is there. */
      readonly type: 'group.updated'
      readonly data: {
        readonly chat: string
        readonly by: EventParty | null
        readonly subject?: string
        readonly description?: string | null
        /** May only admins write? */
        readonly announce?: boolean
        /** May only admins change subject, picture and description? */
        readonly locked?: boolean
        /** Disappearing messages, in seconds; 0 is off. */
        readonly expiresInSeconds?: number
        readonly picture?: 'changed' | 'removed'
      }
    }
  | {
      readonly type: 'contact.updated'
      readonly data: {
        readonly contact: EventParty
        /** As the owner's address book calls them. */
        readonly name?: string | null
        /** As they call themselves. */
        readonly pushName?: string
        readonly picture?: 'changed' | 'removed'
        /** What they say of themselves. */
        readonly about?: string
      }
    }
  | {
      /** Only what has changed is there. */
      readonly type: 'chat.updated'
      readonly data: {
        readonly chat: string
        readonly chatLid: string | null
        readonly archived?: boolean
        readonly pinned?: boolean
        readonly muted?: boolean
        /** Comes with `muted`. ISO 8601; null when it is muted for good, or not muted any more. */
        readonly mutedUntil?: string | null
        readonly read?: boolean
      }
    }
  | {
      readonly type: 'chat.deleted' | 'chat.cleared'
      readonly data: { readonly chat: string; readonly chatLid: string | null }
    }
  | {
      readonly type: 'presence.updated'
      readonly data: {
        readonly chat: string
        readonly chatLid: string | null
        readonly from: EventParty
        readonly state: 'available' | 'unavailable' | 'composing' | 'recording' | 'paused'
        readonly lastSeenAt: string | null
      }
    }
  | {
      readonly type: `call.${CallNews}`
      readonly data: {
        readonly callId: string
        readonly chat: string
        readonly chatLid: string | null
        /** Who calls. */
        readonly from: EventParty
        /** Null when only the end of the call was seen; so is `group`. */
        readonly video: boolean | null
        readonly group: boolean | null
      }
    }
  | {
      readonly type: 'label.updated'
      readonly data: {
        readonly labelId: string
        readonly name: string
        /** WhatsApp's number of a colour. */
        readonly color: number
        readonly deleted: boolean
      }
    }
  | {
      readonly type: 'label.assigned' | 'label.unassigned'
      readonly data: {
        readonly labelId: string
        readonly chat: string
        readonly chatLid: string | null
        /** WhatsApp's id of the message that it is on; null when it is on the whole chat. */
        readonly whatsappId: string | null
      }
    }
  | {
      /** WhatsApp has given a part of what was there before the link. */
      readonly type: 'history.synced'
      readonly data: {
        readonly kind: 'initial' | 'recent' | 'full' | 'push_names' | 'on_demand' | 'other'
        readonly chats: number
        readonly contacts: number
        readonly messages: number
        /** Percent; null when WhatsApp does not say. */
        readonly progress: number | null
      }
    }

/** A fact about the gateway, `noun.past`; the log of them is append-only and numbered by `seq`. All times are ISO 8601. */
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
  | { readonly type: 'device.qr_updated'; readonly data: { readonly expiresAt: string } }
  | {
      readonly type: 'device.linked'
      readonly data: { readonly phone: string; readonly lid: string | null; readonly pushName: string | null }
    }
  | { readonly type: 'device.unlinked'; readonly data: { readonly reason: StatusReason } }
  | {
      /** WhatsApp lets the account open no new chats until then; null when that is over. */
      readonly type: 'device.restricted'
      readonly data: { readonly until: string | null }
    }
  | { readonly type: MessageEventType; readonly data: MessageEventData }
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
  | {
      /** Nothing more is sent there until a person has it go on. */
      readonly type: 'webhook.endpoint_disabled'
      readonly data: { readonly endpointId: string; readonly url: string; readonly reason: string }
    }
  | {
      /** Somebody wants to see what arrives at an endpoint. It goes to no other. */
      readonly type: 'webhook.tested'
      readonly data: { readonly endpointId: string }
    }
  | Sighting

export type EventType = EventBody['type']

/** An event before the store numbers it; `deviceId` is null for one that is about the gateway as a whole. */
export type NewEvent = EventBody & { readonly deviceId: string | null }

export type Event = NewEvent & {
  readonly seq: number
  /** `evt_…`, never changes. */
  readonly id: string
  readonly at: number
}
