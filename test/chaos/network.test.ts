import { expect, test } from 'vitest'
import { network } from './network.ts'
import { seededRandom } from './random.ts'

const seed = 20_261_122
const limitMs = 240_000

test('on a network that breaks, no state is shown falsely for long, and nothing is lost or doubled', {
  timeout: limitMs,
}, async () => {
  const report = await network.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(network.name),
    print: () => undefined,
  })
  expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
})
