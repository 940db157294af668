/**
 * From the start of the gateway until all devices are connected again, beside bare Baileys that opens as many sockets in a
 * process that runs already: with as many logins at a time as the gateway has, and all at once.
 */
import { readConfig } from '../../src/config.ts'
import { linkFleet } from '../flows/fleet.ts'
import { World } from '../flows/world.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { connectorOf, restart } from './fleet.ts'
import { each } from './gateway.ts'
import { cpuMs, median, rssMb } from './measure.ts'
import { startStock } from './stock/stock.ts'

const devices = 200
const quickDevices = 5
const rounds = 3
const linksAtOnce = 8
const ratioMax = 1.2
const secondMs = 1_000

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const count = quick ? quickDevices : devices
  const { loginsMax } = readConfig({}).whatsapp
  const numbers = Array.from({ length: count }, (_, index) => `15557${String(index).padStart(3, '0')}`)
  const world = await World.withGateway()
  const stock = await startStock(world, { keys: 'sqlite' })
  try {
    await linkFleet(world, count)
    await each(numbers, linksAtOnce, (number) => stock.link(number))
    print(`${count} devices each are linked`)
    const times = { gateway: [] as number[], bounded: [] as number[], unbounded: [] as number[] }
    const cpu = { gateway: [] as number[], bounded: [] as number[] }
    const openStock = async (atOnce: number): Promise<{ readonly ms: number; readonly cpu: number }> => {
      await stock.closeAll(numbers)
      const before = cpuMs(stock.pid)
      const ms = await stock.openAll(numbers, atOnce)
      return { ms, cpu: cpuMs(stock.pid) - before }
    }
    for (let round = 0; round < (quick ? 1 : rounds); round += 1) {
      times.gateway.push(await restart(world, count))
      cpu.gateway.push(cpuMs(world.gateway.child.pid ?? 0) + cpuMs(await connectorOf(world)))
      const bounded = await openStock(loginsMax)
      times.bounded.push(bounded.ms)
      cpu.bounded.push(bounded.cpu)
      times.unbounded.push((await openStock(count)).ms)
      print(
        `gateway ${times.gateway.at(-1)?.toFixed(0)} ms, stock ${times.bounded.at(-1)?.toFixed(0)} and ${times.unbounded.at(-1)?.toFixed(0)} ms`,
      )
    }
    const value = median(times.gateway) / secondMs
    const aim = { of: 'ratio', at: 'most', limit: ratioMax } as const
    return [
      {
        what: `until ${count} are connected, stock with ${loginsMax} at a time`,
        unit: 's',
        value,
        baseline: { name: 'stock sqlite', value: median(times.bounded) / secondMs },
        aim,
      },
      {
        what: `until ${count} are connected, stock with all at once`,
        unit: 's',
        value,
        baseline: { name: 'stock sqlite', value: median(times.unbounded) / secondMs },
        aim,
      },
      {
        what: 'CPU of it, with the start of both processes',
        unit: 'ms/device',
        value: median(cpu.gateway) / count,
        baseline: { name: 'stock sqlite', value: median(cpu.bounded) / count },
      },
      {
        what: `RSS of the connector, ${count} devices`,
        unit: 'MB',
        value: await rssMb(await connectorOf(world)),
        baseline: { name: 'stock sqlite', value: await rssMb(stock.pid) },
      },
    ]
  } finally {
    await stock.stop()
    await world.close()
  }
}

export const restarting: Benchmark = {
  name: 'restart',
  title: 'until all devices are connected again after a restart',
  run,
}
