import { expect, test } from 'vitest'
import { kills, killsWithFaults } from './kills.ts'
import { seededRandom } from './random.ts'

const seed = 20_261_122
const limitMs = 180_000

test.for([kills, killsWithFaults])(
  '$title: nothing is lost or doubled',
  { timeout: limitMs },
  async (scenario) => {
    const report = await scenario.run({
      scale: 'short',
      seed,
      random: seededRandom(seed).fork(scenario.name),
      print: () => undefined,
    })
    expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
  },
)
