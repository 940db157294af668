import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Deed } from '../../../src/domain/acts.ts'
import { start } from '../../../src/domain/device.ts'
import type { Party } from '../../../src/domain/jid.ts'
import type { Promotion, Store } from '../../../src/store/store.ts'
import { actOf } from './acts.ts'
import {
  alice,
  aliceLid,
  bob,
  deviceId,
  group,
  incoming,
  leaseTtlMs,
  origin,
  second,
  self,
  t0,
  type OpenStores,
} from './fixtures.ts'

const people = ['alice', 'alice by LID', 'bob', 'self'] as const
const parties: Readonly<Record<(typeof people)[number], Party>> = {
  alice,
  'alice by LID': { pn: null, lid: aliceLid },
  bob,
  self,
}

const deeds = fc.oneof(
  fc.constantFrom('a', 'b').map((text): Deed => ({ type: 'edit', text })),
  fc.constantFrom('👍', '❤️', '').map((emoji): Deed => ({ type: 'reaction', emoji })),
  fc.constant<Deed>({ type: 'delete' }),
  fc.constantFrom(0, 60).map((seconds): Deed => ({ type: 'pin', seconds })),
)

interface Did {
  readonly deed: Deed
  readonly who: (typeof people)[number]
  readonly seconds: number
  readonly clockAt: number | null
  /** It names the edit before it in the list, if that is one, and not the message. */
  readonly chained: boolean
}

const did: fc.Arbitrary<Did> = fc.record({
  deed: deeds,
  who: fc.constantFrom(...people),
  seconds: fc.nat(3),
  clockAt: fc.option(fc.nat(2)),
  chained: fc.boolean(),
})

const scenarios = fc.array(did, { maxLength: 7 }).chain((acts) =>
  fc.record({
    acts: fc.constant(acts),
    /** The message itself is the first of them. */
    orders: fc.tuple(shuffled(acts.length + 1), shuffled(acts.length + 1)),
  }),
)

function shuffled(count: number): fc.Arbitrary<number[]> {
  const all = Array.from({ length: count }, (_, at) => at)
  return fc.shuffledSubarray(all, { minLength: count, maxLength: count })
}

const target = (device: string): Promotion => incoming(`${device}-0`, { deviceId: device, chat: group })

const promotions = (device: string, acts: readonly Did[]): readonly Promotion[] => [
  target(device),
  ...acts.map(({ deed, who, seconds, clockAt, chained }, at) => {
    const before = acts[at - 1]?.deed.type === 'edit' ? `W-${device}-${at}` : 'WA1'
    return actOf(`${device}-${at + 1}`, deed, {
      deviceId: device,
      // What decides between acts of one moment must be the same in every order.
      whatsappId: `W-${device}-${at + 1}`,
      targetWhatsappId: chained ? before : 'WA1',
      chat: group,
      sender: parties[who],
      direction: who === 'self' ? 'outbound' : 'inbound',
      whatsappAt: t0 + seconds * second,
      clockAt,
    })
  }),
]

const stateAfter = async (
  store: Store,
  device: string,
  acts: readonly Did[],
  order: readonly number[],
): Promise<unknown> => {
  await store.devices.decide(device, (before) => start(before, device, origin, t0))
  const lease = await store.leases.claim(`device/${device}`, 'c1', leaseTtlMs, t0)
  if (lease === undefined) throw new Error('the lease was refused')
  await store.addresses.learn(lease, device, [{ pn: alice.pn ?? '', lid: aliceLid }], t0)
  const all = promotions(device, acts)
  for (const [step, index] of order.entries()) {
    const promotion = all[index]
    if (promotion === undefined) throw new Error('there is no such act')
    const input = { deviceId: device, stanzaKey: `s${step}`, promotion }
    await store.inbound.promote(lease, input, origin, t0 + step)
  }
  const id = `${device}-0`
  const message = await store.messages.get(id)
  const short = (text: string): string => text.replace(`${device}-`, '')
  const targets = []
  for (const at of acts.keys())
    targets.push((await store.messages.get(`${device}-${at + 1}`))?.targetId === id)
  return {
    text: message?.text && short(message.text),
    body: message?.body,
    editedAt: message?.editedAt,
    deletedAt: message?.deletedAt,
    pinnedUntil: message?.pinnedUntil,
    targets,
    reactions: (await store.acts.reactions(id))
      .map(({ by, emoji, at, actId }) => `${by.pn} ${emoji} ${at} ${short(actId)}`)
      .toSorted(),
    changes: (await store.acts.changes(id)).map(({ kind, actId, by, at, text }) => [
      kind,
      short(actId),
      by,
      at,
      text && short(text),
    ]),
  }
}

export const describeActsProperty = (open: OpenStores): void => {
  describe('acts', () => {
    it('a message and what is done to it come to the same in any order', async () => {
      const [store, other] = await open()
      let runs = 0
      await fc.assert(
        fc.asyncProperty(scenarios, async ({ acts, orders: [one, another] }) => {
          const [first, second_] = [`${deviceId}${runs++}`, `${deviceId}${runs++}`]
          const expected = await stateAfter(store, first, acts, one)
          expect(await stateAfter(store, second_, acts, another)).toEqual(expected)
        }),
        { numRuns: 60 },
      )
      await store.close()
      await other.close()
    })
  })
}
