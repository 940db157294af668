import { expect, test } from 'vitest'
import { fuzzApi } from './fuzz-api.ts'
import { fuzzServer } from './fuzz-server.ts'
import { seededRandom } from './random.ts'
import type { Scenario } from './scenario.ts'

const seed = 1
const limitMs = 240_000

const broken = async (scenario: Scenario): Promise<unknown> => {
  const lines: string[] = []
  const { checks } = await scenario.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(scenario.name),
    print: (line) => lines.push(line),
  })
  const failed = checks.filter(({ holds }) => !holds)
  return failed.length === 0 ? [] : [...failed, ...lines]
}

test(
  'whatever a client sends, the API answers with what its document declares',
  async () => {
    expect(await broken(fuzzApi)).toEqual([])
  },
  limitMs,
)

test(
  'whatever the server sends, one connection ends at most, and the device comes back',
  async () => {
    expect(await broken(fuzzServer)).toEqual([])
  },
  limitMs,
)
