import type { Bulk, RecipientStatus } from '../domain/bulk.ts'
import type { BulkRecipient, Page } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import { bulkOf } from './get-bulk.ts'
import { knownDevice } from './known-device.ts'
import type { PageInput } from './page.ts'

export type { BulkRecipient } from '../store/store.ts'

/** The bulks of a device, newest first. */
export const listBulks = async (
  ctx: ControlContext,
  { id, page }: { id: string; page: PageInput },
): Promise<Page<Bulk>> => {
  const device = await knownDevice(ctx, id)
  return await ctx.store.bulks.list(device.id, page)
}

/** The recipients of a bulk, in the order in which they were given. */
export const listRecipients = async (
  { store }: ControlContext,
  { id, page, status }: { id: string; page: PageInput; status?: RecipientStatus },
): Promise<Page<BulkRecipient>> => {
  bulkOf(await store.bulks.get(id), id)
  return await store.bulks.recipients(id, { ...page, ...(status === undefined ? {} : { status }) })
}
