import type { MessageBody } from '../domain/body.ts'
import { checkPlan, plainPlan, typingMsOf, type Plan, type Priority } from '../domain/plan.ts'

/** What a caller says of how and when a message is to be sent. Times are wall-clock ms. */
export interface PlanInput {
  readonly sendAt?: number | null
  readonly expiresAt?: number | null
  readonly priority?: Priority
  /** For so many ms, or for as long as it would take to type it. */
  readonly simulateTyping?: boolean | number
}

const typingOf = (
  given: PlanInput['simulateTyping'],
  body: MessageBody,
  before: number | null,
): number | null => {
  if (given === undefined) return before
  if (given === true) return typingMsOf(body)
  return given === false || given === 0 ? null : given
}

/** The plan that comes of `before` with what was given. Throws `invalid_plan`. */
export const planFrom = (given: PlanInput, body: MessageBody, now: number, before: Plan = plainPlan): Plan =>
  checkPlan(
    {
      priority: given.priority ?? before.priority,
      sendAt: given.sendAt === undefined ? before.sendAt : given.sendAt,
      expiresAt: given.expiresAt === undefined ? before.expiresAt : given.expiresAt,
      typingMs: typingOf(given.simulateTyping, body, before.typingMs),
    },
    now,
  )

/** What was given, as part of what makes two requests the same; nothing when nothing was. */
export const planRequest = (given: PlanInput | undefined): readonly string[] =>
  given === undefined || Object.keys(given).length === 0 ? [] : [JSON.stringify(given)]
