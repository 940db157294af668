import * as fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import {
  type Account,
  aliceJid,
  bobJid,
  type Ciphertext,
  closeStores,
  meet,
  memoryStore,
  outcome,
  ours,
  read,
  write,
} from './parties.ts'

afterAll(closeStores)

/** `write`: one more message is on its way; `read`: one of those on the way arrives, whichever `pick` says. */
const step = fc.record({
  by: fc.constantFrom(0, 1),
  kind: fc.constantFrom('write', 'write', 'read', 'read', 'read', 'meet'),
  pick: fc.nat({ max: 1_000 }),
})

test('whatever the order of arrival, each of ours reads all that the other wrote', async () => {
  const store = await memoryStore()
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      run += 1
      const sides: [Account, Account] = [
        await ours(aliceJid, store, `a${run}`),
        await ours(bobJid, store, `b${run}`),
      ]
      const [a, b] = sides
      let preKey = 1
      await meet(a, b, preKey++)
      await meet(b, a, preKey++)
      const onTheWay: { text: string; message: Ciphertext }[][] = [[], []]
      const lost: string[] = []
      const deliver = async (to: number, pick: number): Promise<void> => {
        const mail = onTheWay[to] ?? []
        const [entry] = mail.splice(pick % Math.max(1, mail.length), 1)
        if (entry === undefined) return
        const got = await outcome(read(sides[to] as Account, sides[1 - to] as Account, entry.message))
        if (got !== entry.text) lost.push(`${entry.text} ${entry.message.type}: ${got}`)
      }
      for (const [at, { by, kind, pick }] of steps.entries()) {
        const me = by === 0 ? a : b
        const other = by === 0 ? b : a
        if (kind === 'meet') {
          if (pick % 4 === 0) await meet(me, other, preKey++)
        } else if (kind === 'read') await deliver(by, pick)
        else onTheWay[1 - by]?.push({ text: `t${at}`, message: await write(me, other, `t${at}`) })
      }
      for (const to of [0, 1]) while (onTheWay[to]?.length) await deliver(to, 0)
      expect(lost).toEqual([])
    }),
    { numRuns: 40 },
  )
})
