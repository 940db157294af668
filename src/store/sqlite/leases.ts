import { unaudited } from './accounted.ts'
import { and, eq, sql } from './drizzle.ts'
import { leaseTtlMaxMs, type Lease } from '../../domain/lease.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { LeaseStore } from '../store.ts'
import type { Engine } from './engine.ts'
import { leases } from './schema.ts'
import { assign, everyColumn, param, type Db } from './statements.ts'

type LeaseRow = typeof leases.$inferSelect

/** A row that nobody holds is no lease. */
export const toLease = (row: LeaseRow | null | undefined): Lease | null =>
  row === null || row === undefined || row.owner === null
    ? null
    : { name: row.name, owner: row.owner, epoch: row.epoch, expiresMono: row.expiresMono }

export const createLeases = (db: Db, engine: Engine, clock: Clock): LeaseStore => {
  const select = db
    .select()
    .from(leases)
    .where(eq(leases.name, param('name')))
    .prepare()
  const claim = db
    .insert(leases)
    .values(everyColumn(leases))
    .onConflictDoUpdate({
      target: leases.name,
      set: {
        owner: sql`excluded.owner`,
        epoch: sql`${leases.epoch} + 1`,
        expiresAt: sql`excluded.expires_at`,
        expiresMono: sql`excluded.expires_mono`,
      },
      setWhere: sql`${leases.owner} is null or ${leases.owner} in (excluded.owner, ${param('deadOwner')})
        or ${leases.expiresMono} <= ${param('now')} or ${leases.expiresMono} > ${param('tooLate')}`,
    })
    .returning()
    .prepare()
  const held = and(
    eq(leases.name, param('name')),
    eq(leases.owner, param('owner')),
    eq(leases.epoch, param('epoch')),
  )
  const renew = db
    .update(leases)
    .set(assign(leases, 'expiresAt', 'expiresMono'))
    .where(held)
    .prepare()
  const release = db
    .update(leases)
    .set({ owner: null, ...assign(leases, 'expiresAt', 'expiresMono') })
    .where(held)
    .prepare()

  const endOf = (mono: number, now: number): Pick<LeaseRow, 'expiresAt' | 'expiresMono'> => ({
    expiresAt: Math.round(clock.now() + mono - now),
    // Down: a lease of the longest term must not seem to end later than it can.
    expiresMono: Math.floor(mono),
  })

  return {
    claim: (name, owner, ttlMs, now, deadOwner) =>
      engine.write(() => {
        const row = claim.get({
          name,
          owner,
          epoch: 1,
          ...endOf(now + ttlMs, now),
          now,
          tooLate: now + leaseTtlMaxMs,
          deadOwner: deadOwner ?? null,
        })
        return unaudited('lease', toLease(row) ?? undefined)
      }),
    renew: (owner, wanted, ttlMs, now) =>
      engine.writeQuietly(() => {
        const end = endOf(now + ttlMs, now)
        const renewed = wanted
          .filter(({ name, epoch }) => renew.run({ name, owner, epoch, ...end }).changes > 0)
          .map((lease) => ({ ...lease, owner, expiresMono: end.expiresMono }))
        return unaudited('lease', renewed)
      }),
    release: ({ name, owner, epoch }, now) =>
      engine.write(() => {
        release.run({ name, owner, epoch, ...endOf(now, now) })
        return unaudited('lease', undefined)
      }),
    get: (name) => engine.read(() => toLease(select.get({ name })) ?? undefined),
  }
}
