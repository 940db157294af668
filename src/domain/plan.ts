import { bodyText, type MessageBody } from './body.ts'
import { GatewayError } from './errors.ts'

/** Which of the chats that are due goes first. Within a chat the order stays that of acceptance. */
export type Priority = 'high' | 'normal' | 'low'
/** Most urgent first: a place in this list is what the outbox sorts by. */
export const priorities = ['high', 'normal', 'low'] as const satisfies readonly Priority[]

export const rankOf = (priority: Priority): number => priorities.indexOf(priority)
export const priorityOf = (rank: number): Priority => priorities[rank] ?? 'normal'

/** How and when a message is to be sent. Times are wall-clock ms. */
export interface Plan {
  readonly priority: Priority
  /** Not before; null: as soon as it can be. */
  readonly sendAt: number | null
  /** Given up when it is not sent by then. */
  readonly expiresAt: number | null
  /** So long the recipient sees that somebody types, or records; null: not at all. */
  readonly typingMs: number | null
}

export const plainPlan: Plan = { priority: 'normal', sendAt: null, expiresAt: null, typingMs: null }

const dayMs = 24 * 60 * 60 * 1000

/** So far ahead may `sendAt` and `expiresAt` lie. */
export const planAheadMaxMs = 366 * dayMs
/** Nobody is shown typing for longer. */
export const typingMaxMs = 30_000

const typingMinMs = 1_000
const typingMsPerChar = 60
/** What is recorded or chosen takes its time too, whatever it says. */
const typingMsWithoutText = 3_000

/** How long somebody would type this. */
export const typingMsOf = (body: MessageBody): number => {
  const text = body.type === 'voice' ? null : bodyText(body)
  const ms = text === null ? typingMsWithoutText : text.length * typingMsPerChar
  return Math.min(typingMaxMs, Math.max(typingMinMs, ms))
}

const refuse = (detail: string): never => {
  throw new GatewayError('invalid_plan', detail)
}

/**
 * The plan as it is kept. A `sendAt` that has passed is now. Throws `invalid_plan` for times that cannot be meant: more
 * than a year ahead, or an end before the beginning.
 */
export const checkPlan = (plan: Plan, now: number): Plan => {
  const { sendAt, expiresAt } = plan
  for (const [name, at] of [
    ['sendAt', sendAt],
    ['expiresAt', expiresAt],
  ] as const) {
    if (at !== null && at > now + planAheadMaxMs) {
      refuse(`${name} may lie ${planAheadMaxMs / dayMs} days ahead at most, by the clock of this machine`)
    }
  }
  if (expiresAt !== null && expiresAt <= now)
    refuse('expiresAt has passed already, by the clock of this machine')
  if (expiresAt !== null && sendAt !== null && expiresAt <= sendAt) refuse('expiresAt must lie after sendAt')
  return sendAt !== null && sendAt <= now ? { ...plan, sendAt: null } : plan
}
