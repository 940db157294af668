/**
 * Freezes the connector that is at work (SIGSTOP) for longer than its leases last, while another waits, and lets it go
 * on: what it does then must reach neither WhatsApp nor the keys. Each connector has a proxy of its own, which counts.
 */
import { systemClock } from '../../src/runtime/clock.ts'
import { type Command, eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { invariants, loadFacts } from './invariants.ts'
import { createLoad, type LoadSettings } from './load.ts'
import { type FaultProxy, openProxy, type Passage } from './proxy.ts'
import { untilReady } from './ready.ts'
import { atLeast, atMost, type Check, exactly, type Report, type Run, type Scenario } from './scenario.ts'
import { type AuthWrite, installWitness, isWriteLocked, type Term, witnessEnvironment } from './witness.ts'

const leaseTtlMs = 10_000
const takeoverAtMostMs = leaseTtlMs + 1_000
const stopsFull = 20
const shortStopsFull = 5
const fullLoad: LoadSettings = { devices: 3, friends: 3, sendsPerSecond: 10, inboundPerSecond: 10 }
const shortLoad: LoadSettings = { devices: 2, friends: 2, sendsPerSecond: 6, inboundPerSecond: 6 }
const writeLockLimitMs = 500
const wakeLimitMs = 60_000

interface Worker {
  readonly command: Command
  readonly proxy: FaultProxy
  readonly pid: number
  readonly owner: string
}

interface Stop {
  /** Of a term of the lease. */
  readonly part: number
  /** Monotonic ms. */
  readonly at: number
  readonly holder: Worker
  /** It was stopped in the middle of a commit: nobody could write until it went on. */
  readonly inCommit: boolean
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const countOf = (command: Command, message: string): number =>
  command.lines.filter(({ msg }) => msg === message).length

/** While whom the leases of devices belonged to, oldest first: a turn ends when another process claims the first of them. */
const turnsOf = (
  terms: readonly Term[],
): { readonly pid: number; readonly from: number; until: number }[] => {
  const turns: { readonly pid: number; readonly from: number; until: number }[] = []
  for (const { pid, at } of terms) {
    const last = turns.at(-1)
    if (last?.pid === pid) continue
    if (last !== undefined) last.until = at
    turns.push({ pid, from: at, until: Infinity })
  }
  return turns
}

/** What the zombies got out, and wrote. */
const zombieChecks = (world: World, workers: readonly Worker[]): Check[] => {
  const turns = turnsOf(world.query<Term>(`select * from chaos_terms where name like 'device/%' order by at`))
  const inTurn = ({ pid }: Worker, { at }: Passage): boolean =>
    turns.some((turn) => turn.pid === pid && at >= turn.from && at < turn.until)
  const passages = workers.flatMap((worker) =>
    worker.proxy.connections.flatMap(({ log }) => log.up).filter((passage) => !inTurn(worker, passage)),
  )
  const writes = world.query<AuthWrite>('select * from chaos_auth_writes')
  const owners = new Map(workers.map(({ pid, owner }) => [pid, owner]))
  const stale = writes.filter(({ pid, owner }) => owners.get(pid) !== owner)
  const sum = (what: 'frames' | 'bytes'): number =>
    passages.reduce((total, passage) => total + passage[what], 0)
  return [
    exactly('frames that left a connector after the new epoch of another', 0, sum('frames')),
    exactly('bytes, handshakes included', 0, sum('bytes')),
    atLeast('writes of credentials and keys', 1, writes.length),
    exactly('of them by a process that did not hold the lease', 0, stale.length),
  ]
}

const range = (all: readonly number[]): string =>
  all.length === 0 ? 'none' : `${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))}`

const run = async ({ scale, random, cycles, print }: Run): Promise<Report> => {
  const full = scale === 'full'
  const moments = random.fork('moments')
  const world = await World.open()
  const proxies: FaultProxy[] = []
  const commands: Command[] = []

  const startWorker = async (until: string): Promise<Worker> => {
    const proxy = await openProxy(world.environment['WHATSAPP_URL'] ?? '', random.fork('proxy'))
    proxies.push(proxy)
    const command = world.run(['connector'], { ...witnessEnvironment, WHATSAPP_URL: proxy.url })
    commands.push(command)
    const line = await eventually(until, () => command.lines.find(({ msg }) => msg?.includes(until)), 30_000)
    const { pid } = line
    if (pid === undefined) throw new Error('a line of the log without a pid')
    return { command, proxy, pid, owner: String(line['owner']) }
  }

  try {
    await world.startGateway(['api'])
    const workers = [await startWorker('connector is active'), await startWorker('waiting for its lease')]
    const holderNow = (): Worker => {
      const [row] = world.query<{ owner: string }>(`select owner from leases where name = 'connector'`)
      const holder = workers.find(({ owner }) => owner === row?.owner)
      if (holder === undefined) throw new Error(`the seat is held by ${row?.owner}`)
      return holder
    }
    const termsSince = (at: number): Term[] =>
      world.query<Term>(`select * from chaos_terms where name = 'connector' and at >= ? order by at`, at)

    installWitness(world.dataDir)
    const load = await createLoad(world, full ? fullLoad : shortLoad)
    load.start()

    const freeze = async (part: number): Promise<Stop> => {
      for (;;) {
        await sleep(moments.between(200, 3_500))
        const holder = holderNow()
        const at = systemClock.monotonic()
        holder.command.kill('SIGSTOP')
        const inCommit = await isWriteLocked(world.dataDir, writeLockLimitMs)
        // The short form has one stop, and it must be one after which another can take over.
        if (full || !inCommit) return { part, at, holder, inCommit }
        holder.command.kill('SIGCONT')
      }
    }

    const stops: Stop[] = []
    const takeovers: number[] = []
    const returns: number[] = []
    let turnovers = 0
    const inflict = async (part: number): Promise<void> => {
      const lostBefore = workers.map(({ command }) => countOf(command, 'lease lost'))
      const stop = await freeze(part)
      stops.push(stop)
      const { holder, at, inCommit } = stop
      const since = Date.now()
      await sleep(at + part * leaseTtlMs - systemClock.monotonic())
      const terms = termsSince(at).filter(({ pid }) => pid !== holder.pid)
      holder.command.kill('SIGCONT')
      if (part < 1) {
        // Time enough for another to take what it might wrongly take.
        await sleep(leaseTtlMs / 2)
        turnovers += termsSince(at).filter(({ pid }) => pid !== holder.pid).length
      } else {
        const [term] = terms
        if (term !== undefined) takeovers.push(term.at - at)
        await eventually(
          'the zombie has noticed',
          () => countOf(holder.command, 'lease lost') > (lostBefore[workers.indexOf(holder)] ?? 0),
          wakeLimitMs,
        )
        await untilReady(world, load, since)
        const updates = await Promise.all(load.devices.map(({ id }) => world.status(id)))
        const connectedAt = Math.max(...updates.map(({ lastUpdate }) => Date.parse(lastUpdate)))
        if (!inCommit) returns.push(connectedAt - since)
      }
      const [term] = terms
      print(
        `stopped for ${(part * leaseTtlMs) / 1_000} s${inCommit ? ', in the middle of a commit' : ''}: ${
          term === undefined ? 'no takeover' : `taken over after ${((term.at - at) / 1_000).toFixed(1)} s`
        }`,
      )
    }

    const long = full ? (cycles ?? stopsFull) : 1
    const parts: number[] = Array.from({ length: long }, (_, index) => (index % 2 === 0 ? 1.5 : 3))
    if (full)
      for (let count = 0; count < shortStopsFull; count += 1)
        parts.splice(moments.between(0, parts.length), 0, 0.5)
    for (const part of parts) await inflict(part)
    await load.drain()

    const clean = stops.filter(({ part, inCommit }) => part > 1 && !inCommit).length
    return {
      checks: [
        exactly(
          'stops of the holder for longer than its term',
          long,
          stops.filter(({ part }) => part > 1).length,
        ),
        exactly('of those not in the middle of a commit, taken over meanwhile', clean, takeovers.length),
        exactly('takeovers after a stop for half a term', 0, turnovers),
        ...zombieChecks(world, workers),
        ...(full
          ? [atMost('slowest takeover after the stop', takeoverAtMostMs, Math.max(...takeovers), 'ms')]
          : []),
        ...(await invariants(world, load)),
      ],
      facts: {
        'taken over after the stop, ms': `${range(takeovers)}, of ${takeovers.length} (the term is ${leaseTtlMs})`,
        'all devices connected again after the stop, ms': `${range(returns)}, of ${returns.length}`,
        'stopped in the middle of a commit': stops.filter(({ inCommit }) => inCommit).length,
        'stopped for half a term': stops.filter(({ part }) => part < 1).length,
        ...(await loadFacts(world, load)),
      },
    }
  } finally {
    for (const command of commands) command.kill('SIGCONT')
    await world.close()
    for (const proxy of proxies) await proxy.close()
  }
}

export const zombie: Scenario = {
  name: 'zombie',
  title: 'SIGSTOP of the connector at work for longer than its leases last, with another one waiting',
  run,
}
