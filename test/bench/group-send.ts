/** A text to a group, beside bare Baileys: later ones, and the first one, which brings the sender key to every device. */
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import {
  type Batch,
  type Clients,
  openClients,
  type Party,
  type Summary,
  summaryOf,
  withCpu,
} from './clients.ts'
import { createPhones, switchPhones } from './group-world.ts'

const sizes = [20, 200]
const batches = 3
/** The stock clients are so much slower that as many would take minutes. */
const countOf = ({ name }: Party): number => (name === 'gateway' ? 200 : 30)
/** First messages to members that were never met, each to a group of others. */
const strangers: Readonly<Record<number, number>> = { 20: 3, 200: 2 }
const atLeast = 5
/** Groups that are written to at the same time, one message in flight each: within a group the gateway keeps the order. */
const groupsAtOnce = 10

/** So many messages to each of the groups. */
const measure = async (
  clients: Clients,
  party: Party,
  groups: readonly string[],
  count: number,
): Promise<Batch> => {
  const [account = ''] = party.accounts
  const { value, cpuMs } = await withCpu(clients.world, party.processes, () =>
    party.send(groups.map((to) => ({ account, to, count, inFlight: 1 }))),
  )
  return { messages: value.latenciesMs.length, ...value, cpuMs }
}

/** With all phones off. */
const inQuiet = async <T>(
  clients: Clients,
  phones: readonly string[],
  work: () => Promise<T>,
): Promise<T> => {
  const { world, parties } = clients
  const all = [...phones, ...parties.flatMap(({ accounts }) => accounts)]
  await switchPhones(world, all, false)
  const result = await work()
  await switchPhones(world, all, true)
  return result
}

type Summaries = ReadonlyMap<string, Summary>

const byParty = async (
  clients: Clients,
  rounds: number,
  batchOf: (party: Party, round: number) => Promise<Batch>,
): Promise<Summaries> => {
  const done = new Map(clients.parties.map(({ name }) => [name, [] as Batch[]]))
  for (let round = 0; round < rounds; round += 1) {
    for (const party of clients.parties) done.get(party.name)?.push(await batchOf(party, round))
  }
  return new Map([...done].map(([name, list]) => [name, summaryOf(list)]))
}

const compare = (title: string, all: Summaries, aim: Pick<Figure, 'aim'>): Figure[] => {
  const gateway = all.get('gateway')
  if (gateway === undefined) return []
  const stocks = [...all].filter(([name]) => name !== 'gateway')
  const perCpu = ({ ownCpuMs }: Summary): number => 1000 / ownCpuMs
  return [
    ...stocks.flatMap(([name, stock]): Figure[] => [
      {
        what: `${title}: messages for 1 s of CPU`,
        unit: '/CPU s',
        value: perCpu(gateway),
        baseline: { name, value: perCpu(stock) },
        ...aim,
      },
      {
        what: `${title}: rate`,
        unit: '/s',
        value: gateway.perSecond,
        baseline: { name, value: stock.perSecond },
        ...aim,
      },
    ]),
    ...[...all].map(([name, { p50Ms }]) => ({ what: `${title}: p50 of ${name}`, unit: 'ms', value: p50Ms })),
    ...[...all].flatMap(([name, { cpuMs }]) =>
      Object.entries(cpuMs).map(([process, value]) => ({
        what: `${title}: CPU of ${process === 'sandbox' ? `the sandbox, with ${name}` : process}`,
        unit: 'ms/msg',
        value,
      })),
    ),
  ]
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const clients = await openClients(1, 0)
  const { world } = clients
  const tell = (title: string, all: Summaries): void => {
    for (const [name, { perSecond, p50Ms, ownCpuMs }] of all) {
      print(
        `${title}, ${name}: ${perSecond.toFixed(1)}/s, p50 ${p50Ms.toFixed(1)} ms, ${ownCpuMs.toFixed(2)} ms of CPU`,
      )
    }
  }
  try {
    const figures: Figure[] = []
    for (const size of quick ? [20] : sizes) {
      const rounds = quick ? 1 : (strangers[size] ?? 1)
      const groups = new Map<Party, string[]>()
      const phones: string[] = []
      for (const [at, party] of clients.parties.entries()) {
        for (let round = 0; round < rounds; round += 1) {
          const members = await createPhones(world, `1556${size}${at}${round}`, size)
          phones.push(...members)
          const group = await world.createGroup(party.accounts[0] ?? '', members)
          groups.set(party, [...(groups.get(party) ?? []), group])
        }
      }
      const groupOf = (party: Party, round: number): string => groups.get(party)?.[round] ?? ''
      // One message to another group of one, so that nothing is measured that happens once in the life of a process.
      const [warm] = await createPhones(world, `1557${size}`, 1)
      for (const party of clients.parties) {
        const group = await world.createGroup(party.accounts[0] ?? '', [warm ?? ''])
        await measure(clients, party, [group], 3)
      }
      const cold = await inQuiet(clients, phones, () =>
        byParty(clients, rounds, (party, round) => measure(clients, party, [groupOf(party, round)], 1)),
      )
      tell(`first message, ${size} strangers`, cold)
      const later = await inQuiet(clients, phones, () =>
        byParty(clients, quick ? 1 : batches, (party) =>
          measure(clients, party, [groupOf(party, 0)], countOf(party)),
        ),
      )
      tell(`later messages, ${size} members`, later)
      const many = new Map<Party, string[]>()
      for (const party of clients.parties) {
        const members = phones.filter((phone) =>
          phone.startsWith(`1556${size}${clients.parties.indexOf(party)}0`),
        )
        const made = Array.from({ length: groupsAtOnce }, () =>
          world.createGroup(party.accounts[0] ?? '', members),
        )
        many.set(party, await Promise.all(made))
      }
      const atOnce = await inQuiet(clients, phones, async () => {
        for (const party of clients.parties) await measure(clients, party, many.get(party) ?? [], 1)
        return byParty(clients, quick ? 1 : batches, (party) =>
          measure(clients, party, many.get(party) ?? [], countOf(party) / groupsAtOnce),
        )
      })
      const title = `${size} members, later messages to ${groupsAtOnce} groups at once`
      tell(title, atOnce)
      const aim = { aim: { of: 'ratio', at: 'least', limit: atLeast } } as const
      figures.push(
        ...compare(`${size} members, later messages`, later, aim),
        ...compare(title, atOnce, aim),
        ...compare(`${size} members, first message to strangers`, cold, {}),
      )
    }
    const { undecryptable } = await world.stats()
    figures.push({
      what: 'messages that a phone could not decrypt',
      unit: '',
      value: undecryptable ?? Number.NaN,
      aim: { of: 'value', at: 'most', limit: 0 },
    })
    return figures
  } finally {
    await clients.close()
  }
}

export const groupSend: Benchmark = {
  name: 'group-send',
  title:
    "a text to a group: HTTP request to the server's ack recorded, beside bare Baileys; phones are off meanwhile",
  run,
}
