import { expect, test } from 'vitest'
import { seededRandom } from './random.ts'
import { webhooks } from './webhooks.ts'

const seed = 20_261_129
const limitMs = 240_000

test(`${webhooks.title}: every event arrives, and those of a device in order`, {
  timeout: limitMs,
}, async () => {
  const report = await webhooks.run({
    scale: 'short',
    seed,
    random: seededRandom(seed).fork(webhooks.name),
    print: () => undefined,
  })
  expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
})
