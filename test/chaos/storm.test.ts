import { expect, test } from 'vitest'
import { seededRandom } from './random.ts'
import { connectStorm } from './storm.ts'

const seed = 20_261_122
const limitMs = 180_000

test('after a restart all devices are connected again, only so many log in at a time, and none is shown falsely', {
  timeout: limitMs,
}, async () => {
  const report = await connectStorm.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(connectStorm.name),
    print: () => undefined,
  })
  expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
})
