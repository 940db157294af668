import { connectorSeat, isLive, type Lease } from '../domain/lease.ts'
import type { ControlContext } from './context.ts'

/** Proves that the store can be written and read; rejects with what it says when not. */
export const checkReady = async ({ store, clock }: ControlContext): Promise<{ connector: Lease | null }> => {
  await store.probe(clock.now())
  const seat = (await store.leases.get(connectorSeat)) ?? null
  return { connector: isLive(seat, clock.monotonic()) ? seat : null }
}
