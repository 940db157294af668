import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { runWriter, type WriterPlan, type WriterResult } from './contention-writer.ts'
import { median } from './measure.ts'

const saturating = 50
const p99MaxMs = 100
/** Until all processes of a round have opened the database. */
const settleMs = 2_500
const pauseMs = 5

interface Pair {
  readonly what: string
  readonly heavy: WriterPlan['verb']
  readonly light: WriterPlan['verb']
}

const pairs: readonly Pair[] = [
  { what: 'the connector commits while the API enqueues all it can', heavy: 'enqueue', light: 'commit' },
  { what: 'the connector saves creds, synchronously, meanwhile', heavy: 'enqueue', light: 'saveCreds' },
  { what: 'the API enqueues while the connector commits all it can', heavy: 'commit', light: 'enqueue' },
]

export const contention: Benchmark = {
  name: 'contention',
  title: `two processes that write to one database, one with ${saturating} verbs in flight all the time`,

  async run({ quick, print }) {
    const durationMs = quick ? 500 : 5_000
    const rounds = quick ? 1 : 5
    const folder = await mkdtemp(path.join(tmpdir(), 'wag-bench-'))
    try {
      const file = path.join(folder, 'gateway.db')
      await (await openStore({ file })).close()
      const together = (plans: readonly Pick<WriterPlan, 'verb' | 'inFlight' | 'pauseMs'>[]) => {
        const startAt = Date.now() + settleMs
        return Promise.all(plans.map((plan) => runWriter({ ...plan, file, startAt, durationMs })))
      }

      const alone = new Map<WriterPlan['verb'], WriterResult[]>()
      const heavies = pairs.map((): WriterResult[] => [])
      const lights = pairs.map((): WriterResult[] => [])
      for (let round = 1; round <= rounds; round += 1) {
        for (const verb of ['enqueue', 'commit'] as const) {
          const results = await together([{ verb, inFlight: saturating, pauseMs: 0 }])
          alone.set(verb, [...(alone.get(verb) ?? []), ...results])
        }
        for (const [at, pair] of pairs.entries()) {
          const [heavy, light] = await together([
            { verb: pair.heavy, inFlight: saturating, pauseMs: 0 },
            { verb: pair.light, inFlight: 1, pauseMs },
          ])
          if (heavy === undefined || light === undefined) throw new Error('a writer is missing')
          heavies[at]?.push(heavy)
          lights[at]?.push(light)
          print(
            `round ${round}, ${pair.what}: p99 ${light.p99Ms.toFixed(1)} ms, ${heavy.perSecond.toFixed(0)}/s beside it`,
          )
        }
      }

      return pairs.flatMap(({ what, heavy }, at): Figure[] => {
        const middle = (results: readonly WriterResult[], member: keyof WriterResult): number =>
          median(results.map((result) => result[member]))
        const [light, beside] = [lights[at] ?? [], heavies[at] ?? []]
        return [
          { what: `${what}: p50`, unit: 'ms', value: middle(light, 'p50Ms') },
          {
            what: `${what}: p99`,
            unit: 'ms',
            value: middle(light, 'p99Ms'),
            aim: { of: 'value', at: 'most', limit: p99MaxMs },
          },
          { what: `${what}: longest`, unit: 'ms', value: middle(light, 'maxMs') },
          {
            what: `${what}: longest stall of its event loop`,
            unit: 'ms',
            value: middle(light, 'stallMaxMs'),
          },
          { what: `${what}: p99 of the other`, unit: 'ms', value: middle(beside, 'p99Ms') },
          {
            what: `${what}: rate of the other`,
            unit: '/s',
            value: middle(beside, 'perSecond'),
            baseline: { name: 'alone', value: middle(alone.get(heavy) ?? [], 'perSecond') },
          },
        ]
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}
