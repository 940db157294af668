import type { Bulk, RecipientStatus } from '../domain/bulk.ts'
import { GatewayError } from '../domain/errors.ts'
import type { ControlContext } from './context.ts'

export interface CountedBulk {
  readonly bulk: Bulk
  readonly counts: Readonly<Record<RecipientStatus, number>>
}

export const bulkOf = (bulk: Bulk | undefined, id: string): Bulk => {
  if (bulk === undefined) throw new GatewayError('bulk_not_found', `there is no bulk ${id}`)
  return bulk
}

/** A bulk, and how far it has come with its recipients. */
export const getBulk = async ({ store }: ControlContext, { id }: { id: string }): Promise<CountedBulk> => {
  const bulk = bulkOf(await store.bulks.get(id), id)
  return { bulk, counts: await store.bulks.counts(id) }
}
