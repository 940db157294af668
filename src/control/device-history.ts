import type { Page, StatusChange } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import { knownDevice } from './known-device.ts'
import type { PageInput } from './page.ts'

export type HistoryPage = Page<StatusChange>

/** Every change of a device's status, newest first; of a removed one too. */
export const deviceHistory = async (
  ctx: ControlContext,
  { id, ...page }: { id: string } & PageInput,
): Promise<HistoryPage> => {
  const device = await knownDevice(ctx, id)
  return await ctx.store.devices.history(device.id, page)
}
