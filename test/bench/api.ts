import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, freePort } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { compileShim } from '../shims/compile.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { type LoadPlan, type LoadRequest, type LoadResult, runLoad } from './http-load.ts'
import { cpuMs, median, rssMb } from './measure.ts'

const connections = 50
const recipients = 200
const slowFsyncUs = 1_000
const device = 'bench'
const phone = '15550100'

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const baselineFile = fileURLToPath(new URL('api-baseline.ts', import.meta.url))

const statusRead: LoadRequest = { method: 'GET', path: `/api/devices/${device}/status` }

/** Requests to accept a message, to so many people in turn. */
const enqueues = (people: readonly string[]): LoadRequest[] =>
  people.map((to) => ({
    method: 'POST',
    path: `/api/devices/${device}/send`,
    headers: { Prefer: 'respond-async' },
    body: { to, message: `Hello ${to}, this is a message of an ordinary length, as people write them.` },
  }))

const numbers = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => String(15_551_000_000 + at))

interface Server {
  readonly child: ChildProcess
  readonly pid: number
  readonly port: number
}

/** Starts a server with its output in a file: what reads a pipe would compete with it. */
const start = async (
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile: string,
): Promise<ChildProcess> => {
  const log = await open(logFile, 'a')
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', log.fd, log.fd],
  })
  await once(child, 'spawn')
  await log.close()
  return child
}

const answers = (port: number): Promise<true> =>
  eventually(
    'the server answers',
    async () => (await fetch(`http://127.0.0.1:${port}${statusRead.path}`)).status === 200,
  ).then(() => true)

const stop = async ({ child }: Server): Promise<void> => {
  child.kill('SIGTERM')
  if (child.exitCode === null) await once(child, 'exit')
}

interface Sample extends LoadResult {
  readonly cpuUs: number
}

const measure = async (
  { pid, port }: Server,
  plan: Pick<LoadPlan, 'requests' | 'status' | 'durationMs'>,
): Promise<Sample> => {
  const before = cpuMs(pid)
  const result = await runLoad({ ...plan, port, connections })
  return { ...result, cpuUs: ((cpuMs(pid) - before) * 1_000) / result.answers }
}

const middle = (samples: readonly Sample[], member: keyof Sample): number =>
  median(samples.map((sample) => sample[member]))

/** The figures of one kind of request, against the baseline. */
const compare = (
  what: string,
  gateway: readonly Sample[],
  baseline: readonly Sample[],
  { ratio, perSecond }: { readonly ratio?: number; readonly perSecond: number },
): Figure[] => {
  const name = 'bare Hono'
  const beside = (member: keyof Sample) => ({
    value: middle(gateway, member),
    baseline: { name, value: middle(baseline, member) },
  })
  const rate = { unit: '/s', ...beside('perSecond') }
  return [
    { what, ...rate, aim: { of: 'value', at: 'least', limit: perSecond } },
    ...(ratio === undefined
      ? []
      : ([
          { what: `${what}, beside bare Hono`, ...rate, aim: { of: 'ratio', at: 'least', limit: ratio } },
        ] as const)),
    { what: `${what}: CPU of the server`, unit: 'us/request', ...beside('cpuUs') },
    { what: `${what}: p50`, unit: 'ms', ...beside('p50Ms') },
    { what: `${what}: p99`, unit: 'ms', ...beside('p99Ms') },
  ]
}

export const api: Benchmark = {
  name: 'api',
  title: `status reads and durable enqueues at ${connections} connections, beside bare Hono on SQLite`,

  async run({ quick, print }) {
    const durationMs = quick ? 300 : 4_000
    const rounds = quick ? 1 : 5
    const folder = await mkdtemp(path.join(tmpdir(), 'wag-bench-'))
    const servers: Server[] = []
    const world = await World.open({ WHATSAPP_QR_TIMEOUT_MS: '60000' })
    try {
      const shim = await compileShim('slow-fsync', folder)
      const slow = { LD_PRELOAD: shim, SHIM_FSYNC_EXTRA_US: String(slowFsyncUs) }

      const startBaseline = async (name: string, env: Record<string, string> = {}): Promise<Server> => {
        const log = path.join(folder, `${name}.log`)
        const child = await start([baselineFile, path.join(folder, `${name}.db`)], env, log)
        const port = await eventually('the baseline has a port', async () => {
          const file = await open(log)
          const text = await file.readFile('utf8')
          await file.close()
          return Number(text.trim()) || undefined
        })
        await answers(port)
        return { child, pid: child.pid ?? 0, port }
      }
      const startGateway = async (env: Record<string, string> = {}): Promise<Server> => {
        const port = await freePort()
        const child = await start(
          [mainFile, 'api'],
          { ...world.environment, PORT: String(port), ...env },
          path.join(folder, 'gateway.log'),
        )
        await answers(port)
        return { child, pid: child.pid ?? 0, port }
      }

      await world.startGateway()
      await world.link(device, phone)
      await world.gateway.stop()

      const people = numbers(recipients)
      const read = { requests: [statusRead], status: 200, durationMs }
      const enqueue = { requests: enqueues(people), status: 202, durationMs }

      const baseline = await startBaseline('baseline')
      servers.push(baseline)
      const gateway = await startGateway()
      servers.push(gateway)
      for (const server of [baseline, gateway]) {
        await measure(server, { ...read, durationMs: durationMs / 2 })
        await measure(server, { ...enqueue, durationMs: durationMs / 2 })
      }
      const reads: [Sample[], Sample[]] = [[], []]
      const writes: [Sample[], Sample[]] = [[], []]
      for (let round = 1; round <= rounds; round += 1) {
        for (const [at, server] of [gateway, baseline].entries()) {
          const [one, other] = [await measure(server, read), await measure(server, enqueue)]
          reads[at]?.push(one)
          writes[at]?.push(other)
          print(
            `round ${round}, ${at === 0 ? 'gateway' : 'bare Hono'}: ${one.perSecond.toFixed(0)} reads/s, ${other.perSecond.toFixed(0)} enqueues/s`,
          )
        }
      }
      const memory = await rssMb(gateway.pid)
      // What the rounds before have accepted is a backlog that keeps a connector busy.
      const logins = (await world.stats())['logins']
      const connector = world.run(['connector'])
      await eventually('the connector works', async () => (await world.stats())['logins'] !== logins)
      const beside: [Sample[], Sample[]] = [[], []]
      for (let round = 1; round <= rounds; round += 1) {
        beside[0].push(await measure(gateway, read))
        beside[1].push(await measure(gateway, enqueue))
      }
      await connector.stop()
      for (const server of servers.splice(0)) await stop(server)

      const slowBaseline = await startBaseline('slow', slow)
      servers.push(slowBaseline)
      const slowGateway = await startGateway(slow)
      servers.push(slowGateway)
      const slowWrites: [Sample[], Sample[]] = [[], []]
      for (let round = 0; round <= rounds; round += 1) {
        for (const [at, server] of [slowGateway, slowBaseline].entries()) {
          const sample = await measure(server, enqueue)
          if (round > 0) slowWrites[at]?.push(sample)
        }
      }
      for (const server of servers.splice(0)) await stop(server)

      return [
        ...compare('status reads', ...reads, { ratio: 0.6, perSecond: 6_000 }),
        ...compare('durable enqueues', ...writes, { ratio: 0.6, perSecond: 2_000 }),
        ...compare('enqueues with 1 ms more for each fsync', ...slowWrites, { perSecond: 1_500 }),
        {
          what: 'status reads beside a connector that sends',
          unit: '/s',
          value: middle(beside[0], 'perSecond'),
        },
        { what: 'status reads beside it: p99', unit: 'ms', value: middle(beside[0], 'p99Ms') },
        { what: 'durable enqueues beside it', unit: '/s', value: middle(beside[1], 'perSecond') },
        { what: 'durable enqueues beside it: p99', unit: 'ms', value: middle(beside[1], 'p99Ms') },
        { what: 'RSS of the API process after all reads and enqueues', unit: 'MB', value: memory },
      ]
    } finally {
      for (const server of servers) await stop(server)
      await world.close()
      await rm(folder, { recursive: true, force: true })
    }
  },
}
