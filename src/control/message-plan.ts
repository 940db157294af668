import type { Message } from '../domain/message.ts'
import { pace, type Pace, type WaitReason } from '../domain/pacing.ts'
import type { PlanView } from '../store/store.ts'
import type { ControlContext } from './context.ts'

/** Why a message that is queued does not leave, though its connection may be open. */
export interface Waiting {
  readonly reason: 'send_at' | 'bulk_paused' | WaitReason
  /** Null: until somebody lets it. */
  readonly until: number | null
}

export interface ShownPlan extends PlanView {
  readonly waiting: Waiting | null
}

/** How fast a device may send at this moment. */
export const paceOf = async ({ store, clock }: ControlContext, deviceId: string): Promise<Pace> => {
  const device = (await store.devices.get(deviceId))?.device
  const now = clock.now()
  const { pacing = null, restrictedUntil = null } = device ?? {}
  const history = await store.pacing.history(deviceId, pacing, now)
  return pace(pacing, restrictedUntil, history, now)
}

const waitingOf = async (ctx: ControlContext, message: Message, plan: PlanView): Promise<Waiting | null> => {
  if (plan.parkedFor === 'time') return { reason: 'send_at', until: plan.sendAt }
  if (plan.parkedFor === 'bulk') return { reason: 'bulk_paused', until: null }
  const { any, newChats } = await paceOf(ctx, message.deviceId)
  return plan.heldFor === null ? any : newChats
}

/** How the outbox means to go on with a message; null for one that it does not know, or is done with. */
export const planOf = async (ctx: ControlContext, message: Message): Promise<ShownPlan | null> => {
  const { status, direction } = message
  if (direction !== 'outbound' || (status !== 'queued' && status !== 'sending')) return null
  const plan = await ctx.store.schedule.plan(message.id)
  if (plan === undefined) return null
  return { ...plan, waiting: status === 'queued' ? await waitingOf(ctx, message, plan) : null }
}
