import type { BulkVerb } from '../domain/bulk.ts'
import type { ControlContext } from './context.ts'
import { bulkOf, getBulk, type CountedBulk } from './get-bulk.ts'

/** Pauses, resumes or cancels a bulk. Throws `bulk_ended`. */
export const changeBulk = async (
  ctx: ControlContext,
  { id, verb }: { id: string; verb: BulkVerb },
): Promise<CountedBulk> => {
  bulkOf(await ctx.store.bulks.change(id, verb, ctx.origin, ctx.clock.now()), id)
  return await getBulk(ctx, { id })
}
