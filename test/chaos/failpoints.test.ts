import { expect, test } from 'vitest'
import { failpoints } from './failpoints.ts'
import { seededRandom } from './random.ts'

const seed = 20_261_122
const limitMs = 300_000

test('nothing is lost or doubled wherever the connector dies', { timeout: limitMs }, async () => {
  const report = await failpoints.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(failpoints.name),
    print: () => undefined,
  })
  expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
})
