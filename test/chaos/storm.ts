/**
 * Many linked devices whose gateway, or whose connector, is started again: all log in at once, as far as they may. A
 * light reader asks for their status meanwhile, and what is shown is held against what the sandbox sees.
 */
import { readConfig } from '../../src/config.ts'
import { type FleetDevice, linkFleet } from '../flows/fleet.ts'
import { eventually } from '../flows/processes.ts'
import { type StatusBody, World } from '../flows/world.ts'
import { untilReady } from './ready.ts'
import { atLeast, atMost, exactly, type Report, type Run, type Scenario } from './scenario.ts'

const devicesFull = 200
const devicesShort = 10
/** Fewer than the devices of the short form, so that they must wait for each other. */
const loginsMaxShort = 3
const readsPerSecond = 20
const readP99MaxMs = 100
const truthEveryMs = 200
/** A connector that is killed cannot say so: what it had written is believed until its lease ends or is taken over. */
const falseAfterKillMaxMs = 45_000

interface Account {
  readonly number: string
  readonly companions: readonly { readonly connected: boolean }[]
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ??
  Number.NaN

/** Work that is done again and again, until it is told to end. */
const repeat = (everyMs: number, work: () => Promise<void>): { stop(): Promise<void> } => {
  let over = false
  const run = async (): Promise<void> => {
    while (!over) {
      const at = performance.now()
      await work()
      await sleep(Math.max(0, everyMs - (performance.now() - at)))
    }
  }
  const ended = run()
  return {
    async stop() {
      over = true
      await ended
    },
  }
}

/** Reads the status of one device after the other; gives the time that each answer took. */
const startReader = (world: World, fleet: readonly FleetDevice[]) => {
  const latencies: number[] = []
  let refused = 0
  let next = 0
  const inFlight = new Set<Promise<void>>()
  const read = async (): Promise<void> => {
    const { device } = fleet[next++ % fleet.length] ?? { device: '' }
    const at = performance.now()
    const answer = await world.api('GET', `/api/devices/${device}/status`).catch(() => undefined)
    if (answer?.status === 200) latencies.push(performance.now() - at)
    else refused += 1
  }
  // A slow answer does not put off the next read: it would hide how slow the others are.
  const loop = repeat(1_000 / readsPerSecond, async () => {
    const run = read().finally(() => inFlight.delete(run))
    inFlight.add(run)
  })
  return {
    async stop(): Promise<{ readonly latencies: readonly number[]; readonly refused: number }> {
      await loop.stop()
      await Promise.all(inFlight)
      return { latencies, refused }
    },
  }
}

const onlineAt = async (world: World): Promise<ReadonlySet<string>> => {
  const accounts = (await world.phone('GET', '/phones')).body as unknown as readonly Account[]
  return new Set(
    accounts.filter(({ companions }) => companions.some((one) => one.connected)).map(({ number }) => number),
  )
}

/** How long each device was shown as connected while the sandbox, before and after, knew of no login: the longest, in ms. */
const startTruth = (world: World, fleet: readonly FleetDevice[]) => {
  const since = new Map<string, number>()
  let longestMs = 0
  let looks = 0
  const look = async (): Promise<void> => {
    const before = await onlineAt(world)
    const { body } = await world.api('GET', '/api/devices')
    const after = await onlineAt(world)
    const shown = body as unknown as Record<string, StatusBody>
    const now = performance.now()
    looks += 1
    for (const { device, number } of fleet) {
      const isFalse = shown[device]?.status === 'connected' && !before.has(number) && !after.has(number)
      if (!isFalse) since.delete(device)
      else if (!since.has(device)) since.set(device, now - truthEveryMs)
      longestMs = Math.max(longestMs, isFalse ? now - (since.get(device) ?? now) : 0)
    }
  }
  const loop = repeat(truthEveryMs, look)
  return {
    async stop(): Promise<{ readonly falseMs: number; readonly looks: number }> {
      await loop.stop()
      return { falseMs: longestMs, looks }
    },
  }
}

interface Round {
  readonly backMs: number
  readonly latencies: readonly number[]
  readonly refused: number
  readonly falseMs: number
  readonly looks: number
}

/** Watches from when the API answers until all are connected again; `begin` gives the time that counts as the start. */
const storm = async (
  world: World,
  fleet: readonly FleetDevice[],
  begin: () => Promise<number>,
): Promise<Round> => {
  const startedAt = await begin()
  const reader = startReader(world, fleet)
  const truth = startTruth(world, fleet)
  try {
    const backMs = await untilReady(
      world,
      { devices: fleet.map(({ device }) => ({ id: device })) },
      startedAt,
    )
    return { backMs, ...(await reader.stop()), ...(await truth.stop()) }
  } finally {
    await Promise.allSettled([reader.stop(), truth.stop()])
  }
}

const connectorPid = (world: World): Promise<number> =>
  eventually('a connector', () => {
    const pid = world.gateway.lines.findLast(({ child }) => child === 'connector')?.['childPid']
    return typeof pid === 'number' ? pid : undefined
  })

const run = async ({ scale, cycles, print }: Run): Promise<Report> => {
  const count = cycles ?? (scale === 'full' ? devicesFull : devicesShort)
  const loginsMax = scale === 'full' ? readConfig({}).whatsapp.loginsMax : loginsMaxShort
  const world = await World.withGateway({ WHATSAPP_LOGINS_MAX: String(loginsMax) })
  try {
    const linkedFrom = performance.now()
    const fleet = await linkFleet(world, count)
    print(`${count} devices linked in ${Math.round((performance.now() - linkedFrom) / 1_000)} s`)

    const restarted = await storm(world, fleet, async () => {
      await world.gateway.stop()
      const at = Date.now()
      await world.startGateway()
      return at
    })
    print(`connected again ${Math.round(restarted.backMs)} ms after the start of the gateway`)

    const killed = await storm(world, fleet, async () => {
      process.kill(await connectorPid(world), 'SIGKILL')
      return Date.now()
    })
    print(`connected again ${Math.round(killed.backMs)} ms after the kill of the connector`)

    const { loginsAtOnceMost = Number.NaN } = await world.stats()
    const latencies = [...restarted.latencies, ...killed.latencies]
    const p99 = quantile(latencies, 0.99)
    return {
      checks: [
        exactly('devices connected again', count, (await onlineAt(world)).size),
        atMost('logins at a time, as the server saw them', loginsMax, loginsAtOnceMost),
        atLeast('logins at a time that were reached', Math.min(loginsMax, 2), loginsAtOnceMost),
        atMost(
          'longest that a device was falsely shown as connected, after a restart',
          0,
          restarted.falseMs,
          'ms',
        ),
        atMost('the same after a kill', falseAfterKillMaxMs, killed.falseMs, 'ms'),
        exactly('status reads that were not answered', 0, restarted.refused + killed.refused),
        atLeast('times that what is shown was held against the truth', 2, restarted.looks + killed.looks),
        // A time is judged where the machine is ours: the short form runs beside other tests.
        ...(scale === 'full' ? [atMost('p99 of status reads meanwhile', readP99MaxMs, p99, 'ms')] : []),
      ],
      facts: {
        devices: count,
        'logins at a time, at most': loginsMax,
        'all connected again, ms': `${Math.round(restarted.backMs)} after the start of the gateway, ${Math.round(killed.backMs)} after the kill of the connector`,
        'status reads, ms': `p50 ${quantile(latencies, 0.5).toFixed(1)}, p99 ${p99.toFixed(1)}, max ${Math.max(...latencies).toFixed(1)}, of ${latencies.length}`,
      },
    }
  } finally {
    await world.close()
  }
}

export const connectStorm: Scenario = {
  name: 'storm',
  title: 'hundreds of devices log in at once after a restart',
  run,
}
