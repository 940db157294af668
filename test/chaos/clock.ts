/**
 * Sets the wall clock of the API, of the connector or of both forward and back by an hour, under load, while a second
 * connector with a clock of its own waits for the first one's lease. The processes are preloaded with `shims/clock.c`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Command, eventually } from '../flows/processes.ts'
import { type StatusBody, World } from '../flows/world.ts'
import { invariants, loadFacts } from './invariants.ts'
import { createLoad, fullLoad, type Load, type LoadSettings } from './load.ts'
import type { SeededRandom } from './random.ts'
import { untilReady } from './ready.ts'
import { atLeast, atMost, exactly, type Report, type Run, type Scenario } from './scenario.ts'
import { clockShims, hasCompiler, noCompiler } from './shims.ts'

const hourMs = 60 * 60 * 1000
const jumpsFull = 24
const shortLoad: LoadSettings = { devices: 2, friends: 2, sendsPerSecond: 10, inboundPerSecond: 10 }
const settleMs = { full: 4_000, short: 1_000 }
/** How long messages may take to leave once their devices can log in again: the backoff of a reconnect, and some. */
const leaveWithinMs = 20_000
const pollMs = 100

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const names = ['api', 'connector', 'standby'] as const
type Name = (typeof names)[number]
type Whose = Name | 'all'

interface Jump {
  readonly whose: Whose
  readonly ms: number
  /** All connections are cut just before, and none comes about until after: messages wait when it happens. */
  readonly offline: boolean
}

/** The short form: one of each kind. */
const jumpsShort: readonly Jump[] = [
  { whose: 'all', ms: -hourMs, offline: true },
  { whose: 'all', ms: hourMs, offline: false },
  { whose: 'connector', ms: hourMs, offline: false },
  { whose: 'api', ms: hourMs, offline: true },
  { whose: 'standby', ms: hourMs, offline: false },
]

const drawJump = (random: SeededRandom): Jump => ({
  whose: random.pick(['all', 'all', ...names]),
  ms: random.pick([hourMs, -hourMs]),
  offline: random.next() < 0.4,
})

const leasesOf = (world: World): string[] =>
  world
    .query<{ held: string }>(
      `select name || ' of ' || coalesce(owner, 'nobody') || ' in epoch ' || epoch as held from leases order by name`,
    )
    .map(({ held }) => held)

const loginsOf = async (world: World): Promise<number> => (await world.stats())['logins'] ?? 0

const badTimes = (world: World): number =>
  world.query(
    `select id from messages where sending_at < created_at or sent_at < coalesce(sending_at, created_at)
       or delivered_at < coalesce(sent_at, created_at) or read_at < delivered_at`,
  ).length

/** Looks at every device again and again; keeps what was shown and should not have been. */
const watchStatus = (world: World, wanted: (id: string) => readonly string[]) => {
  const wrong: string[] = []
  let looks = 0
  let over = false
  const work = (async () => {
    while (!over) {
      const { body } = await world.api('GET', '/api/devices')
      for (const [id, { status }] of Object.entries(body as unknown as Record<string, StatusBody>)) {
        if (!wanted(id).includes(status)) wrong.push(`${id} ${status}`)
      }
      looks += 1
      await sleep(pollMs)
    }
  })()
  work.catch(() => undefined)
  return {
    wrong,
    stop: async (): Promise<number> => {
      over = true
      await work
      return looks
    },
  }
}

/** Cuts all connections and keeps new ones out until the promise that it gives is asked to let them in. */
const cutOff = async (world: World): Promise<() => Promise<void>> => {
  await world.fault('reject-upgrade', { count: 1_000_000 })
  await world.fault('drop')
  return () => world.clearFaults()
}

const openMessages = (world: World): number =>
  world.query(`select seq from outbox where state in ('queued', 'sending')`).length

/** How long it took until a message that waited during the jump had left. */
const untilLeft = async (world: World, load: Load): Promise<number> => {
  const since = performance.now()
  await load.stop()
  await eventually('what waited has left', () => openMessages(world) === 0, 90_000)
  load.start()
  return performance.now() - since
}

const run = async ({ scale, random, cycles, print }: Run): Promise<Report> => {
  if (!hasCompiler()) throw new Error(noCompiler)
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-clock-'))
  const newClock = clockShims(folder)
  const clocks = { api: newClock('api'), connector: newClock('connector'), standby: newClock('standby') }
  const ahead: Record<Name, number> = { api: 0, connector: 0, standby: 0 }
  const world = await World.open()
  try {
    const connector = world.run(['connector'], clocks.connector.env)
    const api = await world.startGateway(['api'], clocks.api.env)
    await eventually('the connector is active', () => isActive(connector), 30_000)
    const standby = world.run(['connector'], clocks.standby.env)
    await eventually('the other one waits', () => standby.output.includes('waiting for its lease'), 30_000)
    const load = await createLoad(world, scale === 'full' ? fullLoad : shortLoad)
    await world.api('POST', '/api/devices/unscanned/start')
    await world.untilStatus('unscanned', 'waiting_for_scan')

    const set = ({ whose, ms }: Jump): void => {
      for (const name of whose === 'all' ? names : [whose]) {
        ahead[name] += ms
        clocks[name].set(ahead[name])
      }
    }
    const jumps =
      scale === 'short' && cycles === undefined
        ? jumpsShort
        : Array.from({ length: cycles ?? jumpsFull }, () => drawJump(random))
    const held = leasesOf(world)
    let offline = 0
    let logins = 0
    let looks = 0
    const leftAfter: number[] = []
    const wrong: string[] = []
    load.start()
    for (const [at, jump] of jumps.entries()) {
      const before = await loginsOf(world)
      if (jump.offline) {
        offline += 1
        const letIn = await cutOff(world)
        await eventually('messages wait', () => openMessages(world) >= load.devices.length)
        set(jump)
        await sleep(settleMs[scale])
        await letIn()
        leftAfter.push(await untilLeft(world, load))
        await untilReady(world, load, 0)
      } else {
        const watch = watchStatus(world, (id) =>
          id === 'unscanned' ? ['waiting_for_scan', 'connecting'] : ['connected'],
        )
        set(jump)
        await sleep(settleMs[scale])
        looks += await watch.stop()
        wrong.push(...watch.wrong)
        logins += (await loginsOf(world)) - before
      }
      print(
        `${at + 1} of ${jumps.length}: ${jump.whose} ${jump.ms > 0 ? '+' : '-'}1 h${jump.offline ? ', offline' : ''}`,
      )
    }
    await load.drain()
    const heldAfter = leasesOf(world)
    const checks = await invariants(world, load)
    const facts = await loadFacts(world, load)
    const attempts =
      world.query<{ most: number }>('select max(attempts) as most from messages')[0]?.most ?? -1

    // The connector dates a QR and the API judges it: clocks of one machine do not stay apart, as those of a run may.
    for (const one of Object.values(clocks)) one.set(0)
    await world.createPhone('15550799')
    // Shown is also one that has just been replaced.
    const scanned = await eventually(
      'a QR that can be scanned',
      async () => {
        const answer = await world.scan('15550799', 'unscanned')
        return answer.status === 200 && answer
      },
      70_000,
    )
    await world.untilStatus('unscanned', 'connected', 60_000)

    const killedAt = performance.now()
    connector.kill('SIGKILL')
    await eventually('the other one takes over', () => isActive(standby))
    const takenOverMs = Math.round(performance.now() - killedAt)
    await untilReady(world, load, 0)
    const defects = [api, connector, standby].flatMap(defectsOf)
    return {
      checks: [
        atLeast('looks at every status', jumps.length - offline, looks),
        exactly('leases that changed hands', 0, heldAfter.filter((lease) => !held.includes(lease)).length),
        exactly('statuses shown that were not true', '', [...new Set(wrong)].join()),
        atMost('logins because a clock was set', 0, logins),
        atMost('waiting messages left after at most', leaveWithinMs, Math.max(0, ...leftAfter), 'ms'),
        atMost('attempts for one message', 3, attempts),
        exactly('messages whose times run backwards', 0, badTimes(world)),
        exactly('the QR that waited all the time could be scanned', 200, scanned.status),
        exactly('unhandled errors, and processes that ended', '', defects.join()),
        ...checks,
      ],
      facts: {
        jumps: `${jumps.length}, ${offline} of them with messages that wait`,
        'the standby has taken over from a killed holder after, ms': takenOverMs,
        ...facts,
      },
    }
  } finally {
    await world.close()
    for (const clock of Object.values(clocks)) clock.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const isActive = (connector: Command): boolean =>
  connector.lines.some(({ msg }) => msg === 'connector is active')

const defectsOf = (command: Command): string[] =>
  command.lines.flatMap(({ msg }) => (/^(unhandled|uncaught)/.test(msg ?? '') ? [String(msg)] : []))

export const clock: Scenario = {
  name: 'clock',
  title: 'the wall clocks of API and connector are set an hour forward and back under load',
  run,
}
