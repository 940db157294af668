import { expect, test } from 'vitest'
import { seededRandom } from './random.ts'
import { zombie } from './zombie.ts'

const seed = 20_261_122
const limitMs = 180_000

test('a connector that was frozen for longer than its leases last sends nothing and writes no keys when it wakes', {
  timeout: limitMs,
}, async () => {
  const report = await zombie.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(zombie.name),
    print: () => undefined,
  })
  expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
})
