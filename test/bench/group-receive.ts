/** Texts in a group, from the phones of its members to rows of the gateway, beside bare Baileys' own decoding. */
import { eventually } from '../flows/processes.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { type Clients, openClients, type Party, withCpu } from './clients.ts'
import { each } from './gateway.ts'
import { createPhones, switchPhones } from './group-world.ts'
import { median } from './measure.ts'

const sizes = [20, 200]
const batches = 3
const messagesOf = { gateway: 300, stock: 100 }
/** Members who write, all at once; the phones of the others are off. */
const authors = 10
const atLeast = 5
const limitMs = 120_000

interface Batch {
  readonly perSecond: number
  /** CPU time in ms for one message: of all its processes, and of the sandbox. */
  readonly ownCpuMs: number
  readonly sandboxCpuMs: number
}

/** How many messages of others a party has, since it was started. */
const untilReceived = async (clients: Clients, party: Party, count: number): Promise<void> => {
  const stock = clients.stocks.find(({ name }) => name === party.name)
  if (stock !== undefined) {
    await stock.client.untilReceived(count)
    return
  }
  const stored = (): number =>
    clients.world.query<{ count: number }>(
      "select count(*) as count from messages where direction = 'inbound' and status <> 'failed'",
    )[0]?.count ?? 0
  await eventually('all are stored', () => stored() >= count, limitMs)
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const clients = await openClients(1, 0)
  const { world, parties } = clients
  const received = new Map(parties.map((party) => [party, 0]))

  /** Each of the authors writes as many as the others; resolves when the party has all of them. */
  const write = async (party: Party, group: string, by: readonly string[], count: number): Promise<void> => {
    const expected = (received.get(party) ?? 0) + count
    received.set(party, expected)
    await each(by, by.length, async (author) => {
      for (let index = 0; index < count / by.length; index += 1) {
        const body = { to: group, text: `a text of some length ${author} ${index}` }
        const answer = await world.phone('POST', `/phones/${author}/messages`, body)
        if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
      }
    })
    await untilReceived(clients, party, expected)
  }

  try {
    const figures: Figure[] = []
    for (const size of quick ? [20] : sizes) {
      const members = await createPhones(world, `1558${size}`, size)
      const [by, others] = [members.slice(0, authors), members.slice(authors)]
      const groups = new Map<Party, string>()
      for (const party of parties) {
        groups.set(party, await world.createGroup(party.accounts[0] ?? '', members))
      }
      // Their sender keys come with their first messages.
      for (const [party, group] of groups) await write(party, group, by, authors)
      const quiet = [...others, ...parties.flatMap(({ accounts }) => accounts)]
      await switchPhones(world, quiet, false)
      const done = new Map(parties.map((party) => [party, [] as Batch[]]))
      for (let batch = 0; batch < (quick ? 1 : batches); batch += 1) {
        for (const [party, group] of groups) {
          const count = party.name === 'gateway' ? messagesOf.gateway : messagesOf.stock
          const at = performance.now()
          const { cpuMs } = await withCpu(world, party.processes, () => write(party, group, by, count))
          const { sandbox = Number.NaN, ...own } = cpuMs
          done.get(party)?.push({
            perSecond: (count * 1000) / (performance.now() - at),
            ownCpuMs: Object.values(own).reduce((sum, ms) => sum + ms, 0) / count,
            sandboxCpuMs: sandbox / count,
          })
        }
      }
      await switchPhones(world, quiet, true)
      const medianOf = (party: Party, figure: keyof Batch): number =>
        median((done.get(party) ?? []).map((batch) => batch[figure]))
      for (const party of parties) {
        const [rate, cpu, sandbox] = [
          medianOf(party, 'perSecond'),
          medianOf(party, 'ownCpuMs'),
          medianOf(party, 'sandboxCpuMs'),
        ]
        print(
          `${size} members, ${party.name}: ${rate.toFixed(0)}/s, ${cpu.toFixed(2)} ms of CPU, sandbox ${sandbox.toFixed(2)}`,
        )
        figures.push({
          what: `${size} members: CPU of the sandbox, with ${party.name}`,
          unit: 'ms/msg',
          value: sandbox,
        })
      }
      const aim = { of: 'ratio', at: 'least', limit: atLeast } as const
      for (const stock of clients.stocks) {
        figures.push(
          {
            what: `${size} members: messages for 1 s of CPU`,
            unit: '/CPU s',
            value: 1000 / medianOf(clients.gateway, 'ownCpuMs'),
            baseline: { name: stock.name, value: 1000 / medianOf(stock, 'ownCpuMs') },
            aim,
          },
          {
            what: `${size} members: rate`,
            unit: '/s',
            value: medianOf(clients.gateway, 'perSecond'),
            baseline: { name: stock.name, value: medianOf(stock, 'perSecond') },
            aim,
          },
        )
      }
    }
    return figures
  } finally {
    await clients.close()
  }
}

export const groupReceive: Benchmark = {
  name: 'group-receive',
  title: 'texts in a group, from the phones of 10 members to stored rows and events, beside bare Baileys',
  run,
}
