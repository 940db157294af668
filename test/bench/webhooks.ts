/**
 * Events from the commit to a receiver on this machine, beside bare undici that posts the same bodies from memory to the same
 * receiver; and an outage in which deliveries pile up.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pool } from 'undici'
import type { Origin } from '../../src/domain/audit.ts'
import { start } from '../../src/domain/device.ts'
import { deviceLeaseName, leaseTtlMaxMs } from '../../src/domain/lease.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { Command, eventually, freePort } from '../flows/processes.ts'
import { endpointOf } from '../store/conformance/webhook-fixtures.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { each } from './gateway.ts'
import { cpuMs, median, quantile, rssMb } from './measure.ts'
import { type Receiver, type ReceiverStats, startReceiver } from './webhook-receiver.ts'

const device = 'bench'
const concurrency = 10
const perSecondMin = 1_000
/** The growth of the API process in an outage. */
const growthMaxMb = 30
/** The text of an event, as long as those of messages are. */
const text = 'x'.repeat(600)
const secondMs = 1_000
const startLimitMs = 60 * secondMs
const drainLimitMs = 10 * 60 * secondMs
const liveStepMs = 20

const origin: Origin = { actor: { kind: 'api' }, requestId: 'req_bench' }
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Writes events as a connector does: so many verbs, whose transactions are shared as they come. */
const openWriter = async (store: Store) => {
  await store.devices.decide(device, (before) => start(before, device, origin, Date.now()))
  const lease = await store.leases.claim(
    deviceLeaseName(device),
    'bench',
    leaseTtlMaxMs,
    systemClock.monotonic(),
  )
  if (lease === undefined) throw new Error('no lease')
  const one = (at: number) =>
    store.events.note(
      lease,
      device,
      [
        {
          type: 'group.updated',
          data: { chat: `${at}@g.us`, by: null, description: text },
        },
      ],
      Date.now(),
    )
  return async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, (_, at) => one(at)))
  }
}

const openBench = async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wag-bench-'))
  const receiver = await startReceiver()
  const port = await freePort()
  const store = await openStore({ file: path.join(dataDir, 'gateway.db') })
  await store.webhooks.create(
    endpointOf('whk_bench', {
      url: receiver.url,
      headers: {},
      concurrency,
      filter: { events: ['group.updated'], devices: null, chats: null, notChats: [], ownMessages: true },
    }),
    () => undefined,
    origin,
    Date.now(),
  )
  const gateway = new Command(['api'], { DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'warn' })
  await eventually(
    'the gateway',
    async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
    startLimitMs,
  )
  const write = await openWriter(store)
  return {
    store,
    receiver,
    write,
    pid: gateway.child.pid ?? 0,
    async close() {
      await gateway.stop()
      receiver.stop()
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
type Bench = Awaited<ReturnType<typeof openBench>>

const untilReceived = async (receiver: Receiver, count: number): Promise<ReceiverStats> => {
  for (const until = performance.now() + drainLimitMs; performance.now() < until; await sleep(100)) {
    const stats = await receiver.ask('stats')
    if (stats.unique >= count) return stats
  }
  throw new Error(`not all of ${count} were received`)
}

const perSecond = ({ received, firstAt, lastAt }: ReceiverStats): number =>
  ((received - 1) * secondMs) / (lastAt - firstAt)

/** All that waits, as fast as it goes. */
const drain = async ({ receiver, write, store, pid }: Bench, count: number) => {
  await receiver.ask('forget')
  const pause = (state: 'paused' | 'active') =>
    store.webhooks.change(
      'whk_bench',
      'webhook.change',
      (before) => ({ ...before, state }),
      origin,
      Date.now(),
    )
  await pause('paused')
  for (let left = count; left > 0; left -= 500) await write(Math.min(500, left))
  const before = cpuMs(pid)
  await pause('active')
  const stats = await untilReceived(receiver, count)
  return {
    rate: perSecond(stats),
    cpuMs: (cpuMs(pid) - before) / count,
    doubled: stats.received - stats.unique,
  }
}

/** So many events a second, each brought as it comes. */
const live = async ({ receiver, write, pid }: Bench, seconds: number) => {
  await receiver.ask('forget')
  const before = cpuMs(pid)
  const part = (perSecondMin * liveStepMs) / secondMs
  const steps = (seconds * secondMs) / liveStepMs
  const began = performance.now()
  for (let step = 0; step < steps; step += 1) {
    await sleep(Math.max(0, began + step * liveStepMs - performance.now()))
    await write(part)
  }
  const writtenMs = performance.now() - began
  const stats = await untilReceived(receiver, part * steps)
  return {
    cpuMs: (cpuMs(pid) - before) / (part * steps),
    writtenPerSecond: (part * steps * secondMs) / writtenMs,
    p50Ms: median(stats.latenciesMs),
    p99Ms: quantile(stats.latenciesMs, 0.99),
  }
}

const bare = async (receiver: Receiver, count: number): Promise<number> => {
  await receiver.ask('forget')
  const { origin: target, pathname } = new URL(receiver.url)
  const pool = new Pool(target, { connections: concurrency, pipelining: 1 })
  const bodies = Array.from({ length: count }, (_, seq) => ({
    id: `evt_${String(seq).padStart(26, '0')}`,
    body: JSON.stringify({
      seq,
      id: `evt_${String(seq).padStart(26, '0')}`,
      type: 'group.updated',
      deviceId: device,
      at: new Date().toISOString(),
      data: { chat: `${seq}@g.us`, by: null, description: text },
    }),
  }))
  await each(bodies, concurrency, async ({ id, body }) => {
    const answer = await pool.request({
      method: 'POST',
      path: pathname,
      headers: { 'content-type': 'application/json', 'webhook-id': id },
      body,
    })
    await answer.body.dump()
  })
  await pool.close()
  return perSecond(await receiver.ask('stats'))
}

const outage = async ({ receiver, write, pid }: Bench, count: number) => {
  await receiver.ask('forget')
  const before = await rssMb(pid)
  await receiver.ask('refuse')
  let during = 0
  for (let left = count; left > 0; left -= 500) {
    await write(Math.min(500, left))
    during = Math.max(during, await rssMb(pid))
  }
  await receiver.ask('accept')
  const back = performance.timeOrigin + performance.now()
  let draining = 0
  const watch = setInterval(() => {
    void rssMb(pid).then((mb) => (draining = Math.max(draining, mb)))
  }, secondMs)
  const stats = await untilReceived(receiver, count)
  clearInterval(watch)
  return {
    before,
    during,
    draining,
    after: await rssMb(pid),
    waitedMs: stats.firstAt - back,
    drainMs: stats.lastAt - stats.firstAt,
    doubled: stats.received - stats.unique,
  }
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const [backlog, rounds, liveSeconds, waiting] = quick ? [1_000, 1, 2, 2_000] : [20_000, 3, 20, 100_000]
  const bench = await openBench()
  try {
    await drain(bench, 500)
    const drains: Awaited<ReturnType<typeof drain>>[] = []
    const bares: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      drains.push(await drain(bench, backlog))
      bares.push(await bare(bench.receiver, backlog))
      print(`${drains.at(-1)?.rate.toFixed(0)}/s, bare undici ${bares.at(-1)?.toFixed(0)}/s`)
    }
    const steady = await live(bench, liveSeconds)
    print(`at ${perSecondMin}/s: p50 ${steady.p50Ms.toFixed(0)} ms, p99 ${steady.p99Ms.toFixed(0)} ms`)
    const away = await outage(bench, waiting)
    print(
      `an outage with ${waiting}: ${away.before.toFixed(0)}, ${away.during.toFixed(0)}, ${away.draining.toFixed(0)}, ${away.after.toFixed(0)} MB; first after ${away.waitedMs.toFixed(0)} ms, all ${away.drainMs.toFixed(0)} ms later`,
    )
    const growth = Math.max(away.during, away.draining) - away.before
    return [
      {
        what: `events that wait, brought with ${concurrency} at a time`,
        unit: '/s',
        value: median(drains.map(({ rate }) => rate)),
        baseline: { name: 'bare undici', value: median(bares) },
        aim: { of: 'value', at: 'least', limit: perSecondMin },
      },
      { what: 'CPU of the API for each', unit: 'ms', value: median(drains.map(({ cpuMs: used }) => used)) },
      { what: `events written, wanted ${perSecondMin}`, unit: '/s', value: steady.writtenPerSecond },
      { what: 'from the commit to the receiver at that rate: p50', unit: 'ms', value: steady.p50Ms },
      { what: 'the same: p99', unit: 'ms', value: steady.p99Ms },
      { what: 'CPU of the API for each at that rate', unit: 'ms', value: steady.cpuMs },
      { what: `RSS of the API before an outage`, unit: 'MB', value: away.before },
      {
        what: `the most that it grew by while ${waiting} waited and were brought`,
        unit: 'MB',
        value: growth,
        aim: { of: 'value', at: 'most', limit: growthMaxMb },
      },
      { what: 'RSS of the API afterwards', unit: 'MB', value: away.after },
      {
        what: 'until the first is tried when the receiver is back',
        unit: 's',
        value: away.waitedMs / secondMs,
      },
      { what: 'until all are brought from then on', unit: 's', value: away.drainMs / secondMs },
      {
        what: 'brought more than once',
        unit: '',
        value: away.doubled + drains.reduce((sum, { doubled }) => sum + doubled, 0),
      },
    ]
  } finally {
    await bench.close()
  }
}

export const webhooks: Benchmark = {
  name: 'webhooks',
  title: 'events from the commit to a receiver on this machine, beside bare undici, and through an outage',
  run,
}
