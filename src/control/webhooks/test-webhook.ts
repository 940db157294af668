import type { Delivery, DeliveryAttempt } from '../../domain/webhook.ts'
import type { ControlContext } from '../context.ts'
import { noWebhook } from './known-webhook.ts'

export interface TestedWebhook {
  readonly delivery: Delivery
  /** Null: nobody has tried by now. */
  readonly attempt: DeliveryAttempt | null
}

/** Sends an event `webhook.tested` to an endpoint alone, and waits `webhookTestWaitMs` for what comes of the first attempt. */
export const testWebhook = async (ctx: ControlContext, { id }: { id: string }): Promise<TestedWebhook> => {
  const { store, clock, origin, watcher, waits } = ctx
  const delivery = await store.webhooks.test(id, origin, clock.now())
  if (delivery === undefined) throw noWebhook(id)
  const tried = await watcher.until(
    `delivery/${delivery.id}`,
    async () => {
      const [attempt] = await store.webhooks.attempts(delivery.id, 1)
      return attempt
    },
    waits.webhookTestWaitMs,
  )
  return {
    delivery: (await store.webhooks.delivery(delivery.id)) ?? delivery,
    attempt: tried ?? null,
  }
}
