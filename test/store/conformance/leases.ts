import { describe, expect, it } from 'vitest'
import { leaseTtlMaxMs } from '../../../src/domain/lease.ts'
import { leaseTtlMs, t0, useWorld, type OpenStores } from './fixtures.ts'

export const describeLeases = (open: OpenStores): void => {
  describe('leases', () => {
    const world = useWorld(open)
    const claim = (owner: string, now = t0, deadOwner?: string) =>
      world.store.leases.claim('seat', owner, leaseTtlMs, now, deadOwner)
    const claimed = async (owner: string, now = t0) => {
      const lease = await claim(owner, now)
      if (lease === undefined) throw new Error('the lease was refused')
      return lease
    }

    it('a free lease goes to whoever asks, in its first epoch', async () => {
      const lease = await claim('a')
      expect(lease).toEqual({ name: 'seat', owner: 'a', epoch: 1, expiresMono: t0 + leaseTtlMs })
      expect(await world.other.leases.get('seat')).toEqual(lease)
      expect(await world.other.leases.get('another')).toBeUndefined()
    })

    it('a live lease is not given to another', async () => {
      await claim('a')
      expect(await claim('b', t0 + leaseTtlMs - 1)).toBeUndefined()
      expect((await world.other.leases.get('seat'))?.owner).toBe('a')
    })

    it('an expired lease can be taken, in a new epoch', async () => {
      await claim('a')
      expect(await claim('b', t0 + leaseTtlMs)).toMatchObject({ owner: 'b', epoch: 2 })
    })

    it('a lease that would end later than any can is of an earlier start of the machine, and can be taken', async () => {
      await claim('a', t0)
      const restarted = t0 + leaseTtlMs - leaseTtlMaxMs
      expect(await claim('b', restarted)).toBeUndefined()
      expect(await claim('b', restarted - 1)).toMatchObject({ owner: 'b', epoch: 2 })
    })

    it('claiming our own lease makes a new epoch', async () => {
      await claim('a')
      expect(await claim('a', t0 + 1)).toMatchObject({
        owner: 'a',
        epoch: 2,
        expiresMono: t0 + 1 + leaseTtlMs,
      })
    })

    it('the lease of an owner that is known to be dead can be taken at once, that of another not', async () => {
      await claim('a')
      expect(await claim('b', t0, 'somebody')).toBeUndefined()
      expect(await claim('b', t0, 'a')).toMatchObject({ owner: 'b', epoch: 2 })
    })

    it('of many who claim at once one gets it', async () => {
      const all = await Promise.all(
        ['a', 'b', 'c', 'd'].map((owner, at) =>
          (at % 2 === 0 ? world.store : world.other).leases.claim('seat', owner, leaseTtlMs, t0),
        ),
      )
      expect(all.filter((lease) => lease !== undefined)).toHaveLength(1)
    })

    it('renewing extends what is still ours and tells what is not', async () => {
      const mine = await claimed('a')
      const lost = (await world.store.leases.claim('other', 'a', 1, t0)) ?? mine
      await world.store.leases.claim('other', 'b', leaseTtlMs, t0 + 1)
      const kept = await world.store.leases.renew('a', [mine, lost], leaseTtlMs, t0 + 10)
      expect(kept).toEqual([{ ...mine, expiresMono: t0 + 10 + leaseTtlMs }])
      expect(await world.other.leases.get('seat')).toEqual(kept[0])
      expect((await world.other.leases.get('other'))?.owner).toBe('b')
    })

    it('an expired lease that nobody has taken can be renewed', async () => {
      const lease = await claimed('a')
      expect(await world.store.leases.renew('a', [lease], leaseTtlMs, t0 + 2 * leaseTtlMs)).toHaveLength(1)
    })

    it('an older epoch of ours cannot be renewed', async () => {
      const old = await claimed('a')
      await claim('a')
      expect(await world.store.leases.renew('a', [old], leaseTtlMs, t0)).toEqual([])
    })

    it('a released lease is free at once and its next epoch is a new one', async () => {
      const lease = await claimed('a')
      await world.store.leases.release(lease, t0 + 1)
      expect(await world.other.leases.get('seat')).toBeUndefined()
      expect(await claim('b', t0 + 1)).toMatchObject({ owner: 'b', epoch: 2 })
    })

    it('a stale lease releases nothing', async () => {
      const old = await claimed('a')
      const current = await claimed('a')
      await world.store.leases.release(old, t0)
      expect(await world.other.leases.get('seat')).toEqual(current)
    })
  })
}
