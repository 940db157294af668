import { GatewayError } from '../../domain/errors.ts'
import type { Delivery, Endpoint } from '../../domain/webhook.ts'
import type { ControlContext } from '../context.ts'

export const noWebhook = (id: string): GatewayError =>
  new GatewayError('webhook_not_found', `there is no webhook ${id}`)

export const endpointOf = (endpoint: Endpoint | undefined, id: string): Endpoint => {
  if (endpoint === undefined || endpoint.state === 'removed') throw noWebhook(id)
  return endpoint
}

/** An endpoint that is not removed. */
export const knownEndpoint = async ({ store }: ControlContext, { id }: { id: string }): Promise<Endpoint> =>
  endpointOf(await store.webhooks.get(id), id)

/** A delivery of an endpoint that is not removed. */
export const knownDelivery = async (
  ctx: ControlContext,
  { id, deliveryId }: { id: string; deliveryId: string },
): Promise<Delivery> => {
  const endpoint = await knownEndpoint(ctx, { id })
  const delivery = await ctx.store.webhooks.delivery(deliveryId)
  if (delivery?.endpointId !== endpoint.id) {
    throw new GatewayError('delivery_not_found', `webhook ${id} has no delivery ${deliveryId}`)
  }
  return delivery
}
