import type { Db } from './statements.ts'
import type { WebhookQueries } from './webhook-rows.ts'

/**
 * Settles deliveries that nobody has tried to the end. Where events keep their order, the next of the device may go then.
 */
export const createDeliverySettling = ({ $client: client }: Db, { releaseNext }: WebhookQueries) => {
  const settle = client.prepare<[string, string, string, number, number]>(
    `update webhook_deliveries set state = ?, due_at = null, owner = null, epoch = null, error_code = ?, error_detail = ?,
      settled_at = ? where seq = +?`,
  )
  return (
    delivery: { readonly seq: number; readonly endpointId: string; readonly deviceId: string | null },
    state: 'failed' | 'cancelled',
    error: { readonly code: string; readonly detail: string },
    now: number,
  ): void => {
    settle.run(state, error.code, error.detail, now, delivery.seq)
    releaseNext(delivery.endpointId, delivery.deviceId, now)
  }
}

export type SettleDelivery = ReturnType<typeof createDeliverySettling>
