import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { start } from '../../../src/domain/device.ts'
import type { Delivery } from '../../../src/domain/webhook.ts'
import { deviceId, enqueue, origin, t0, useWorld, type OpenStores } from './fixtures.ts'
import {
  broken,
  claimDeliveries,
  deliveriesOf,
  dispatcherLease,
  endpointOf,
  ok,
  recordPost,
} from './webhook-fixtures.ts'

const lines = [deviceId, 'b'] as const
const lastRound = 10
/** Later than any wait. */
const afterAll = t0 + 1e9

const isOpen = ({ state }: Delivery): boolean => state === 'waiting' || state === 'sending'

export const describeWebhooksProperty = (openStores: OpenStores): void => {
  describe('whatever happens to deliveries', () => {
    const world = useWorld(openStores)
    let played = 0

    interface Step {
      readonly kind:
        | 'event'
        | 'claim'
        | 'deliver'
        | 'refuse'
        | 'give up'
        | 'give back'
        | 'crash'
        | 'redeliver'
        | 'order'
      readonly line: string
      readonly pick: number
    }
    const steps: fc.Arbitrary<Step[]> = fc.array(
      fc.record({
        kind: fc.oneof(
          { weight: 8, arbitrary: fc.constantFrom<Step['kind']>('event', 'claim') },
          {
            weight: 8,
            arbitrary: fc.constantFrom<Step['kind']>('deliver', 'give up', 'redeliver', 'redeliver'),
          },
          { weight: 3, arbitrary: fc.constantFrom<Step['kind']>('refuse', 'give back', 'crash') },
          { weight: 1, arbitrary: fc.constant<Step['kind']>('order') },
        ),
        line: fc.constantFrom(...lines),
        pick: fc.nat(20),
      }),
      { maxLength: 60 },
    )

    /** Chance seldom finds it: the second is under way when the first, given up, is asked for anew. */
    const again: Step[] = (
      ['event', 'event', 'claim', 'give up', 'claim', 'redeliver', 'claim'] as const
    ).map((kind) => ({ kind, line: deviceId, pick: 0 }))

    it('in a line only the first may be tried, it always may, and none is forgotten', async () => {
      await world.store.devices.decide('b', (before) => start(before, 'b', origin, t0))
      await fc.assert(
        fc.asyncProperty(steps, async (given) => {
          const { store } = world
          const id = `whk_p${played++}`
          const filter = { ...endpointOf('').filter, events: ['message.queued'] }
          await store.webhooks.create(endpointOf(id, { ordered: true, filter }), () => undefined, origin, t0)
          let lease = await dispatcherLease(store)
          let ordered = true
          let written = 0
          const all = () => deliveriesOf(store, id)
          const flying = async () => (await all()).filter(({ state }) => state === 'sending')

          /** The first that is under way in a line; when it is not taken, those behind it are given back. */
          const record = async (line: string, outcome: typeof ok, round: number): Promise<void> => {
            const [first, ...rest] = (await flying()).filter(({ deviceId: of }) => of === line)
            if (first === undefined) return
            await recordPost(store, lease, first.id, outcome, { round })
            if (outcome === ok || !ordered) return
            await store.webhooks.giveBack(
              lease,
              rest.map(({ id: one }) => one),
              t0,
              t0,
            )
          }
          const claim = () => claimDeliveries(store, lease, { endpointId: id, limit: 3, now: afterAll })
          const run = async ({ kind, line, pick }: Step): Promise<void> => {
            switch (kind) {
              case 'event':
                await enqueue(store, `${id}-${written++}`, { deviceId: line })
                return
              case 'claim':
                await claim()
                return
              case 'deliver':
                return record(line, ok, 1)
              case 'refuse':
                return record(line, broken, 1)
              case 'give up':
                return record(line, broken, lastRound)
              case 'give back': {
                const one = (await flying()).at(-1)
                if (one !== undefined) await store.webhooks.giveBack(lease, [one.id], t0, t0)
                return
              }
              case 'crash':
                lease = await dispatcherLease(store)
                await store.webhooks.recover(lease, t0)
                return
              case 'redeliver': {
                const deliveries = await all()
                const one = deliveries[pick % Math.max(1, deliveries.length)]
                if (one !== undefined) await store.webhooks.redeliver(one.id, origin, t0)
                return
              }
              case 'order':
                ordered = !ordered
                await store.webhooks.change(
                  id,
                  'webhook.change',
                  (before) => ({ ...before, ordered }),
                  origin,
                  t0,
                )
            }
          }
          for (const step of given) {
            await run(step)
            if (!ordered) {
              expect((await all()).filter((one) => one.state === 'waiting' && one.dueAt === null)).toEqual([])
              continue
            }
            for (const line of lines) {
              const open = (await all()).filter((one) => one.deviceId === line && isOpen(one))
              const [head, ...rest] = open
              const under = open.filter(({ state }) => state === 'sending').length
              if (under === 0 && head !== undefined) expect(head.dueAt).not.toBeNull()
              expect(rest.filter(({ state, dueAt }) => state === 'waiting' && dueAt !== null)).toEqual([])
            }
          }
          await run({ kind: 'crash', line: deviceId, pick: 0 })
          for (let left = written + 1; left > 0; left--) {
            for (const { delivery } of await claim()) await recordPost(store, lease, delivery.id, ok)
          }
          const end = await all()
          expect(end).toHaveLength(written)
          expect(end.filter(isOpen)).toEqual([])
        }),
        { numRuns: 60, examples: [[again]] },
      )
    }, 120_000)
  })
}
