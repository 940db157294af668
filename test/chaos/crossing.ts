/**
 * First messages that cross: two accounts in one process write to strangers while the same strangers write to both,
 * so that both sides start a signal session at once, and two accounts hold one with the same contact.
 */
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { atLeast, exactly, type Report, type Run, type Scenario } from './scenario.ts'

const settings = {
  short: { rounds: 1, strangers: 5, outEach: 10, inEach: 5 },
  full: { rounds: 20, strangers: 5, outEach: 20, inEach: 10 },
} as const

const accounts = [
  { device: 'red', number: '15557000001' },
  { device: 'blue', number: '15557000002' },
] as const
/** A round in which nothing arrives for so long is stuck. */
const stillMaxMs = 60_000

interface Wanted {
  readonly outbound: Map<string, string[]>
  readonly inbound: Map<string, string[]>
}

const push = (lists: Map<string, string[]>, key: string, value: string): void => {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

const newStrangers = async (world: World, round: number, count: number): Promise<string[]> => {
  const numbers = Array.from({ length: count }, (_, at) => `1555${7_100_000 + round * 100 + at}`)
  for (const number of numbers) await world.createPhone(number)
  return numbers
}

/** Everybody writes at once, in an order of the seed's choosing. */
const cross = async (
  world: World,
  { random }: Run,
  {
    round,
    strangers,
    outEach,
    inEach,
  }: { round: number; strangers: string[]; outEach: number; inEach: number },
  wanted: Wanted,
): Promise<void> => {
  const writes: (() => Promise<unknown>)[] = []
  for (const { device, number } of accounts) {
    for (const stranger of strangers) {
      for (let at = 0; at < outEach; at += 1) {
        const message = `${device} to ${stranger}, ${round}.${at}`
        push(wanted.outbound, stranger, message)
        writes.push(async () => {
          const { status, body } = await world.api(
            'POST',
            `/api/devices/${device}/send`,
            { to: stranger, message },
            { prefer: 'respond-async' },
          )
          if (status !== 202) throw new Error(`${status}: ${JSON.stringify(body)}`)
        })
      }
      for (let at = 0; at < inEach; at += 1) {
        const text = `${stranger} to ${device}, ${round}.${at}`
        push(wanted.inbound, device, text)
        const addressing = random.pick(['pn', 'lid'])
        writes.push(async () => {
          const { status, body } = await world.phone('POST', `/phones/${stranger}/messages`, {
            to: number,
            text,
            addressing,
          })
          if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`)
        })
      }
    }
  }
  for (let left = writes.length; left > 1; left -= 1) {
    const at = random.between(0, left - 1)
    const [one, other] = [writes[at], writes[left - 1]]
    if (one !== undefined && other !== undefined) [writes[at], writes[left - 1]] = [other, one]
  }
  await Promise.all(writes.map((write) => write()))
}

const missing = (wanted: readonly string[], seen: readonly string[]): string[] => {
  const there = new Set(seen)
  return wanted.filter((text) => !there.has(text))
}

/** How often something was seen that was not wanted there, or more than once. */
const surplus = (wanted: readonly string[], seen: readonly string[]): number =>
  seen.length - seen.filter((text, at) => wanted.includes(text) && seen.indexOf(text) === at).length

const shown = async (world: World, stranger: string): Promise<string[]> =>
  (await world.phoneMessages(stranger))
    .map(({ text }) => text)
    .filter((text) => accounts.some(({ device }) => text.startsWith(`${device} to `)))

const stored = (world: World, device: string): string[] =>
  world
    .query<{ text: string | null }>(
      "select text from v_messages where device_id = ? and direction = 'inbound'",
      device,
    )
    .map(({ text }) => text ?? '')

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

const lostOf = async (world: World, { outbound, inbound }: Wanted): Promise<{ out: number; in: number }> => ({
  out: sum(
    await Promise.all([...outbound].map(async ([who, t]) => missing(t, await shown(world, who)).length)),
  ),
  in: sum([...inbound].map(([device, t]) => missing(t, stored(world, device)).length)),
})

/** Waits until everything has arrived, or nothing more arrives. */
const settle = async (world: World, wanted: Wanted): Promise<void> => {
  for (let left = Number.POSITIVE_INFINITY; left > 0; ) {
    const before = left
    const progress = eventually(
      'more arrives',
      async () => {
        const lost = await lostOf(world, wanted)
        left = lost.out + lost.in
        return left < before
      },
      stillMaxMs,
    )
    if ((await progress.catch(() => undefined)) === undefined) return
  }
}

const judge = async (world: World, wanted: Wanted, written: number): Promise<Report> => {
  const lost = await lostOf(world, wanted)
  const outSurplus = await Promise.all(
    [...wanted.outbound].map(async ([who, texts]) => surplus(texts, await shown(world, who))),
  )
  const inSurplus = [...wanted.inbound].map(([device, texts]) => surplus(texts, stored(world, device)))
  const stats = await world.stats()
  return {
    checks: [
      atLeast(
        'messages that crossed',
        written,
        [...wanted.outbound, ...wanted.inbound].flatMap(([, t]) => t).length,
      ),
      exactly('messages that the strangers did not get', 0, lost.out),
      exactly('messages that were not stored', 0, lost.in),
      exactly('messages shown twice, or to the wrong stranger', 0, sum(outSurplus)),
      exactly("messages stored twice, or with the wrong account's device", 0, sum(inSurplus)),
      exactly(
        'messages kept as undecryptable',
        0,
        world.query("select 1 from v_messages where type = 'undecryptable'").length,
      ),
      exactly('messages that a phone could not decrypt', 0, stats['undecryptable'] ?? Number.NaN),
    ],
    facts: {
      'retry receipts from the gateway': stats['retryReceiptsFromCompanions'] ?? 0,
      'messages that phones encrypted again': stats['resentByPhones'] ?? 0,
    },
  }
}

export const crossing: Scenario = {
  name: 'crossing',
  title: 'two accounts and the same strangers write their first messages to each other at once',
  async run(run) {
    const { rounds, strangers: count, outEach, inEach } = settings[run.scale]
    const world = await World.withGateway()
    try {
      for (const { device, number } of accounts) await world.link(device, number)
      const wanted: Wanted = { outbound: new Map(), inbound: new Map() }
      for (let round = 0; round < rounds; round += 1) {
        const strangers = await newStrangers(world, round, count)
        await cross(world, run, { round, strangers, outEach, inEach }, wanted)
        await settle(world, wanted)
      }
      return await judge(world, wanted, rounds * accounts.length * count * (outEach + inEach))
    } finally {
      await world.close()
    }
  },
}
