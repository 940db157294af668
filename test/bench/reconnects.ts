/** Does the connector grow? Its devices are dropped by the server again and again, and what its heap keeps is measured. */
import { linkFleet } from '../flows/fleet.ts'
import { World } from '../flows/world.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { connectorOf, heapMb, heapSignal, restart, untilConnected } from './fleet.ts'
import { rssMb } from './measure.ts'

const devices = 50
const reconnects = 1_000
/** Before these, what is loaded and compiled at first use is not there yet. */
const warmUpRounds = 3
const quickDevices = 3
const quickReconnects = 6
const growthMax = 1.1
/** A session that ends sooner counts as a failed attempt, and the next one waits longer. */
const stableMs = 1_500

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const count = quick ? quickDevices : devices
  const world = await World.withGateway()
  try {
    await linkFleet(world, count)
    await restart(world, count, heapSignal)
    const connector = await connectorOf(world)
    const dropAll = async (): Promise<void> => {
      const since = Date.now()
      await world.fault('drop')
      await untilConnected(world, count, since)
      await sleep(stableMs)
    }
    for (let round = 0; round < warmUpRounds; round += 1) await dropAll()
    const before = { heap: await heapMb(world, connector), rss: await rssMb(connector) }
    const { logins: loginsBefore = 0 } = await world.stats()
    const rounds = Math.ceil((quick ? quickReconnects : reconnects) / count)
    for (let round = 1; round <= rounds; round += 1) {
      await dropAll()
      if (round % 4 === 0) print(`${round} of ${rounds}: ${(await heapMb(world, connector)).toFixed(1)} MB`)
    }
    const after = { heap: await heapMb(world, connector), rss: await rssMb(connector) }
    const { logins = 0 } = await world.stats()
    return [
      { what: 'reconnects', unit: '', value: logins - loginsBefore },
      {
        what: 'heap of the connector after them',
        unit: 'MB',
        value: after.heap,
        baseline: { name: 'before', value: before.heap },
        aim: { of: 'ratio', at: 'most', limit: growthMax },
      },
      {
        what: 'RSS of the connector after them',
        unit: 'MB',
        value: after.rss,
        baseline: { name: 'before', value: before.rss },
      },
    ]
  } finally {
    await world.close()
  }
}

export const reconnecting: Benchmark = {
  name: 'reconnects',
  title: 'growth of the connector over 1,000 reconnects',
  run,
}
