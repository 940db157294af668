import type { Report, Run, Scenario } from './scenario.ts'
import { atLeast, exactly } from './scenario.ts'
import { type Outcome, simulate } from './simulation/simulate.ts'

const seedCount = { short: 20, full: 1_000 }
const seedMax = 2 ** 32 - 1
const reportEvery = 100

/** What a run of so many seeds must have met, or it proves little: so often on the average of ten seeds at least. */
const wantedPerTen: Readonly<Record<string, number>> = {
  'messages accepted': 200,
  'inbound stored': 200,
  'requests repeated': 10,
  'connectors killed': 5,
  'connectors paused': 5,
  'clock jumps': 5,
  'writes refused': 20,
  'stale writes refused': 1,
  'acks lost': 5,
}

const tell = ({ seed, violations, last }: Outcome, print: Run['print']): void => {
  for (const line of last) print(line)
  print('')
  for (const violation of violations) print(`BROKEN in seed ${seed}: ${violation}`)
  print(`again: npm run test:chaos -- simulation --seed ${seed} --cycles 1`)
}

/**
 * The connectors and APIs of a gateway over the real store, with people, phones and a WhatsApp, in simulated time: each
 * seed decides who is next at every step, and what goes wrong. The first seed of a run is the run's own, the others
 * follow it; the first that breaks an invariant ends the run.
 */
export const simulation: Scenario = {
  name: 'simulation',
  title:
    'the gateway in simulated time, a seed a run: crashes, zombies, clocks, disks and networks at every step',
  async run({ scale, seed, cycles, print }): Promise<Report> {
    const wanted = cycles ?? seedCount[scale]
    const counts = new Map<string, number>()
    let simulatedMs = 0
    let steps = 0
    let done = 0
    let broken: Outcome | undefined
    const first = await simulate(seed)
    for (let at = 0; at < wanted && broken === undefined; at++) {
      const outcome = at === 0 ? first : await simulate((seed + at) % (seedMax + 1))
      done += 1
      simulatedMs += outcome.simulatedMs
      steps += outcome.steps
      for (const [what, times] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + times)
      if (outcome.violations.length > 0) broken = outcome
      if (done % reportEvery === 0) print(`${done} of ${wanted} seeds`)
    }
    if (broken !== undefined) tell(broken, print)
    const again = await simulate(seed)
    const enough = Object.entries(wantedPerTen)
      .filter(() => broken === undefined && done >= seedCount.short)
      .map(([what, times]) => atLeast(what, Math.floor((times * done) / 10), counts.get(what) ?? 0))
    return {
      checks: [
        exactly('seeds that broke an invariant', 0, broken === undefined ? 0 : 1),
        exactly('the hash of a trace when its seed is run again', first.hash, again.hash),
        ...enough,
      ],
      facts: {
        seeds: done,
        'hours simulated': (simulatedMs / 3_600_000).toFixed(1),
        steps,
        ...Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b))),
      },
    }
  },
}
