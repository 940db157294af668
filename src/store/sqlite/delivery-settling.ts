import type { Db } from './statements.ts'

/**
 * Settles deliveries that nobody has tried to the end. Where events keep their order, the next of the device may go then: it
 * is the first that is not settled.
 */
export const createDeliverySettling = ({ $client: client }: Db) => {
  const settle = client.prepare<[string, string, string, number, number]>(
    `update webhook_deliveries set state = ?, due_at = null, owner = null, epoch = null, error_code = ?, error_detail = ?,
      settled_at = ? where seq = +?`,
  )
  const releaseNext = client.prepare<[number, string, string | null]>(
    `update webhook_deliveries set due_at = ? where due_at is null and state = 'waiting' and seq = (
      select seq from webhook_deliveries where endpoint_id = +? and device_id is +? and state in ('waiting', 'sending')
      order by seq limit 1)`,
  )
  return (
    delivery: { readonly seq: number; readonly endpointId: string; readonly deviceId: string | null },
    state: 'failed' | 'cancelled',
    error: { readonly code: string; readonly detail: string },
    now: number,
  ): void => {
    settle.run(state, error.code, error.detail, now, delivery.seq)
    releaseNext.run(now, delivery.endpointId, delivery.deviceId)
  }
}

export type SettleDelivery = ReturnType<typeof createDeliverySettling>
