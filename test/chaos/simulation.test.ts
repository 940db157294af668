import { expect, test } from 'vitest'
import { seededRandom } from './random.ts'
import { simulation } from './simulation.ts'
import { defects } from './simulation/defects.ts'
import { simulate } from './simulation/simulate.ts'

const seed = 1
const limitMs = 120_000

test(
  'twenty seeds of simulated trouble break no invariant',
  async () => {
    const lines: string[] = []
    const { checks } = await simulation.run({
      scale: 'short',
      seed,
      random: seededRandom(seed),
      print: (line) => lines.push(line),
    })
    expect(
      checks.filter(({ holds }) => !holds),
      lines.join('\n'),
    ).toEqual([])
  },
  limitMs,
)

test(
  'a seed is one run, step for step, and another seed another',
  async () => {
    const [first, again, other] = [await simulate(7), await simulate(7), await simulate(8)]
    expect(again.hash).toBe(first.hash)
    expect(again.steps).toBe(first.steps)
    expect(other.hash).not.toBe(first.hash)
  },
  limitMs,
)

/** Some defects need a crash at the one moment at which they show. */
const seedsMax = 25

test.each(Object.entries(defects))(
  'a planted defect is found: %s',
  async (_name, { plant, says }) => {
    const said: string[] = []
    for (let tried = 1; tried <= seedsMax && said.length === 0; tried++) {
      const { violations, last } = await simulate(tried, plant)
      said.push(...violations)
      if (violations.length > 0) expect(last.join('\n')).toContain('VIOLATED')
    }
    expect(said.join('\n')).toMatch(says)
  },
  limitMs,
)
