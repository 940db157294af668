/** The memory of idle linked devices: of each process after a restart, when all have logged in and nothing happens. */
import { linkFleet } from '../flows/fleet.ts'
import { World } from '../flows/world.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { connectorOf, restart } from './fleet.ts'
import { anonymousMb, cpuMs, rssMb } from './measure.ts'

const counts = [1, 50, 200, 500]
const quickCounts = [1, 4]
const settleMs = 15_000
const quickSettleMs = 2_000

const oneDeviceMaxMb = 180
const manyDevicesMaxMb = 1_000
const eachDeviceMaxMb = 1.2

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Measured {
  readonly count: number
  readonly api: number
  readonly connector: number
  /** Of both, with the files that both have in memory, node itself above all, counted once. */
  readonly together: number
  /** Of a core. */
  readonly idleCpuPercent: number
}

const measure = async (world: World, count: number, waitMs: number): Promise<Measured> => {
  await restart(world, count)
  const api = world.gateway.child.pid ?? 0
  const connector = await connectorOf(world)
  await sleep(waitMs)
  const before = cpuMs(api) + cpuMs(connector)
  await sleep(waitMs)
  const used = cpuMs(api) + cpuMs(connector) - before
  const rss = [await rssMb(api), await rssMb(connector)] as const
  const anonymous = [await anonymousMb(api), await anonymousMb(connector)] as const
  return {
    count,
    api: rss[0],
    connector: rss[1],
    together: anonymous[0] + anonymous[1] + Math.max(rss[0] - anonymous[0], rss[1] - anonymous[1]),
    idleCpuPercent: (100 * used) / waitMs,
  }
}

const figuresOf = (all: readonly Measured[]): Figure[] => {
  const [one] = all
  const most = all.at(-1)
  if (one === undefined || most === undefined) return []
  return [
    ...all.flatMap(({ count, api, connector, together, idleCpuPercent }): Figure[] => {
      const limit = count === 1 ? oneDeviceMaxMb : manyDevicesMaxMb
      return [
        { what: `RSS of the API, ${count} devices`, unit: 'MB', value: api },
        { what: `RSS of the connector, ${count} devices`, unit: 'MB', value: connector },
        {
          what: `RSS of both, ${count} devices`,
          unit: 'MB',
          value: api + connector,
          aim: { of: 'value', at: 'most', limit },
        },
        { what: `the same, node itself counted once, ${count} devices`, unit: 'MB', value: together },
        { what: `CPU of both when idle, ${count} devices`, unit: '% of a core', value: idleCpuPercent },
      ]
    }),
    {
      what: `RSS a device, of ${most.count}`,
      unit: 'MB',
      value: (most.api + most.connector - one.api - one.connector) / (most.count - one.count),
      aim: { of: 'value', at: 'most', limit: eachDeviceMaxMb },
    },
  ]
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const world = await World.withGateway()
  const measured: Measured[] = []
  try {
    let linked = 0
    for (const count of quick ? quickCounts : counts) {
      await linkFleet(world, count, linked)
      linked = count
      const now = await measure(world, count, quick ? quickSettleMs : settleMs)
      print(
        `${count}: API ${now.api.toFixed(0)} MB, connector ${now.connector.toFixed(0)} MB, ${now.idleCpuPercent.toFixed(1)} % of a core`,
      )
      measured.push(now)
    }
    return figuresOf(measured)
  } finally {
    await world.close()
  }
}

export const memory: Benchmark = {
  name: 'memory',
  title: 'memory and CPU of idle linked devices',
  run,
}
