import type { Device } from '../domain/device.ts'
import { GatewayError } from '../domain/errors.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

/** A device of which there is a record, be it removed or not: what it did stays readable. */
export const knownDevice = async (ctx: ControlContext, id: string): Promise<Device> => {
  const view = await ctx.store.devices.get(checkDeviceId(id))
  if (view === undefined) throw new GatewayError('device_not_found', `there has never been a device ${id}`)
  return view.device
}
