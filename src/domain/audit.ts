import type { NewEvent } from './event.ts'

/** Who caused a mutation. */
export type Actor =
  | { readonly kind: 'api' }
  | { readonly kind: 'cli' }
  | { readonly kind: 'connector'; readonly id: string }
  /** What brings events to webhook endpoints. */
  | { readonly kind: 'dispatcher'; readonly id: string }

export const actorKinds = [
  'api',
  'cli',
  'connector',
  'dispatcher',
] as const satisfies readonly Actor['kind'][]

/** Where a mutation came from. */
export interface Origin {
  readonly actor: Actor
  /** The HTTP request or the connector's tick; the same id stands in the logs. */
  readonly requestId: string
  /** The network address that it came from. */
  readonly address?: string
}

export type AuditAction =
  | 'device.start'
  | 'device.stop'
  | 'device.restart'
  | 'device.remove'
  | 'device.request_pairing_code'
  | 'device.observe'
  | 'credentials.wipe'
  | 'credentials.quarantine'
  | 'message.enqueue'
  | 'message.attempt'
  | 'message.cancel'
  | 'message.retry'
  | 'message.change'
  | 'message.release'
  | 'message.expire'
  | 'message.hold'
  | 'device.set_pacing'
  | 'message.receipt'
  | 'message.receive'
  | 'message.react'
  | 'message.edit'
  | 'message.delete'
  | 'message.pin'
  | 'message.give_up'
  | 'poll.vote'
  | 'media.add'
  | 'media.fetch'
  | 'media.retry'
  | 'media.remove'
  | 'message.mark'
  | 'bulk.create'
  | 'bulk.pause'
  | 'bulk.resume'
  | 'bulk.cancel'
  | 'bulk.expire'
  | 'bulk.finish'
  | 'operation.enqueue'
  | 'operation.attempt'
  | 'operation.cancel'
  | 'webhook.create'
  | 'webhook.change'
  | 'webhook.pause'
  | 'webhook.resume'
  | 'webhook.rotate_secret'
  | 'webhook.remove'
  | 'webhook.disable'
  | 'webhook.test'
  | 'webhook.redeliver'
  | 'webhook.replay'
  | 'person.erase'
  | 'retention.sweep'

/** What changed, by whom. `before` and `after` hold the fields that matter, never secrets. */
export interface NewAuditEntry {
  readonly origin: Origin
  readonly action: AuditAction
  readonly target: {
    readonly kind:
      | 'device'
      | 'message'
      | 'operation'
      | 'media'
      | 'bulk'
      | 'webhook'
      | 'delivery'
      | 'person'
      | 'log'
    readonly id: string
  }
  readonly before: Readonly<Record<string, unknown>> | null
  readonly after: Readonly<Record<string, unknown>> | null
}

/** What a mutation leaves behind in its own transaction; the type demands both, so neither can be forgotten. */
export interface Trace {
  readonly events: readonly NewEvent[]
  readonly audit: NewAuditEntry
}
