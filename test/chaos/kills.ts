/**
 * Kills processes with SIGKILL at random moments while messages go both ways. The API is the connector's parent: when
 * it is killed the connector ends too, in its own time, beside the one that is started with the next API.
 */
import { World } from '../flows/world.ts'
import { invariants, loadFacts } from './invariants.ts'
import { createLoad, fullLoad, type Load, shortLoad } from './load.ts'
import type { SeededRandom } from './random.ts'
import { untilReady } from './ready.ts'
import { atLeast, atMost, type Check, type Report, type Run, type Scenario } from './scenario.ts'

const cyclesFull = 200
const cyclesShort = 6
const readyWithinMs = 3_000

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

type Victim = 'connector' | 'api' | 'both'

export const victimOf = (random: SeededRandom): Victim => {
  const draw = random.next()
  if (draw < 0.45) return 'connector'
  return draw < 0.9 ? 'api' : 'both'
}

/** The newest connector that the gateway has started; undefined while it waits before it starts another. */
const connectorOf = (world: World): number | undefined => {
  const line = world.gateway.lines.findLast(({ child }) => child === 'connector')
  return typeof line?.['childPid'] === 'number' ? line['childPid'] : undefined
}

const killConnector = (world: World): void => {
  const pid = connectorOf(world)
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}

export const kill = async (world: World, victim: Victim): Promise<void> => {
  const { gateway } = world
  if (victim !== 'api') killConnector(world)
  if (victim === 'connector') return
  gateway.kill('SIGKILL')
  await gateway.exit()
  await world.startGateway()
}

const disturb = async (world: World, load: Load, random: SeededRandom): Promise<void> => {
  const device = random.pick(load.devices).number
  const count = random.between(1, 5)
  switch (random.between(0, 4)) {
    case 0:
      return world.fault('lose-acks', { device, count })
    case 1:
      return world.fault('duplicate', { device, count })
    case 2:
      return world.fault('drop', { device })
    case 3:
      return world.fault('delay', { device, ms: random.between(20, 400) })
    default:
      return world.clearFaults()
  }
}

const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

const readyFacts = (times: readonly number[]): Record<string, string> => {
  const sorted = times.toSorted((a, b) => a - b)
  const [p50, p99, max] = [0.5, 0.99, 1].map((part) => Math.round(percentile(sorted, part)))
  return { 'ready again after a kill, ms': `p50 ${p50}, p99 ${p99}, max ${max}, of ${sorted.length}` }
}

const run = async (
  { scale, random, cycles: wanted, print }: Run,
  { withFaults }: { readonly withFaults: boolean },
): Promise<Report> => {
  const cycles = wanted ?? (scale === 'full' ? cyclesFull : cyclesShort)
  const moments = random.fork('moments')
  const faults = random.fork('faults')
  const world = await World.withGateway()
  const killed: Record<Victim, number> = { connector: 0, api: 0, both: 0 }
  const ready: number[] = []
  let twice = 0
  try {
    const load = await createLoad(world, scale === 'full' ? fullLoad : shortLoad)
    load.start()
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      await sleep(moments.between(100, 2_500))
      if (withFaults)
        for (let count = faults.between(0, 2); count > 0; count -= 1) await disturb(world, load, faults)
      if (moments.next() < 0.5) await load.meetStranger()
      const again = moments.next() < 0.15
      const victim = victimOf(moments)
      const at = Date.now()
      await kill(world, victim)
      killed[victim] += 1
      let last = at
      if (again) {
        await sleep(moments.between(0, 1_200))
        const other = victimOf(moments)
        last = Date.now()
        await kill(world, other)
        killed[other] += 1
        twice += 1
      }
      const ms = await untilReady(world, load, last)
      ready.push(ms)
      if (cycle % 10 === 0 || ms > readyWithinMs)
        print(`${cycle} of ${cycles}: ${victim}, ready after ${ms} ms`)
    }
    await world.clearFaults()
    await load.drain()
    const total = killed.connector + killed.api + killed.both
    // A time is judged where the machine is ours: the short form runs beside other tests.
    const inTime: Check[] =
      scale === 'full' && !withFaults
        ? [atMost('slowest return to readiness', readyWithinMs, Math.max(...ready), 'ms')]
        : []
    return {
      checks: [atLeast('processes killed', cycles, total), ...(await invariants(world, load)), ...inTime],
      facts: {
        kills: `${killed.connector} connector, ${killed.api} API, ${killed.both} both at once; ${twice} times a second one before it was ready`,
        ...readyFacts(ready),
        ...(await loadFacts(world, load)),
      },
    }
  } finally {
    await world.close()
  }
}

export const kills: Scenario = {
  name: 'kills',
  title: 'kill -9 of the connector and of the API at random moments under load',
  run: (options) => run(options, { withFaults: false }),
}

export const killsWithFaults: Scenario = {
  name: 'kills-faults',
  title: 'the same, with lost acks, duplicates, dropped and slow connections in between',
  run: (options) => run(options, { withFaults: true }),
}
