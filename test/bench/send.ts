/** From the HTTP request to the server's ack recorded, beside bare Baileys from `sendMessage` to the ack. */
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
import { rssMb } from './measure.ts'
import type { SendOrder } from './stock/protocol.ts'

interface Load {
  readonly title: string
  readonly devices: number
  /** Chats that each device writes to at once, one message in flight each: within a chat the gateway keeps the order. */
  readonly chats: number
  readonly messages: number
}

const devicesMax = 50
const chatsMax = 20
const loads: readonly Load[] = [
  { title: '1 device x 1', devices: 1, chats: 1, messages: 300 },
  { title: '1 device x 20', devices: 1, chats: chatsMax, messages: 600 },
  { title: `${devicesMax} devices x 1`, devices: devicesMax, chats: 1, messages: 1000 },
]
const batches = 3
const quickLoads: readonly Load[] = [
  { title: '1 device x 1', devices: 1, chats: 1, messages: 50 },
  { title: '1 device x 20', devices: 1, chats: chatsMax, messages: 100 },
  { title: '3 devices x 1', devices: 3, chats: 1, messages: 60 },
]
const addedLatencyMaxMs = 5

const ordersOf = ({ accounts }: Party, contacts: readonly string[], load: Load): SendOrder[] =>
  accounts.slice(0, load.devices).flatMap((account, index) =>
    Array.from({ length: load.chats }, (_, chat) => ({
      account,
      to: `${contacts[load.chats === 1 ? index : chat]}@s.whatsapp.net`,
      count: load.messages / load.devices / load.chats,
      inFlight: 1,
    })),
  )

/** One batch with all phones off: what they would do with the messages is no part of the measurement. */
const measure = async (clients: Clients, party: Party, load: Load): Promise<Batch> => {
  await clients.power(false)
  const orders = ordersOf(party, clients.contacts, load)
  const { value, cpuMs } = await withCpu(clients.world, party.processes, () => party.send(orders))
  await clients.power(true)
  return { messages: value.latenciesMs.length, ...value, cpuMs }
}

/** Devices and sessions are looked up and made once, for all chats of all loads. */
const warmUp = async ({ parties, contacts }: Clients, load: Load): Promise<void> => {
  for (const party of parties) {
    const orders = ordersOf(party, contacts, load)
    for (let round = 0; round < 2; round += 1)
      await party.send(orders.map((order) => ({ ...order, count: 1 })))
  }
}

const compare = (title: string, all: ReadonlyMap<string, Summary>): Figure[] => {
  const gateway = all.get('gateway')
  if (gateway === undefined) return []
  const against = (name: string, least: number): Figure[] => {
    const stock = all.get(name)
    if (stock === undefined) return []
    const aim = { of: 'ratio', at: 'least', limit: least } as const
    return [
      {
        what: `${title}: rate`,
        unit: '/s',
        value: gateway.perSecond,
        baseline: { name, value: stock.perSecond },
        aim,
      },
      {
        what: `${title}: messages for 1 s of CPU`,
        unit: '/CPU s',
        value: 1000 / gateway.ownCpuMs,
        baseline: { name, value: 1000 / stock.ownCpuMs },
        aim,
      },
      {
        what: `${title}: p50 that is added`,
        unit: 'ms',
        value: gateway.p50Ms - stock.p50Ms,
        aim: { of: 'value', at: 'most', limit: addedLatencyMaxMs },
      },
    ]
  }
  const plain = [...all].flatMap(([name, summary]): Figure[] => [
    { what: `${title}: p50 of ${name}`, unit: 'ms', value: summary.p50Ms },
    { what: `${title}: p99 of ${name}`, unit: 'ms', value: summary.p99Ms },
    ...Object.entries(summary.cpuMs).map(([process, value]) => ({
      what: `${title}: CPU of ${process === 'sandbox' ? `the sandbox, with ${name}` : process}`,
      unit: 'ms/msg',
      value,
    })),
  ])
  return [...against('stock sqlite', 1.2), ...against('stock memory', 1), ...plain]
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const chosen = quick ? quickLoads : loads
  const devices = Math.max(...chosen.map((load) => load.devices))
  const clients = await openClients(devices, Math.max(devices, chatsMax))
  try {
    print(`${devices} devices each are linked`)
    const figures: Figure[] = []
    for (const load of chosen) {
      await warmUp(clients, load)
      const done = new Map(clients.parties.map(({ name }) => [name, [] as Batch[]]))
      for (let batch = 0; batch < (quick ? 1 : batches); batch += 1) {
        for (const party of clients.parties) {
          done.get(party.name)?.push(await measure(clients, party, load))
        }
      }
      const summaries = new Map([...done].map(([name, list]) => [name, summaryOf(list)]))
      for (const [name, { perSecond, p50Ms, ownCpuMs }] of summaries) {
        print(
          `${load.title}, ${name}: ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(1)} ms, ${ownCpuMs.toFixed(2)} ms of CPU`,
        )
      }
      figures.push(...compare(load.title, summaries))
    }
    const { undecryptable } = await clients.world.stats()
    figures.push({
      what: 'messages that a phone could not decrypt',
      unit: '',
      value: undecryptable ?? Number.NaN,
      aim: { of: 'value', at: 'most', limit: 0 },
    })
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

export const send: Benchmark = {
  name: 'send',
  title:
    "HTTP request to the server's ack recorded, beside bare Baileys without HTTP; phones are off meanwhile",
  run,
}
