import { remove } from '../domain/device.ts'
import { connectorSeat, isLive } from '../domain/lease.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

/**
 * Wants the device unlinked and its credentials wiped, and waits `removeWaitMs` for the connector to have done so.
 * The removal stands either way: `done` tells whether it was carried out by now.
 */
export const removeDevice = async (
  ctx: ControlContext,
  input: { id: string },
): Promise<{ done: boolean }> => {
  const { store, clock, origin, waits, watcher } = ctx
  const id = checkDeviceId(input.id)
  const { device } = await store.devices.decide(id, (before) => remove(before, id, origin, clock.now()))
  const seat = await store.leases.get(connectorSeat)
  if (!isLive(seat ?? null, clock.monotonic())) return { done: false }
  const settled = await watcher.until(
    `device/${id}`,
    async () => {
      const now = (await store.devices.get(id))?.device
      if (now?.generation !== device.generation) return { done: false }
      return now.removedAt === null ? undefined : { done: true }
    },
    waits.removeWaitMs,
  )
  return settled ?? { done: false }
}
