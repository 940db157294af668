import { describe, expect, it } from 'vitest'
import type { Origin } from '../../../src/domain/audit.ts'
import { contentHashOf, chainStart, hashAfter } from '../../../src/domain/audit-chain.ts'
import { start, stop } from '../../../src/domain/device.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { sha256Hex } from '../../../src/runtime/hash.ts'
import type { AuditFilter, Store } from '../../../src/store/store.ts'
import { deviceId, enqueue, nobody, origin, t0, useWorld, type OpenStores } from './fixtures.ts'

const day = 24 * 60 * 60 * 1_000
const api: Origin = { actor: { kind: 'api' }, requestId: 'req_2', address: '192.0.2.7' }

export const describeAudit = (open: OpenStores): void => {
  describe('the audit trail', () => {
    const world = useWorld(open)

    /** A start of the fixture's device, then these. */
    const fill = async (): Promise<void> => {
      for (const id of ['M1', 'M2', 'M3']) await enqueue(world.store, id, {}, t0 + 1)
      await world.store.devices.decide('b', (before) => start(before, 'b', api, t0 + 5))
      await world.store.outbox.cancel('M2', api, t0 + 4)
    }
    const seqs = async (filter: AuditFilter, store: Store = world.other): Promise<readonly number[]> =>
      (await store.audit.list(filter, { limit: 50 })).items.map(({ seq }) => seq)

    it('numbers its entries without a gap, and each has the hash of what it says and of all before it', async () => {
      await fill()
      const entries = await world.other.audit.stored(0, 100)
      expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
      let previous = chainStart
      for (const { contentHash, hash, erasedBy: _, ...content } of entries) {
        expect(contentHash).toBe(contentHashOf(content, sha256Hex))
        expect(hash).toBe(hashAfter(previous, contentHash ?? '', sha256Hex))
        expect(content.salt).toMatch(/^[0-9a-z]{16}$/)
        previous = hash ?? ''
      }
      expect(new Set(entries.map(({ salt }) => salt)).size).toBe(6)
      expect(await world.other.audit.latest()).toBe(6)
      expect(await world.other.audit.after(0, 100)).toMatchObject(
        entries.map(({ seq, contentHash, hash }) => ({ seq, contentHash, hash, erasedBy: null })),
      )
    })

    it('has no gap where a verb failed after it had written', async () => {
      const failing = world.store.devices.observe(world.lease, deviceId, (before) => {
        const change = stop(before, deviceId, api, t0)
        return {
          ...change,
          get audit(): never {
            throw new Error('no')
          },
        }
      })
      const results = await Promise.allSettled([
        enqueue(world.store, 'M1'),
        failing,
        enqueue(world.store, 'M2'),
      ])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(await seqs({})).toEqual([3, 2, 1])
    })

    it('stays one chain when two write at once', async () => {
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          enqueue(n % 2 === 0 ? world.store : world.other, `M${n}`, {}, t0 + n),
        ),
      )
      let previous = chainStart
      const entries = await world.store.audit.stored(0, 100)
      expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 41 }, (_, n) => n + 1))
      for (const { contentHash, hash } of entries) {
        expect(hash).toBe(hashAfter(previous, contentHash ?? '', sha256Hex))
        previous = hash ?? ''
      }
    })

    it('tells where a request came from', async () => {
      await world.store.devices.decide('b', (before) => start(before, 'b', api, t0))
      expect((await world.other.audit.after(1, 1))[0]?.origin).toEqual(api)
      expect((await world.other.audit.after(0, 1))[0]?.origin).toEqual(origin)
    })

    it('is listed newest first, by any of its members', async () => {
      await fill()
      expect(await seqs({})).toEqual([5, 6, 4, 3, 2, 1])
      expect(await seqs({ actor: 'api' })).toEqual([5, 6])
      expect(await seqs({ actor: 'dispatcher' })).toEqual([])
      expect(await seqs({ action: 'message.enqueue' })).toEqual([4, 3, 2])
      expect(await seqs({ action: 'message.*' })).toEqual([6, 4, 3, 2])
      expect(await seqs({ action: '*' })).toHaveLength(6)
      expect(await seqs({ action: 'message_*' })).toEqual([])
      expect(await seqs({ target: { kind: 'device' } })).toEqual([5, 1])
      expect(await seqs({ target: { kind: 'message', id: 'M2' } })).toEqual([6, 3])
      expect(await seqs({ target: { kind: 'device', id: 'M2' } })).toEqual([])
      expect(await seqs({ target: { kind: 'message', id: 'M2' }, action: 'message.cancel' })).toEqual([6])
      expect(await seqs({ target: { kind: 'message', id: 'M2' }, before: t0 + 4 })).toEqual([3])
      expect(await seqs({ requestId: 'req_2' })).toEqual([5, 6])
      expect(await seqs({ after: t0 + 1, before: t0 + 5 })).toEqual([6, 4, 3, 2])
      expect(await seqs({ after: t0 + 1, actor: 'connector' })).toEqual([4, 3, 2])
    })

    it('is listed in pages of any size, without a gap and without a double', async () => {
      await fill()
      for (const filter of [{}, { actor: 'connector' }, { target: { kind: 'message', id: 'M2' } }] as const) {
        const all = await seqs(filter)
        for (const limit of [1, 2, 3, all.length]) {
          const found: number[] = []
          for (let cursor: string | undefined; ; ) {
            const page = await world.other.audit.list(filter, { limit, ...(cursor && { cursor }) })
            expect(page.items.length).toBeLessThanOrEqual(limit)
            found.push(...page.items.map(({ seq }) => seq))
            if (page.nextCursor === null) break
            cursor = page.nextCursor
          }
          expect(found).toEqual(all)
        }
      }
      for (const cursor of ['x', '1', '1.', '.1', '1.0', '-1.1']) {
        await expect(world.store.audit.list({}, { limit: 1, cursor })).rejects.toMatchObject({
          code: 'invalid_query',
        })
      }
    })

    it('knows the span of a time, though the clock was set back in it', async () => {
      await fill()
      expect(await world.other.audit.span({})).toEqual({ first: 1, last: 6 })
      expect(await world.other.audit.span({ after: t0 + 1, before: t0 + 5 })).toEqual({ first: 2, last: 6 })
      expect(await world.other.audit.span({ after: t0 + 5 })).toEqual({ first: 5, last: 5 })
      expect(await world.other.audit.span({ before: t0 })).toBeUndefined()
      expect((await world.other.audit.after(1, 9, 4)).map(({ seq }) => seq)).toEqual([2, 3, 4])
    })

    it('has its end written down, once a day, when anything was added', async () => {
      const { store, lease } = world
      expect(await store.audit.checkpoint(lease, 0, t0)).toMatchObject({ seq: 1, count: 1, at: t0 })
      expect(await store.audit.checkpoint(lease, 0, t0 + 2 * day)).toBeUndefined()
      await fill()
      expect(await store.audit.checkpoint(lease, day, t0 + day - 1)).toBeUndefined()
      const written = await store.audit.checkpoint(lease, day, t0 + day)
      const last = (await store.audit.after(5, 1))[0]
      expect(written).toEqual({ at: t0 + day, seq: 6, count: 6, hash: last?.hash })
      expect(await world.other.audit.checkpoints(0, 5)).toMatchObject([{ seq: 1 }])
      expect(await world.other.audit.checkpoints(1, 99)).toEqual([written])
      // Since then the clock was set back.
      await store.devices.decide('b', (before) => stop(before, 'b', api, t0))
      expect(await store.audit.checkpoint(lease, day, t0)).toMatchObject({ seq: 7 })
    })

    it('has no end before it begins', async () => {
      const [fresh, same] = await open()
      const lease = await fresh.leases.claim('seat', 'c1', 1_000, t0)
      if (lease === undefined) throw new Error('a new lease was refused')
      expect(await fresh.audit.checkpoint(lease, 0, t0)).toBeUndefined()
      expect(await fresh.audit.latest()).toBe(0)
      expect(await fresh.audit.list({}, { limit: 1 })).toEqual({ items: [], nextCursor: null })
      await fresh.close()
      await same.close()
    })

    it('is not written down by who has lost the seat', async () => {
      await expect(world.store.audit.checkpoint(nobody, 0, t0)).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await world.store.audit.checkpoints(0, 99)).toEqual([])
    })
  })
}
