import type { Event } from '../../domain/event.ts'
import type { Delivery, DeliveryAttempt } from '../../domain/webhook.ts'
import type { DeliveryFilter, Page } from '../../store/store.ts'
import type { ControlContext } from '../context.ts'
import { checkDeviceId } from '../device-id.ts'
import type { PageInput } from '../page.ts'
import { knownDelivery, knownEndpoint } from './known-webhook.ts'

export interface ShownDelivery {
  readonly delivery: Delivery
  /** Oldest first, the newest `attemptsShownMax` of them. */
  readonly attempts: readonly DeliveryAttempt[]
  /** Null when it is not kept any more. */
  readonly event: Event | null
}

export const attemptsShownMax = 100

/** What was sent, or is to be sent, to an endpoint, newest first. */
export const listDeliveries = async (
  ctx: ControlContext,
  { filter, page }: { filter: DeliveryFilter; page: PageInput },
): Promise<Page<Delivery>> => {
  const { deviceId } = filter
  if (deviceId !== undefined) checkDeviceId(deviceId)
  await knownEndpoint(ctx, { id: filter.endpointId })
  return await ctx.store.webhooks.deliveries(filter, page)
}

/** One delivery with its event, and how each attempt went. */
export const getDelivery = async (
  ctx: ControlContext,
  input: { id: string; deliveryId: string },
): Promise<ShownDelivery> => {
  const { store } = ctx
  const delivery = await knownDelivery(ctx, input)
  const { eventSeq } = delivery
  const [event = null] = await store.events.after(eventSeq - 1, { limit: 1, until: eventSeq })
  return { delivery, attempts: await store.webhooks.attempts(delivery.id, attemptsShownMax), event }
}
