/** From the first login after an absence to the last message stored, beside bare Baileys to the last one decoded. */
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import {
  type Batch,
  type Clients,
  openClients,
  type Party,
  summaryOf,
  type Summary,
  withCpu,
} from './clients.ts'
import { deviceOf, each } from './gateway.ts'
import { rssMb } from './measure.ts'
import { storedCount, untilStored, write } from './preload.ts'

interface Load {
  readonly title: string
  readonly devices: number
  readonly messages: number
}

const contacts = 10
const devicesMax = 50
const atOnce = 8
const batches = 3
const loads: readonly Load[] = [
  { title: '1 device', devices: 1, messages: 500 },
  { title: `${devicesMax} devices`, devices: devicesMax, messages: 1000 },
]
const quickLoads: readonly Load[] = [
  { title: '1 device', devices: 1, messages: 50 },
  { title: '3 devices', devices: 3, messages: 90 },
]

/** What makes a party miss messages, and take them in later. */
interface Receiver {
  readonly party: Party
  leave(accounts: readonly string[]): Promise<void>
  /** Resolves when so many more messages than at its call have been taken in. */
  comeBack(accounts: readonly string[], messages: number): Promise<void>
}

const gatewayOf = ({ world, gateway }: Clients): Receiver => ({
  party: gateway,
  async leave(accounts) {
    await each(accounts, atOnce, async (number) => {
      await world.api('POST', `/api/devices/${deviceOf(number)}/stop`)
      await world.untilStatus(deviceOf(number), 'disconnected')
    })
  },
  async comeBack(accounts, messages) {
    const before = storedCount(world)
    await each(accounts, accounts.length, (number) =>
      world.api('POST', `/api/devices/${deviceOf(number)}/start`),
    )
    await untilStored(world, before + messages)
  },
})

const stocksOf = ({ stocks }: Clients): Receiver[] =>
  stocks.map((stock) => ({
    party: stock,
    leave: (accounts) => stock.client.closeAll(accounts),
    async comeBack(accounts, messages) {
      const before = await stock.client.untilReceived(0)
      await stock.client.openAll(accounts)
      await stock.client.untilReceived(before + messages)
    },
  }))

/** The phones encrypt while the client is away; what is measured is the client, from its login on. */
const measure = async (clients: Clients, receiver: Receiver, load: Load): Promise<Batch> => {
  const { world } = clients
  const { party } = receiver
  const accounts = party.accounts.slice(0, load.devices)
  await receiver.leave(accounts)
  await write(world, accounts, clients.contacts, load.messages)
  const { value: elapsedMs, cpuMs } = await withCpu(world, party.processes, async () => {
    const at = performance.now()
    await receiver.comeBack(accounts, load.messages)
    return performance.now() - at
  })
  return { messages: load.messages, elapsedMs, latenciesMs: [], cpuMs }
}

const compare = (title: string, all: ReadonlyMap<string, Summary>): Figure[] => {
  const gateway = all.get('gateway')
  if (gateway === undefined) return []
  const against = [...all].flatMap(([name, stock]): Figure[] => {
    if (name === 'gateway') return []
    const aim = name === 'stock sqlite' ? { aim: { of: 'ratio', at: 'least', limit: 1 } as const } : {}
    return [
      {
        what: `${title}: rate, the login included`,
        unit: '/s',
        value: gateway.perSecond,
        baseline: { name, value: stock.perSecond },
        ...aim,
      },
      {
        what: `${title}: messages for 1 s of CPU`,
        unit: '/CPU s',
        value: 1000 / gateway.ownCpuMs,
        baseline: { name, value: 1000 / stock.ownCpuMs },
        ...aim,
      },
    ]
  })
  const plain = [...all].flatMap(([name, { cpuMs }]) =>
    Object.entries(cpuMs).map(
      ([process, value]): Figure => ({
        what: `${title}: CPU of ${process === 'sandbox' ? `the sandbox, with ${name}` : process}`,
        unit: 'ms/msg',
        value,
      }),
    ),
  )
  return [...against, ...plain]
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const chosen = quick ? quickLoads : loads
  const devices = Math.max(...chosen.map((load) => load.devices))
  const clients = await openClients(devices, contacts)
  try {
    print(`${devices} devices each are linked`)
    const receivers = [gatewayOf(clients), ...stocksOf(clients)]
    // Each contact's session is made, and Baileys' first sync is over.
    for (const receiver of receivers) {
      await measure(clients, receiver, { title: 'warm-up', devices, messages: contacts * devices })
    }
    const figures: Figure[] = []
    for (const load of chosen) {
      const done = new Map(receivers.map(({ party }) => [party.name, [] as Batch[]]))
      for (let batch = 0; batch < (quick ? 1 : batches); batch += 1) {
        for (const receiver of receivers) {
          done.get(receiver.party.name)?.push(await measure(clients, receiver, load))
        }
      }
      const summaries = new Map([...done].map(([name, list]) => [name, summaryOf(list)]))
      for (const [name, { perSecond, ownCpuMs }] of summaries) {
        print(`${load.title}, ${name}: ${perSecond.toFixed(0)}/s, ${ownCpuMs.toFixed(2)} ms of CPU`)
      }
      figures.push(...compare(load.title, summaries))
    }
    for (const { processes } of clients.parties) {
      for (const [name, pid] of Object.entries(processes)) {
        figures.push({ what: `RSS of ${name}, ${devices} devices`, unit: 'MB', value: await rssMb(pid) })
      }
    }
    return figures
  } finally {
    await clients.close()
  }
}

export const receive: Benchmark = {
  name: 'receive',
  title:
    'messages that waited for the device: stored with their events, beside bare Baileys that decodes them',
  run,
}
