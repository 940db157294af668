import { start } from '../domain/device.ts'
import type { DeviceView } from '../domain/shown-status.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

/** Wants the device to run; makes it when there is none of this id. */
export const startDevice = async (ctx: ControlContext, input: { id: string }): Promise<DeviceView> => {
  const id = checkDeviceId(input.id)
  return await ctx.store.devices.decide(id, (before) => start(before, id, ctx.origin, ctx.clock.now()))
}
