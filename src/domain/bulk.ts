/** One message for many people. */
import type { GivenBody, MessageBody } from './body.ts'
import { GatewayError } from './errors.ts'
import type { Party } from './jid.ts'
import type { Plan } from './plan.ts'

/** `done`: nothing waits any more, and the last of its messages was sent or given up. */
export type BulkState = 'running' | 'paused' | 'cancelled' | 'done'
export const bulkStates: readonly BulkState[] = ['running', 'paused', 'cancelled', 'done']

/** Where a recipient of a bulk is. Once it is `fed`, its message tells how it goes on. */
export type RecipientState = 'waiting' | 'fed' | 'invalid' | 'duplicate' | 'cancelled'
export const recipientStates: readonly RecipientState[] = [
  'waiting',
  'fed',
  'invalid',
  'duplicate',
  'cancelled',
]

/**
 * How far the bulk has come with a recipient. `queued`: its message is in the outbox. `cancelled` is what a person gave up,
 * `failed` what could not be sent for any other reason.
 */
export const recipientStatuses = [
  'waiting',
  'queued',
  'sent',
  'delivered',
  'read',
  'failed',
  'invalid',
  'duplicate',
  'cancelled',
] as const
export type RecipientStatus = (typeof recipientStatuses)[number]

export const bulkRecipientsMax = 10_000
export const bulkNameCharsMax = 200
export const variablesMax = 32
export const variableCharsMax = 4_096
/** As long as WhatsApp's apps let a caption be. */
const captionCharsMax = 4_096
/** So many messages of a bulk are in the outbox at a time: what waits longer can be given up or paused at no cost. */
export const bulkQueuedMax = 20

export interface Bulk {
  /** `bulk_…` */
  readonly id: string
  readonly deviceId: string
  readonly name: string | null
  readonly state: BulkState
  /** With `{{names}}` in its text or caption. */
  readonly body: MessageBody
  readonly plan: Plan
  readonly sender: Party
  readonly senderName: string | null
  /** Recipients as they were given, the invalid ones and the duplicates too. */
  readonly total: number
  readonly createdAt: number
  readonly updatedAt: number
  /** When its first message was put into the outbox. */
  readonly startedAt: number | null
  /** When the last of its messages was sent or given up. */
  readonly endedAt: number | null
}

export type Variables = Readonly<Record<string, string>>

export type BulkVerb = 'pause' | 'resume' | 'cancel'

/** What becomes of a bulk that a person wants to go on otherwise; it may be as it is. Throws `bulk_ended`. */
export const onBulkVerb = (state: BulkState, verb: BulkVerb): BulkState => {
  const next = { pause: 'paused', resume: 'running', cancel: 'cancelled' } as const
  if (state === 'done' || (state === 'cancelled' && verb !== 'cancel')) {
    const why = state === 'done' ? 'it is done' : 'it was cancelled'
    throw new GatewayError('bulk_ended', `the bulk has ended: ${why}; make a new one`)
  }
  return next[verb]
}

const placeholder = /\{\{\s*([\p{L}\p{N}_.-]{1,64})\s*\}\}/gu
const urlWithPlaceholder = /https?:\/\/\S*\{\{/i

/** Would a preview of the link in this text be of a page that nobody is sent to? */
export const hasPlaceholderInUrl = (text: string): boolean => urlWithPlaceholder.test(text)

const fillText = (text: string, variables: Variables, missing: Set<string>): string =>
  text.replace(placeholder, (whole, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined
    if (value === undefined) missing.add(name)
    return value ?? whole
  })

/** A body with the `{{names}}` of its text or caption replaced; and those for which there is no variable. */
export const fillBody = <Body extends GivenBody | MessageBody>(
  body: Body,
  variables: Variables,
): { readonly body: Body; readonly missing: readonly string[] } => {
  const missing = new Set<string>()
  const fill = (text: string): string => fillText(text, variables, missing)
  const text = 'text' in body ? { text: fill(body.text) } : {}
  const caption = 'caption' in body && body.caption !== undefined ? { caption: fill(body.caption) } : {}
  return { body: { ...body, ...text, ...caption }, missing: [...missing] }
}

export const isCaptionTooLong = (body: GivenBody): boolean =>
  'caption' in body && (body.caption?.length ?? 0) > captionCharsMax
