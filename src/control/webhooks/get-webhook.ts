import type { DeliveryState, Endpoint } from '../../domain/webhook.ts'
import type { ControlContext } from '../context.ts'
import { checkDeviceId } from '../device-id.ts'
import { knownEndpoint } from './known-webhook.ts'

/** Deliveries of a state are counted so far. */
export const deliveryCountMax = 10_000

export interface CountedWebhook {
  readonly endpoint: Endpoint
  readonly counts: Readonly<Record<DeliveryState, number>>
}

/** An endpoint, and how many of its deliveries have come how far. */
export const getWebhook = async (ctx: ControlContext, { id }: { id: string }): Promise<CountedWebhook> => ({
  endpoint: await knownEndpoint(ctx, { id }),
  counts: await ctx.store.webhooks.counts(id, deliveryCountMax),
})

/** All endpoints, oldest first; with a device, those that name it. */
export const listWebhooks = async (
  { store }: ControlContext,
  { device }: { device?: string },
): Promise<readonly Endpoint[]> => {
  const id = device === undefined ? undefined : checkDeviceId(device)
  const endpoints = await store.webhooks.list()
  return id === undefined
    ? endpoints
    : endpoints.filter(({ filter }) => filter.devices?.includes(id) === true)
}
