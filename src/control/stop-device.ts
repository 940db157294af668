import { stop } from '../domain/device.ts'
import type { DeviceView } from '../domain/shown-status.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

/** Wants the device's socket closed; its credentials stay. */
export const stopDevice = async (ctx: ControlContext, input: { id: string }): Promise<DeviceView> => {
  const id = checkDeviceId(input.id)
  return await ctx.store.devices.decide(id, (before) => stop(before, id, ctx.origin, ctx.clock.now()))
}
