import { deviceLeaseName, type Lease } from '../../src/domain/lease.ts'
import type { Sighting } from '../../src/domain/event.ts'
import type { Store } from '../../src/store/store.ts'

const leases = new WeakMap<Store, Map<string, Lease>>()

const leaseOf = async (store: Store, device: string): Promise<Lease> => {
  const held = leases.get(store) ?? new Map<string, Lease>()
  leases.set(store, held)
  const lease = held.get(device) ?? (await store.leases.claim(deviceLeaseName(device), 'c1', 60_000, 0))
  if (lease === undefined) throw new Error(`somebody else holds ${device}`)
  held.set(device, lease)
  return lease
}

/** What is seen of the n-th chat: every third is deleted, the others are cleared. */
const sightingOf = (n: number): Sighting => ({
  type: n % 3 === 0 ? 'chat.deleted' : 'chat.cleared',
  data: { chat: `${1_000_000 + n}@s.whatsapp.net`, chatLid: null },
})

/** Has something happen on a device so many times, in one transaction. */
export const happen = async (store: Store, device: string, count: number): Promise<void> => {
  const sightings = Array.from({ length: count }, (_, n) => sightingOf(n))
  await store.events.note(await leaseOf(store, device), device, sightings, Date.parse('2025-11-16T02:18:05Z'))
}
