import { GatewayError } from '../../domain/errors.ts'
import type { Delivery } from '../../domain/webhook.ts'
import type { ControlContext } from '../context.ts'
import { knownDelivery, knownEndpoint } from './known-webhook.ts'

/** What one transaction takes on, since others write between; and one request: the answer tells whether there is more. */
export const redeliverLimits = { batch: 1_000, most: 100_000 }

/** Has a delivery tried at once, with as many attempts as a new one. */
export const redeliver = async (
  ctx: ControlContext,
  input: { id: string; deliveryId: string },
): Promise<Delivery> => {
  const { id } = await knownDelivery(ctx, input)
  const delivery = await ctx.store.webhooks.redeliver(id, ctx.origin, ctx.clock.now())
  if (delivery !== undefined) return delivery
  throw new GatewayError('delivery_in_flight', `delivery ${id} is being sent at this moment`)
}

export interface Redelivered {
  readonly count: number
  /** False when there are more than one request takes on: ask again. */
  readonly complete: boolean
}

/** The same for all that have failed and were made at `since` (ms) or later. */
export const redeliverFailed = async (
  ctx: ControlContext,
  { id, since }: { id: string; since: number },
  { batch: limit, most } = redeliverLimits,
): Promise<Redelivered> => {
  const { store, clock, origin } = ctx
  await knownEndpoint(ctx, { id })
  let count = 0
  let afterSeq = 0
  while (count < most) {
    const range = { since, afterSeq, limit }
    const batch = await store.webhooks.redeliverFailed(id, range, origin, clock.now())
    if (batch.lastSeq === null) return { count, complete: true }
    count += batch.count
    afterSeq = batch.lastSeq
  }
  return { count, complete: false }
}
