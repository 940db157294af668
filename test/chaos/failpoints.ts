/** Kills the connector at each step of sending and of receiving, under load, and starts it again. */
import { fileURLToPath } from 'node:url'
import { Command, eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { type Failpoint, failpoints as points, isFailpoint } from './failpoint.ts'
import { invariants, loadFacts } from './invariants.ts'
import { createLoad, fullLoad, type LoadSettings, shortLoad } from './load.ts'
import { type Check, exactly, type Report, type Run, type Scenario } from './scenario.ts'

const killsFull = 50
const killsShort = 1
const passesMax = 12
/** Of the kills at a point, one in so many comes while a stranger writes and is written to. */
const strangerEvery = 5
/** Little gets through while every process dies within moments: more would only be a backlog. */
const slowLoad: LoadSettings = { ...fullLoad, sendsPerSecond: 15, inboundPerSecond: 15 }
/** Long enough for a busy machine to start a process and log in; a point that nobody passes is told as not reached. */
const reachLimitMs = 60_000

const entry = fileURLToPath(new URL('./failpoint-connector.ts', import.meta.url))

export const startFailpointConnector = (world: World, failpoint = ''): Command =>
  new Command([], { ...world.environment, FAILPOINT: failpoint }, { entry })

/** True when the process has killed itself at the point, and said so before. */
export const killedAt = async (world: World, point: Failpoint, pass: number): Promise<boolean> => {
  const connector = startFailpointConnector(world, `${point}:${pass}`)
  const ended = await eventually(point, () => connector.child.signalCode !== null, reachLimitMs).catch(
    () => false,
  )
  if (!ended) connector.kill('SIGKILL')
  await connector.exit()
  return ended && connector.child.signalCode === 'SIGKILL' && connector.lines.at(-1)?.['failpoint'] === point
}

const run = async ({ scale, random, cycles, print }: Run): Promise<Report> => {
  const isFull = scale === 'full'
  const kills = cycles ?? (isFull ? killsFull : killsShort)
  const passes = random.fork('passes')
  const world = await World.open()
  let connector: Command | undefined
  try {
    await world.startGateway(['api'])
    const first = startFailpointConnector(world)
    connector = first
    await eventually('the connector is active', () => first.pidOf('connector'), reachLimitMs)
    const load = await createLoad(world, isFull ? slowLoad : shortLoad)
    await connector.stop()
    const reached: string[] = []
    const repeats: string[] = []
    const guilty: string[] = []
    const recover = async (): Promise<Check[]> => {
      connector = startFailpointConnector(world)
      await load.drain()
      await connector.stop()
      return invariants(world, load)
    }
    for (const point of Object.keys(points).filter(isFailpoint)) {
      load.start()
      const before = (await world.stats())['repeatsFromCompanions'] ?? 0
      let fired = 0
      for (let kill = 0; kill < kills; kill += 1) {
        if (kill % strangerEvery === 0) await load.meetStranger()
        if (await killedAt(world, point, passes.between(1, passesMax))) fired += 1
      }
      reached.push(`${point} ${fired}`)
      // Else the guilty point would not be known; a short run has no time for it.
      if (isFull && (await recover()).some(({ holds }) => !holds)) guilty.push(point)
      repeats.push(`${point} ${((await world.stats())['repeatsFromCompanions'] ?? 0) - before}`)
      print(`${point}: killed ${fired} times where ${points[point]}`)
    }
    const checks = await recover()
    const wanted = Object.keys(points).map((point) => `${point} ${kills}`)
    return {
      checks: [
        exactly('processes that killed themselves at', wanted.join(', '), reached.join(', ')),
        ...(isFull
          ? [exactly('points after which an invariant was broken', 'none', guilty.join(', ') || 'none')]
          : []),
        ...checks,
      ],
      facts: { 'repeats of one id, by point': repeats.join(', '), ...(await loadFacts(world, load)) },
    }
  } finally {
    await connector?.stop()
    await world.close()
  }
}

export const failpoints: Scenario = {
  name: 'failpoints',
  title: 'the connector kills itself at each step of sending and of receiving',
  run,
}
