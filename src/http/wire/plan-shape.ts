/** What a request may say of how and when its message is to be sent. */
import { z } from '@hono/zod-openapi'
import type { PlanInput } from '../../control/plan-input.ts'
import { planAheadMaxMs, priorities, typingMaxMs } from '../../domain/plan.ts'

const dayMs = 86_400_000

export const momentSchema = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
export const describeMoment = (description: string) => ({
  type: 'string' as const,
  format: 'date-time',
  description,
  example: '2026-12-24T18:00:00Z',
})

/** The members of a request that say how and when its message is to be sent. */
export const planShape = {
  sendAt: momentSchema
    .optional()
    .openapi(
      describeMoment(
        `Not before; at most ${planAheadMaxMs / dayMs} days ahead. Until then the message is not in the line of its chat`,
      ),
    ),
  expiresAt: momentSchema
    .optional()
    .openapi(describeMoment('When it is not sent by then, it becomes `failed` with the code `expired`')),
  priority: z.enum(priorities).optional().openapi({
    description: 'Of the chats that are due the more urgent goes first; within a chat the order stays',
  }),
  simulateTyping: z
    .union([z.boolean(), z.int().min(0).max(typingMaxMs)])
    .optional()
    .openapi({
      description: `Show first that somebody types: for so many ms, or true for as long as it would take; at most ${typingMaxMs}`,
    }),
}

/** Takes the plan out of a request; what is left is the body. */
export const splitPlan = (
  request: Record<string, unknown>,
): { readonly plan: PlanInput; readonly rest: Record<string, unknown> } => {
  const plan: Record<string, unknown> = {}
  const rest: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(request)) {
    if (name in planShape) plan[name] = value
    else rest[name] = value
  }
  return { plan, rest }
}
