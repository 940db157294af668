import type { SettleDelivery } from './delivery-settling.ts'
import { eventsFloorKey } from './events.ts'
import { createMetaRows } from './meta-rows.ts'
import type { SweepLog } from './retention.ts'
import type { Db } from './statements.ts'

interface Open {
  readonly seq: number
  readonly endpointId: string
  readonly deviceId: string | null
  readonly state: 'waiting' | 'sending'
  readonly createdAt: number
}

const expired = {
  code: 'expired',
  detail: 'the event is not kept any more: it could not be delivered in the time that events are kept',
}

/**
 * The oldest events, without a gap: the floor says up to where. One that is on its way to an endpoint holds the bottom until
 * its delivery is as old as events get; then, or when there are more events than are kept, the delivery is given up.
 */
export const createSweepEvents = (db: Db, settle: SettleDelivery): SweepLog => {
  const { $client: client } = db
  const rows = createMetaRows(db)
  const selectNewest = client.prepare<[], number | null>('select max(seq) from events').pluck()
  const selectOldest = client.prepare<[number, number], { seq: number; at: number }>(
    'select seq, at from events where seq > +? order by seq limit +? + 0',
  )
  const selectOpen = client.prepare<[number, number], Open>(
    `select seq, endpoint_id as endpointId, device_id as deviceId, state, created_at as createdAt from webhook_deliveries
    where event_seq = +? and state in ('waiting', 'sending') limit +? + 0`,
  )
  const remove = client.prepare<[number, number]>('delete from events where seq > +? and seq <= +?')

  return ({ before, keepMax, limit, now }) => {
    const floor = Number(rows.read(eventsFloorKey) ?? 0)
    const newest = selectNewest.get() ?? 0
    const crowdedOut = keepMax === null ? 0 : newest - keepMax
    let last: { readonly seq: number; readonly at: number } | undefined
    let [removed, settled, isHeld] = [0, 0, false]
    for (const event of selectOldest.all(floor, limit)) {
      const isCrowded = event.seq <= crowdedOut
      if (!isCrowded && (before === null || event.at >= before)) break
      const open = selectOpen.all(event.seq, limit - settled)
      isHeld = open.some(
        ({ state, createdAt }) =>
          state === 'sending' || (!isCrowded && before !== null && createdAt >= before),
      )
      if (isHeld) break
      for (const delivery of open) settle(delivery, 'failed', expired, now)
      settled += open.length
      // Perhaps there are more of them.
      if (settled >= limit) break
      last = event
      removed += 1
    }
    if (last !== undefined) {
      remove.run(floor, last.seq)
      rows.write(eventsFloorKey, String(last.seq))
    }
    const isOver = isHeld || (removed < limit && settled < limit)
    return { removed, until: last?.at ?? null, next: isOver ? null : 'more' }
  }
}
