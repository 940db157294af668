import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bulkQueuedMax, type RecipientStatus } from '../../../src/domain/bulk.ts'
import { deviceLeaseName, type Lease } from '../../../src/domain/lease.ts'
import type { Store } from '../../../src/store/store.ts'
import { create } from './bulks.ts'
import {
  claim,
  deviceId,
  enqueue,
  leaseTtlMs,
  origin,
  refused,
  sentAt,
  t0,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const nextTerm = async (store: Store): Promise<Lease> => {
  const lease = await store.leases.claim(deviceLeaseName(deviceId), 'c1', leaseTtlMs, t0)
  if (lease === undefined) throw new Error('the lease was refused')
  return lease
}

const open: readonly RecipientStatus[] = ['waiting', 'queued']
const openCount = async (store: Store, id: string): Promise<number> => {
  const counts = await store.bulks.counts(id)
  return open.reduce((sum, status) => sum + counts[status], 0)
}

export const describeBulksProperty = (openStores: OpenStores): void => {
  describe('whatever happens to bulks', () => {
    const world = useWorld(openStores)
    let played = 0

    type Step = 'feed' | 'claim' | 'send' | 'fail' | 'crash' | 'pause' | 'resume' | 'cancel' | 'single'
    const steps = fc.array(
      fc.constantFrom<Step>(
        'feed',
        'feed',
        'claim',
        'send',
        'send',
        'fail',
        'crash',
        'pause',
        'resume',
        'cancel',
        'single',
      ),
      { maxLength: 30 },
    )

    it('no recipient is sent to twice or forgotten', async () => {
      await fc.assert(
        fc.asyncProperty(steps, fc.integer({ min: 0, max: 60 }), async (given, total) => {
          const id = `p${played++}`
          const { store } = world
          await create(store, id, total)
          let lease = await nextTerm(store)
          const flying = new Set<string>()
          const sent: string[] = []
          const record = async (outcome: 'sent' | 'failed'): Promise<void> => {
            for (const one of flying) {
              await store.outbox.record(lease, one, outcome === 'sent' ? sentAt(t0) : refused, origin, t0)
              if (outcome === 'sent') sent.push(one)
            }
            flying.clear()
          }
          let singles = 0
          const run = async (step: Step): Promise<void> => {
            switch (step) {
              case 'feed':
                await store.bulks.feed(lease, origin, t0)
                return
              case 'claim':
                for (const one of await claim(store, lease, t0, 7)) flying.add(one)
                return
              case 'send':
                return record('sent')
              case 'fail':
                return record('failed')
              case 'crash': {
                lease = await nextTerm(store)
                await store.outbox.recover(lease, deviceId, origin, t0)
                flying.clear()
                return
              }
              case 'single':
                await enqueue(store, `${id}-single-${singles++}`)
                return
              case 'pause':
              case 'resume':
              case 'cancel':
                await store.bulks.change(id, step, origin, t0).catch((error: unknown) => {
                  if ((error as { code?: string }).code !== 'bulk_ended') throw error
                })
            }
          }
          for (const step of given) {
            await run(step)
            const counts = await store.bulks.counts(id)
            expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(total)
            expect(counts.queued).toBeLessThanOrEqual(bulkQueuedMax)
          }
          await run('crash')
          await run('resume')
          for (let left = total + singles + 2; left > 0; left--) {
            for (const step of ['feed', 'claim', 'send'] as const) await run(step)
          }
          expect(await openCount(store, id)).toBe(0)
          expect((await store.bulks.get(id))?.endedAt).toBe(t0)
          expect(new Set(sent).size).toBe(sent.length)
          const counts = await store.bulks.counts(id)
          expect(sent.filter((one) => /^p\d+-\d+$/.test(one) && one.startsWith(`${id}-`))).toHaveLength(
            counts.sent,
          )
          if (!given.includes('cancel') && !given.includes('fail')) expect(counts.sent).toBe(total)
        }),
        { numRuns: 40 },
      )
    }, 120_000)
  })
}
