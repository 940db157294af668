import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { start } from '../../../src/domain/device.ts'
import type { Lease } from '../../../src/domain/lease.ts'
import type { Store } from '../../../src/store/store.ts'
import {
  admitAll,
  leaseTtlMs,
  origin,
  outgoing,
  refused,
  retryAt,
  sentAt,
  t0,
  type OpenStores,
} from './fixtures.ts'

type Step =
  | { readonly do: 'enqueue'; readonly chat: number; readonly byLid: boolean }
  | { readonly do: 'claim'; readonly limit: number }
  | { readonly do: 'record'; readonly pick: number; readonly outcome: 'sent' | 'failed' | 'retry' }
  | { readonly do: 'receipt'; readonly pick: number }
  | { readonly do: 'crash' }
  | { readonly do: 'wait'; readonly ms: number }

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ do: fc.constant('enqueue' as const), chat: fc.nat(2), byLid: fc.boolean() }),
    fc.record({ do: fc.constant('claim' as const), limit: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      do: fc.constant('record' as const),
      pick: fc.nat(5),
      outcome: fc.constantFrom('sent', 'failed', 'retry'),
    }),
    fc.record({ do: fc.constant('receipt' as const), pick: fc.nat(9) }),
    fc.record({ do: fc.constant('crash' as const) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2_000) }),
  ),
  { maxLength: 40 },
)

interface Sent {
  readonly id: string
  readonly chat: number
  open: boolean
  inFlight: boolean
}

/** Runs steps against a store and against a model that is a plain list. */
const play = async (store: Store, id: string, given: readonly Step[]): Promise<void> => {
  await store.devices.decide(id, (before) => start(before, id, origin, t0))
  const list: Sent[] = []
  let now = t0
  let lease: Lease | undefined
  const term = async (): Promise<Lease> => {
    lease = await store.leases.claim(`device/${id}`, 'c1', leaseTtlMs, now)
    if (lease === undefined) throw new Error('the lease was refused')
    await store.outbox.recover(lease, id, origin, now)
    for (const sent of list) sent.inFlight = false
    return lease
  }
  const pn = (chat: number): string => `4915100000${chat}@s.whatsapp.net`
  const lid = (chat: number): string => `770000${chat}@lid`
  await term()
  await store.addresses.learn(
    lease ?? (await term()),
    id,
    [0, 1, 2].map((chat) => ({ pn: pn(chat), lid: lid(chat) })),
    now,
  )

  const run = async (step: Step): Promise<void> => {
    const held = lease ?? (await term())
    switch (step.do) {
      case 'enqueue': {
        const message = outgoing(`${id}-${list.length}`, {
          deviceId: id,
          chat: step.byLid ? { pn: null, lid: lid(step.chat) } : { pn: pn(step.chat), lid: null },
        })
        await store.outbox.enqueue({ message }, admitAll, origin, now)
        list.push({ id: message.id, chat: step.chat, open: true, inFlight: false })
        return
      }
      case 'claim': {
        const claimed = await store.outbox.claim(held, { deviceId: id, limit: step.limit }, origin, now)
        for (const { message } of claimed) {
          const mine = list.find((sent) => sent.id === message.id)
          const oldest = list.find((sent) => sent.open && sent.chat === mine?.chat)
          expect(list.some((sent) => sent.inFlight && sent.chat === mine?.chat)).toBe(false)
          expect(oldest?.id).toBe(message.id)
          if (mine !== undefined) mine.inFlight = true
        }
        return
      }
      case 'record': {
        const flying = list.filter((sent) => sent.inFlight)
        const picked = flying[step.pick % Math.max(1, flying.length)]
        if (picked === undefined) return
        const after = { sent: sentAt(now), failed: refused, retry: retryAt(now + 1_000) }[step.outcome]
        await store.outbox.record(held, picked.id, after, origin, now)
        picked.inFlight = false
        picked.open = step.outcome === 'retry'
        return
      }
      case 'receipt': {
        const picked = list[step.pick % Math.max(1, list.length)]
        if (picked === undefined) return
        await store.messages.recordReceipt(
          held,
          { deviceId: id, whatsappIds: [picked.id], status: 'delivered', at: now, from: 'x' },
          origin,
          now,
        )
        picked.inFlight = false
        picked.open = false
        return
      }
      case 'crash':
        await term()
        return
      case 'wait':
        now += step.ms
    }
  }
  for (const step of given) await run(step)

  now += 10_000
  await term()
  for (let left = list.length; left > 0; left--) {
    await run({ do: 'claim', limit: 3 })
    for (const sent of list.filter(({ inFlight }) => inFlight)) {
      await run({ do: 'record', pick: list.filter((one) => one.inFlight).indexOf(sent), outcome: 'sent' })
    }
  }
  expect(list.filter((sent) => sent.open)).toEqual([])
  expect(await store.outbox.nextDue(id)).toBeNull()
}

export const describeOutboxProperty = (open: OpenStores): void => {
  describe('outbox order', () => {
    it('whatever happens, a chat has one message in flight, is never reordered, and is sent to its end', async () => {
      const [store, other] = await open()
      let runs = 0
      await fc.assert(
        fc.asyncProperty(steps, (given) => play(store, `d${runs++}`, given)),
        { numRuns: 60 },
      )
      await store.close()
      await other.close()
    })
  })
}
