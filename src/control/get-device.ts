import { existing } from '../domain/device.ts'
import type { DeviceView } from '../domain/shown-status.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

/** A device that is not removed. */
export const getDevice = async (ctx: ControlContext, input: { id: string }): Promise<DeviceView> => {
  const id = checkDeviceId(input.id)
  const view = await ctx.store.devices.get(id)
  return { device: existing(view?.device, id), lease: view?.lease ?? null }
}
