import { expect, test } from 'vitest'
import { disk } from './disk.ts'
import { seededRandom } from './random.ts'
import { hasCompiler, noCompiler } from './shims.ts'

const seed = 20_261_122
const limitMs = 180_000

test(`${disk.title}: nothing is lost or doubled, and nobody has to restart it${hasCompiler() ? '' : ` (${noCompiler})`}`, {
  timeout: limitMs,
}, async () => {
  const report = await disk.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(disk.name),
    print: () => undefined,
  })
  expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
})
