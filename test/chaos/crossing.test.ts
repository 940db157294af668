import { expect, test } from 'vitest'
import { crossing } from './crossing.ts'
import { seededRandom } from './random.ts'

test('first messages that cross all arrive, and two accounts never mix', async () => {
  const { checks } = await crossing.run({
    scale: 'short',
    seed: 1,
    random: seededRandom(1),
    print: () => undefined,
  })
  expect(checks.filter(({ holds }) => !holds)).toEqual([])
}, 120_000)
