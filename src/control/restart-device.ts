import { restart } from '../domain/device.ts'
import type { DeviceView } from '../domain/shown-status.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

/** Wants a new socket on the device's credentials. */
export const restartDevice = async (ctx: ControlContext, input: { id: string }): Promise<DeviceView> => {
  const id = checkDeviceId(input.id)
  return await ctx.store.devices.decide(id, (before) => restart(before, id, ctx.origin, ctx.clock.now()))
}
