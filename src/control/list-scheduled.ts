import type { Page, ScheduledMessage } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import { knownDevice } from './known-device.ts'
import type { PageInput } from './page.ts'

export type { ScheduledMessage } from '../store/store.ts'

/** The messages of a device that wait for their time, soonest first. */
export const listScheduled = async (
  ctx: ControlContext,
  { id, page }: { id: string; page: PageInput },
): Promise<Page<ScheduledMessage>> => {
  const device = await knownDevice(ctx, id)
  return await ctx.store.schedule.list(device.id, page)
}
