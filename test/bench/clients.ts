/** A gateway and stock clients on one sandbox, measured in turns. */
import { World } from '../flows/world.ts'
import { each, type GatewayClient, openGateway } from './gateway.ts'
import { cpuMs, median, quantile } from './measure.ts'
import type { SendOrder, SendResult } from './stock/protocol.ts'
import { startStock, type StockClient } from './stock/stock.ts'

/** Numbers by who has them: a prefix and a running number of three digits. */
const numbers = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(3, '0')}`)

export interface Party {
  readonly name: 'gateway' | 'stock sqlite' | 'stock memory'
  /** The numbers that it is linked to, one account each. */
  readonly accounts: readonly string[]
  /** Its processes by name, for the measurement of CPU time and memory. */
  readonly processes: Readonly<Record<string, number>>
  send(orders: readonly SendOrder[]): Promise<SendResult>
}

export interface Clients {
  readonly world: World
  readonly gateway: Party & { readonly client: GatewayClient }
  readonly stocks: readonly (Party & { readonly client: StockClient })[]
  readonly parties: readonly Party[]
  /** Phones that are linked to nobody. */
  readonly contacts: readonly string[]
  /** Switches all phones off or on; when on, waits until they have worked off what they got. */
  power(on: boolean): Promise<void>
  close(): Promise<void>
}

const requestsAtOnce = 16

export const openClients = async (accounts: number, contacts: number): Promise<Clients> => {
  const world = await World.open()
  const closers: (() => Promise<void>)[] = [() => world.close()]
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer()
  }
  try {
    await world.startGateway()
    const client = await openGateway(world)
    closers.push(() => client.close())
    const gateway = {
      name: 'gateway' as const,
      accounts: numbers('15551', accounts),
      processes: { API: client.api, connector: client.connector },
      send: (orders: readonly SendOrder[]) => client.send(orders),
      client,
    }
    await client.link(gateway.accounts)
    const stocks: Clients['stocks'][number][] = []
    for (const [keys, prefix] of [
      ['sqlite', '15552'],
      ['memory', '15553'],
    ] as const) {
      const stock = await startStock(world, { keys })
      closers.push(() => stock.stop())
      const linked = numbers(prefix, accounts)
      await each(linked, 4, (number) => stock.link(number))
      stocks.push({
        name: `stock ${keys}`,
        accounts: linked,
        processes: { [`stock ${keys}`]: stock.pid },
        send: (orders) => stock.send(orders),
        client: stock,
      })
    }
    const others = numbers('15559', contacts)
    await each(others, requestsAtOnce, (number) => world.createPhone(number))
    const parties = [gateway, ...stocks]
    const phones = [...parties.flatMap((party) => party.accounts), ...others]
    return {
      world,
      gateway,
      stocks,
      parties,
      contacts: others,
      async power(on) {
        await each(phones, requestsAtOnce, (number) => world.phone('POST', `/phones/${number}/power`, { on }))
        await world.stats()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** CPU time in ms that each process takes while `work` runs, by name; the sandbox is among them. */
export const withCpu = async <T>(
  world: World,
  processes: Readonly<Record<string, number>>,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly cpuMs: Readonly<Record<string, number>> }> => {
  const all = Object.entries({ ...processes, sandbox: world.sandboxPid })
  const before = new Map(all.map(([name, pid]) => [name, cpuMs(pid)]))
  const value = await work()
  return {
    value,
    cpuMs: Object.fromEntries(all.map(([name, pid]) => [name, cpuMs(pid) - (before.get(name) ?? 0)])),
  }
}

/** What the batches of one party came to, for one message each. */
export interface Summary {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU time in ms of each process for one message. */
  readonly cpuMs: Readonly<Record<string, number>>
  /** The same of all its processes together, without the sandbox. */
  readonly ownCpuMs: number
}

export interface Batch {
  readonly messages: number
  readonly elapsedMs: number
  readonly latenciesMs: readonly number[]
  readonly cpuMs: Readonly<Record<string, number>>
}

/** The median batch, figure by figure. */
export const summaryOf = (batches: readonly Batch[]): Summary => {
  const names = Object.keys(batches[0]?.cpuMs ?? {})
  const cpuOf = (name: string): number =>
    median(batches.map(({ cpuMs: used, messages }) => (used[name] ?? Number.NaN) / messages))
  const cpu = Object.fromEntries(names.map((name) => [name, cpuOf(name)]))
  const latencies = batches.flatMap(({ latenciesMs }) => latenciesMs)
  return {
    perSecond: median(batches.map(({ messages, elapsedMs }) => (messages * 1000) / elapsedMs)),
    p50Ms: median(latencies),
    p99Ms: quantile(latencies, 0.99),
    cpuMs: cpu,
    ownCpuMs: Object.entries(cpu).reduce((sum, [name, ms]) => (name === 'sandbox' ? sum : sum + ms), 0),
  }
}
