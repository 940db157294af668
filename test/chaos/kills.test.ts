import { expect, test } from 'vitest'
import { kills, killsWithFaults } from './kills.ts'
import { seededRandom } from './random.ts'

const seed = 20_261_122
const limitMs = 180_000

test.for([
  { scenario: kills, cycles: 6 },
  { scenario: killsWithFaults, cycles: 3 },
] as const)(
  '$scenario.title: nothing is lost or doubled',
  { timeout: limitMs },
  async ({ scenario, cycles }) => {
    const report = await scenario.run({
      scale: 'short',
      seed,
      cycles,
      random: seededRandom(seed).fork(scenario.name),
      print: () => undefined,
    })
    expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
  },
)
