import type { DeviceView } from '../domain/shown-status.ts'
import type { ControlContext } from './context.ts'

/** All devices that are not removed, by id. */
export const listDevices = async (ctx: ControlContext): Promise<readonly DeviceView[]> =>
  await ctx.store.devices.list()
