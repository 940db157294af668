import { expect, test } from 'vitest'
import { createWebhook } from '../../src/control/webhooks/create-webhook.ts'
import { redeliverFailed } from '../../src/control/webhooks/redeliver.ts'
import { replay } from '../../src/control/webhooks/replay.ts'
import { startDevice } from '../../src/control/start-device.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { createWorld, type World } from './world.ts'

const url = 'https://example.com/in'
const limits = { batch: 3, most: 7 }

/** A webhook that comes after so many events. */
const lateWebhook = async (world: World, events: number): Promise<string> => {
  for (let at = 0; at < events; at++) await startDevice(world.ctx, { id: `device${at}` })
  return (await createWebhook(world.ctx, { url })).id
}
const madeFor = async ({ store }: World, id: string): Promise<readonly number[]> =>
  (await store.webhooks.deliveries({ endpointId: id }, { limit: 100 })).items.map(({ eventSeq }) => eventSeq)
const leaseOf = async ({ store, clock }: World): Promise<Lease> => {
  const lease = await store.leases.claim('webhooks', 'd1', 60_000, clock.monotonic())
  if (lease === undefined) throw new Error('the lease was refused')
  return lease
}

test('a replay takes on so much at a time, and says where to go on', async () => {
  const world = await createWorld()
  const id = await lateWebhook(world, 20)
  const seen: unknown[] = []
  let after = 0
  for (;;) {
    const { count, nextAfter } = await replay(world.ctx, { id, after, until: undefined }, limits)
    seen.push([count, nextAfter])
    if (nextAfter === null) break
    after = nextAfter
  }
  // Whole batches: the third of a request brings it over what it may look through.
  expect(seen).toEqual([
    [9, 9],
    [9, 18],
    [2, null],
  ])
  expect((await madeFor(world, id)).toReversed()).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
})

test('a replay that ends with a whole batch needs no other', async () => {
  const world = await createWorld()
  const id = await lateWebhook(world, 9)
  expect(await replay(world.ctx, { id, after: 0, until: 9 }, limits)).toEqual({ count: 9, nextAfter: null })
})

test('of all that have failed a request takes on so many, and says whether there are more', async () => {
  const world = await createWorld()
  const { ctx, store, clock } = world
  const id = await lateWebhook(world, 20)
  await replay(ctx, { id, after: 0, until: undefined })
  const lease = await leaseOf(world)
  const wanted = [{ endpointId: id, limit: 100, testsOnly: false }]
  for (const { delivery } of await store.webhooks.claim(lease, wanted, clock.now())) {
    const error = { code: 'status_404', detail: 'no' }
    const attempt = { at: clock.now(), durationMs: 1, status: 404, responseHead: null, error }
    const failed = { state: 'failed', error } as const
    const decide = (endpoint: Parameters<Parameters<typeof store.webhooks.record>[3]>[0]) => ({
      delivery: failed,
      endpoint,
    })
    await store.webhooks.record(lease, delivery.id, attempt, decide, ctx.origin, clock.now())
  }
  const again = () => redeliverFailed(ctx, { id, since: 0 }, limits)
  expect(await again()).toEqual({ count: 9, complete: false })
  expect(await again()).toEqual({ count: 9, complete: false })
  expect(await again()).toEqual({ count: 2, complete: true })
  expect(await again()).toEqual({ count: 0, complete: true })
  expect(await store.webhooks.counts(id, 100)).toMatchObject({ waiting: 20, failed: 0 })
})
