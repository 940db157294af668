import type { GivenBody } from '../domain/body.ts'
import { partyJid } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import { checkBody } from './check-body.ts'
import { completeBody } from './complete-body.ts'
import type { ControlContext } from './context.ts'
import { getMessage } from './get-message.ts'
import { ourMessage } from './our-message.ts'
import { planFrom, type PlanInput } from './plan-input.ts'
import { saidBy } from './send-body.ts'

export interface ChangeMessageInput {
  readonly id: string
  readonly plan: PlanInput
  /** What it is to say instead. */
  readonly body?: GivenBody
}

/** Changes a message that waits for its time. Throws `message_not_scheduled` when it does not. */
export const changeMessage = async (
  ctx: ControlContext,
  { id, plan, body }: ChangeMessageInput,
): Promise<Message> => {
  const { deviceId, chat, text, body: before } = await getMessage(ctx, { id })
  const checked = body === undefined ? undefined : await checkBody(ctx, deviceId, partyJid(chat), body)
  const complete = checked === undefined ? undefined : await completeBody(ctx, deviceId, checked.body)
  const says = complete?.body ?? before ?? { type: 'text' as const, text: text ?? '' }
  const now = ctx.clock.now()
  return ourMessage(ctx, id, () =>
    ctx.store.schedule.change(
      id,
      (_message, planned) => {
        const changed = planFrom(plan, says, now, planned)
        if (checked === undefined || complete === undefined) return { plan: changed }
        const said = saidBy(ctx, complete.body, checked.target)
        return { plan: changed, said: { body: null, targetId: null, ...said } }
      },
      ctx.origin,
      now,
    ),
  )
}
