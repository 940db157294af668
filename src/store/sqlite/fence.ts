import { eq } from './drizzle.ts'
import { StaleLeaseError, type Lease } from '../../domain/lease.ts'
import { leases } from './schema.ts'
import { directGet, param, type Db } from './statements.ts'

/**
 * Throws StaleLeaseError unless the lease is still its owner's in its epoch; runs inside the transaction of the write
 * that it guards. A lease that has only expired is good: nobody else has acted under it.
 */
export type Fence = (lease: Lease) => void

export const createFence = (db: Db): Fence => {
  const columns = { owner: leases.owner, epoch: leases.epoch }
  const select = directGet(
    db,
    columns,
    db
      .select(columns)
      .from(leases)
      .where(eq(leases.name, param('name'))),
  )
  return (lease) => {
    const row = select({ name: lease.name })
    if (row?.owner !== lease.owner || row.epoch !== lease.epoch) throw new StaleLeaseError(lease)
  }
}
