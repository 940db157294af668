/** Breaks the network between the gateway and WhatsApp in every way there is, one after the other, under light load. */
import { eventually } from '../flows/processes.ts'
import { type StatusBody, World } from '../flows/world.ts'
import { invariants, loadFacts } from './invariants.ts'
import { createLoad, type Load, type LoadSettings } from './load.ts'
import { directions, type FaultProxy, openProxy } from './proxy.ts'
import type { SeededRandom } from './random.ts'
import { atLeast, atMost, exactly, type Report, type Run, type Scenario } from './scenario.ts'

const roundsFull = 3
const fullLoad: LoadSettings = { devices: 3, friends: 3, sendsPerSecond: 6, inboundPerSecond: 6 }
const shortLoad: LoadSettings = { devices: 2, friends: 2, sendsPerSecond: 4, inboundPerSecond: 4 }
/** With it a dead link is noticed within 2.5 s; the default, which the full form runs with, allows 25 s. */
const shortKeepAliveMs = 3_000

const falseAtMostMs = 45_000
const pollMs = 100
const noticeLimitMs = 90_000
const healLimitMs = 120_000
const drainLimitMs = 180_000

interface Fault {
  readonly name: string
  /** What becomes of the connections that there are when it begins. */
  readonly kind: 'dead' | 'left for dead' | 'alive'
  /** Returns what was chosen. */
  begin(proxy: FaultProxy, random: SeededRandom): string
}

const blackHole = (
  name: string,
  blocked: Parameters<FaultProxy['setLink']>[0]['blocked'] & object,
): Fault => ({
  name,
  kind: 'dead',
  begin(proxy) {
    proxy.setLink({ blocked })
    return ''
  },
})

const faults: readonly Fault[] = [
  {
    name: 'latency',
    kind: 'alive',
    begin(proxy, random) {
      const latencyMs = random.between(50, 600)
      proxy.setLink({ latencyMs })
      return `${latencyMs} ms`
    },
  },
  {
    name: 'jitter',
    kind: 'alive',
    begin(proxy, random) {
      const [latencyMs, jitterMs] = [random.between(0, 100), random.between(100, 800)]
      proxy.setLink({ latencyMs, jitterMs })
      return `${latencyMs} ms and up to ${jitterMs} more`
    },
  },
  {
    name: 'slow drip',
    kind: 'alive',
    begin(proxy, random) {
      const bytesPerSecond = random.between(300, 3_000)
      proxy.setLink({ bytesPerSecond })
      return `${bytesPerSecond} bytes/s`
    },
  },
  { name: 'reset', kind: 'alive', begin: (proxy) => `${proxy.reset()} connections` },
  {
    name: 'half open, gateway told',
    kind: 'alive',
    begin: (proxy) => `${proxy.halfOpen('gateway')} connections`,
  },
  {
    name: 'half open, gateway not told',
    kind: 'left for dead',
    begin: (proxy) => `${proxy.halfOpen('whatsapp')} connections`,
  },
  blackHole('black hole to WhatsApp', ['up']),
  blackHole('black hole from WhatsApp', ['down']),
  blackHole('black hole both ways', directions),
  ...directions.flatMap((direction): Fault[] => {
    const way = direction === 'up' ? 'to WhatsApp' : 'from WhatsApp'
    return [
      {
        name: `truncated frame ${way}`,
        kind: 'alive',
        begin(proxy) {
          proxy.truncate(direction)
          return ''
        },
      },
      {
        name: `corrupt byte ${way}`,
        kind: 'alive',
        begin(proxy) {
          proxy.corrupt(direction)
          return ''
        },
      },
    ]
  }),
]

const shuffled = <T>(all: readonly T[], random: SeededRandom): T[] =>
  all
    .map((each) => ({ each, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ each }) => each)

/** A few of each kind. */
const choose = (random: SeededRandom): Fault[] => {
  const mixed = shuffled(faults, random)
  const some = (kind: Fault['kind'], count: number): Fault[] =>
    mixed.filter((fault) => fault.kind === kind).slice(0, count)
  return shuffled([...some('dead', 1), ...some('left for dead', 1), ...some('alive', 4)], random)
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** Reads all statuses again and again, and keeps when each device was last shown as connected. */
const watch = (world: World, load: Load) => {
  const shown = new Map<string, StatusBody>()
  const lastConnectedAt = new Map<string, number>()
  let over = false
  const loop = async (): Promise<void> => {
    while (!over) {
      const devices = (await world.api('GET', '/api/devices')).body as unknown as Record<string, StatusBody>
      for (const { id } of load.devices) {
        const body = devices[id]
        if (body === undefined) throw new Error(`${id} is not listed`)
        shown.set(id, body)
        if (body.status === 'connected') lastConnectedAt.set(id, Date.now())
      }
      await sleep(pollMs)
    }
  }
  const looking = loop()
  looking.catch(() => undefined)
  const all = (is: (body: StatusBody) => boolean): boolean =>
    load.devices.every(({ id }) => {
      const body = shown.get(id)
      return body !== undefined && is(body)
    })
  return {
    lastConnectedAt,
    untilAll: (what: string, is: (body: StatusBody) => boolean, limitMs: number): Promise<boolean> =>
      eventually(what, () => all(is), limitMs),
    async stop() {
      over = true
      await looking
    },
  }
}
type Watch = ReturnType<typeof watch>

/** How long after `since` each device's row says that it is not connected. */
const noticed = async (world: World, load: Load, since: number): Promise<number[]> =>
  Promise.all(
    load.devices.map(({ id }) =>
      eventually(
        `${id} has noticed`,
        async () => {
          const row = (await world.history(id)).find(
            ({ at, status }) => Date.parse(at) >= since && status !== 'connected',
          )
          return row === undefined ? undefined : Math.max(1, Date.parse(row.at) - since)
        },
        noticeLimitMs,
      ),
    ),
  )

const average = (all: readonly number[]): number =>
  all.length === 0 ? 0 : all.reduce((sum, each) => sum + each, 0) / all.length
const seconds = (ms: number): string => (ms / 1_000).toFixed(1)

const run = async ({ scale, random, cycles, print }: Run): Promise<Report> => {
  const full = scale === 'full'
  const parameters = random.fork('parameters')
  const world = await World.open(full ? {} : { WHATSAPP_KEEPALIVE_MS: String(shortKeepAliveMs) })
  const proxy = await openProxy(world.environment['WHATSAPP_URL'] ?? '', random.fork('proxy'))
  const unnoticed: number[] = []
  const falsely: number[] = []
  const returns: number[] = []
  let begun = 0
  let watching: Watch | undefined

  const inflict = async (fault: Fault, load: Load, seen: Watch): Promise<void> => {
    begun += 1
    const since = Date.now()
    const chosen = fault.begin(proxy, parameters)
    let note = chosen
    if (fault.kind === 'alive') await sleep(parameters.between(1_000, full ? 8_000 : 2_000))
    else {
      const times = await noticed(world, load, since)
      unnoticed.push(...times)
      note += ` noticed after ${times.map(seconds).join(', ')} s`
      if (fault.kind === 'dead') {
        await sleep(parameters.between(0, full ? 20_000 : 1_000))
        for (const { id } of load.devices) falsely.push((seen.lastConnectedAt.get(id) ?? since) - since)
      }
    }
    const healedAt = Date.now()
    proxy.heal(parameters.pick(['deliver', 'reset']))
    // Not before all have either kept their connection or made another.
    await sleep(2 * pollMs)
    await seen.untilAll('connected again', ({ status }) => status === 'connected', healLimitMs)
    returns.push(Date.now() - healedAt)
    print(`${fault.name}: ${note.trim()}; connected ${seconds(Date.now() - healedAt)} s after it was over`)
    await sleep(parameters.between(200, full ? 3_000 : 500))
  }

  try {
    await world.startGateway(['serve'], { WHATSAPP_URL: proxy.url })
    const load = await createLoad(world, full ? fullLoad : shortLoad)
    load.start()
    const seen = watch(world, load)
    watching = seen
    const rounds = full ? (cycles ?? roundsFull) : 1
    for (let round = 1; round <= rounds; round += 1) {
      const order = random.fork(`round ${round}`)
      for (const fault of full ? shuffled(faults, order) : choose(order)) await inflict(fault, load, seen)
    }
    await load.drain(drainLimitMs)
    await seen.untilAll('connected at the end', ({ status }) => status === 'connected', healLimitMs)
    await seen.stop()
    const { liveSockets } = await world.stats()
    return {
      checks: [
        atLeast('faults', full ? rounds * faults.length : 6, begun),
        atMost(
          'longest time that a dead link was shown as connected',
          falseAtMostMs,
          Math.max(...falsely),
          'ms',
        ),
        atMost('longest time until a dead link was noticed', falseAtMostMs, Math.max(...unnoticed), 'ms'),
        exactly('connections at the server in the end', load.devices.length, liveSockets ?? -1),
        ...(await invariants(world, load)),
      ],
      facts: {
        'dead links noticed, s': `average ${seconds(average(unnoticed))}, longest ${seconds(Math.max(...unnoticed))}, of ${unnoticed.length}`,
        'connected again after a fault, s': `average ${seconds(average(returns))}, longest ${seconds(Math.max(...returns))}`,
        'frames cut or changed': proxy.damaged,
        connections: proxy.connections.length,
        ...(await loadFacts(world, load)),
      },
    }
  } finally {
    await watching?.stop().catch(() => undefined)
    await world.close()
    await proxy.close()
  }
}

export const network: Scenario = {
  name: 'network',
  title: 'a TCP proxy between the gateway and WhatsApp that delays, cuts, swallows and garbles',
  run,
}
