/**
 * Takes the disk away from the gateway under load and gives it back: less room than the reserve, no room at all, writes
 * and syncs that fail, files that have become read-only.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { eventually } from '../flows/processes.ts'
import { type Answer, type StatusBody, World } from '../flows/world.ts'
import { bend, fillDisk, immutableFiles, mountSmallDisk, type Way } from './disk-ways.ts'
import { invariants, loadFacts } from './invariants.ts'
import { createLoad, type Load, type LoadSettings } from './load.ts'
import { atLeast, atMost, type Check, exactly, type Report, type Run, type Scenario } from './scenario.ts'
import { hasCompiler, ioShim, noCompiler } from './shims.ts'

const mib = 1024 * 1024
const diskBytes = 96 * mib
const reserveMb = 16
const scarceBytes = 8 * mib
const fullLoad: LoadSettings = { devices: 5, friends: 3, sendsPerSecond: 20, inboundPerSecond: 20 }
const shortLoad: LoadSettings = { devices: 2, friends: 2, sendsPerSecond: 8, inboundPerSecond: 8 }
/** How long the disk is gone. After the term of a lease, 10 s, all connections are. */
const goneMs = { full: 60_000, short: 10_000 }
const brieflyGoneMs = { full: 20_000, short: 2_000 }
/** A lease is believed for 10 s after its last renewal. */
const truthWithinMs = 20_000
const backWithinMs = 60_000
/** Lines that are no requests. */
const linesASecondMax = 30
/** With a backoff: at 0, 1, 3, 7, 15, 31 s. A device that tries again at once logs in many times a second. */
const loginsMax = 8
const pollMs = 200

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const sendProbe = (world: World, load: Load, text: string): Promise<Answer> =>
  world.api(
    'POST',
    `/api/devices/${load.devices[0]?.id}/send`,
    { to: load.friends[0], message: text },
    { prefer: 'respond-async' },
  )

const shownDevices = async (world: World): Promise<Record<string, StatusBody>> =>
  (await world.api('GET', '/api/devices')).body

const isConnected = async (world: World, load: Load): Promise<boolean> => {
  const shown = await shownDevices(world)
  return load.devices.every(({ id }) => shown[id]?.status === 'connected')
}

const errorOf = ({ status, body }: Answer): string => `${status} ${String(body['error'])}`

const loginsOf = async (world: World): Promise<number> => (await world.stats())['logins'] ?? 0

const storedInbound = (world: World): number =>
  world.query<{ count: number }>(`select count(*) as count from messages where direction = 'inbound'`)[0]
    ?.count ?? 0

const pidsOf = (world: World): string => `${world.gateway.child.pid} ${world.gateway.pidOf('connector')}`

/** Devices that are shown as not connected for another reason than the database. */
const wronglyBlamed = async (world: World, load: Load): Promise<string[]> => {
  const records = await Promise.all(load.devices.map(({ id }) => world.api('GET', `/api/devices/${id}`)))
  return records
    .map(({ body: { status, detail } }) => `${String(status)}: ${String(detail)}`)
    .filter((shown) => !/^connected|^reconnecting: .*database/.test(shown))
}

interface Seen {
  readonly checks: readonly Check[]
  readonly facts: Readonly<Record<string, string | number>>
}

/** What a caller is told while sends are refused. */
const refusals = async (world: World, load: Load, way: Way): Promise<Seen> => {
  const refused = await eventually(`a send is refused: ${way.name}`, async () => {
    const answer = await sendProbe(world, load, `probe ${way.name}`)
    return answer.status >= 500 && answer
  })
  const ready = await world.api('GET', '/readyz')
  const isTold = (answer: Answer, status: number): boolean =>
    answer.status === status && way.error.test(String(answer.body['error']))
  return {
    checks: [
      exactly(`${way.name}: sends are refused with`, way.refusal, refused.status),
      exactly(
        `${way.name}: the answer does not say why`,
        0,
        isTold(refused, way.refusal) ? 0 : errorOf(refused),
      ),
      exactly(`${way.name}: /readyz does not say why`, 0, isTold(ready, 503) ? 0 : errorOf(ready)),
    ],
    facts: { [`${way.name}: the answer to a send`]: errorOf(refused) },
  }
}

/** Nothing new is accepted; all else goes on. */
const runLow = async (world: World, load: Load, way: Way, ms: number): Promise<Seen> => {
  const logins = await loginsOf(world)
  await way.begin()
  const told = await refusals(world, load, way)
  const before = storedInbound(world)
  let off = 0
  const until = performance.now() + ms
  while (performance.now() < until) {
    if (!(await isConnected(world, load))) off += 1
    await sleep(pollMs)
  }
  await eventually('phones are heard', () => storedInbound(world) > before)
  await way.end()
  await eventually(
    'sends are accepted',
    async () => (await sendProbe(world, load, 'probe after')).status < 300,
  )
  return {
    checks: [
      ...told.checks,
      exactly(`${way.name}: looks at which a device was not connected`, 0, off),
      exactly(`${way.name}: logins`, 0, (await loginsOf(world)) - logins),
    ],
    facts: told.facts,
  }
}

/** Nothing can be written for a while. */
const lose = async (world: World, load: Load, way: Way, ms: number): Promise<Seen> => {
  const before = { pids: pidsOf(world), lines: world.gateway.lines.length, logins: await loginsOf(world) }
  const listed = (await world.messages(load.devices[0]?.id ?? '')).length
  await way.begin()
  const since = performance.now()
  const told = await refusals(world, load, way)
  let reads = 0
  let readsFailed = 0
  let falseForMs = 0
  let trueAt = performance.now()
  while (performance.now() - since < ms) {
    const list = await world.api('GET', `/api/devices/${load.devices[0]?.id}/messages?limit=200`)
    if (list.status !== 200 || (list.body['messages'] as unknown as unknown[]).length < listed)
      readsFailed += 1
    reads += 1
    const shown = Object.values(await shownDevices(world)).filter(({ status }) => status === 'connected')
    if (shown.length <= ((await world.stats())['liveSockets'] ?? 0)) trueAt = performance.now()
    falseForMs = Math.max(falseForMs, performance.now() - trueAt)
    await sleep(pollMs)
  }
  const seconds = (performance.now() - since) / 1_000
  const blamed = await wronglyBlamed(world, load)
  const logins = (await loginsOf(world)) - before.logins
  const endedAt = performance.now()
  await way.end()
  const isBack = async (): Promise<boolean> =>
    ((await world.stats())['liveSockets'] ?? 0) >= load.devices.length &&
    (await world.api('GET', '/readyz')).status === 200 &&
    (await isConnected(world, load))
  await eventually(`all is well again after ${way.name}`, isBack, backWithinMs)
  const backMs = Math.round(performance.now() - endedAt)
  const lines = world.gateway.lines.slice(before.lines).filter(({ msg }) => msg !== 'request')
  const defects = lines.filter(({ msg }) => /^(unhandled|uncaught)|child process ended/.test(msg ?? ''))
  return {
    checks: [
      ...told.checks,
      exactly(`${way.name}: lists that failed or lacked something`, 0, readsFailed),
      atLeast(`${way.name}: lists read`, 1, reads),
      atMost(`${way.name}: connected was shown and was not true for`, truthWithinMs, falseForMs, 'ms'),
      exactly(`${way.name}: shown as gone for another reason`, 0, blamed.join() || 0),
      atMost(`${way.name}: logins of a device`, loginsMax, logins / load.devices.length),
      atMost(
        `${way.name}: lines of the log that are no requests`,
        linesASecondMax,
        lines.length / seconds,
        'a second',
      ),
      exactly(`${way.name}: unhandled errors`, 0, defects.map(({ msg }) => msg).join() || 0),
      exactly(`${way.name}: the processes are`, before.pids, pidsOf(world)),
    ],
    facts: { ...told.facts, [`${way.name}: all well again after, ms`]: backMs },
  }
}

/** On a gateway of its own, since a tmpfs does not do it. */
const playImmutable = async (): Promise<Seen> => {
  const world = await World.withGateway()
  const way = immutableFiles(world.dataDir)
  try {
    if (way === undefined)
      return { checks: [], facts: { 'immutable files': 'left out: there are none here' } }
    const load = await createLoad(world, shortLoad)
    load.start()
    const seen = await lose(world, load, way, brieflyGoneMs.full)
    await load.drain()
    return { checks: [...seen.checks, ...(await invariants(world, load))], facts: seen.facts }
  } finally {
    await way?.end()
    await world.close()
  }
}

const run = async ({ scale, print }: Run): Promise<Report> => {
  const canBend = hasCompiler()
  if (!canBend && scale === 'full') throw new Error(noCompiler)
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-disk-'))
  const disk = mountSmallDisk(folder, diskBytes)
  const dataDir = disk?.dataDir ?? path.join(folder, 'data')
  const shim = canBend ? ioShim(folder, dataDir) : undefined
  const world = await World.open({ DISK_RESERVE_MB: String(disk === undefined ? 0 : reserveMb) }, dataDir)
  const leftOut: string[] = []
  if (disk === undefined)
    leftOut.push(
      'no file system may be mounted here: a full disk is played by errors of write, and the reserve is not tried',
    )
  if (shim === undefined) leftOut.push(noCompiler)
  if (disk === undefined && shim === undefined) throw new Error(leftOut.join('; '))
  for (const line of leftOut) print(line)
  try {
    await world.startGateway(['serve'], shim?.env ?? {})
    const load = await createLoad(world, scale === 'full' ? fullLoad : shortLoad)
    const seen: Seen[] = []
    const noSpace = { name: 'a full disk', refusal: 507, error: /full/ }
    const broken = { refusal: 503, error: /read-only/ }
    load.start()
    await sleep(1_000)
    const play = async (way: Way | undefined, ms: number, how = lose): Promise<void> => {
      if (way === undefined) return
      print(way.name)
      seen.push(await how(world, load, way, ms))
      await sleep(1_000)
    }
    if (disk !== undefined) {
      await play(
        fillDisk(dataDir, { name: 'little room', leaveBytes: scarceBytes }),
        brieflyGoneMs[scale],
        runLow,
      )
      await play(fillDisk(dataDir, { name: noSpace.name, leaveBytes: 0 }), goneMs[scale])
    } else if (shim !== undefined) {
      await play(bend(shim, { ...noSpace, failures: { writes: 'ENOSPC' } }), goneMs[scale])
    }
    if (shim !== undefined) {
      await play(
        bend(shim, { ...broken, name: 'syncs with EIO', failures: { syncs: 'EIO' } }),
        brieflyGoneMs[scale],
      )
      await play(
        bend(shim, { ...broken, name: 'writes with EROFS', failures: { writes: 'EROFS' } }),
        brieflyGoneMs[scale],
      )
    }
    if (scale === 'full' && shim !== undefined) {
      await play(bend(shim, { ...broken, name: 'writes with EIO', failures: { writes: 'EIO' } }), goneMs.full)
    }
    await load.drain()
    const found = await invariants(world, load)
    if (scale === 'full') seen.push(await playImmutable())
    return {
      checks: [...seen.flatMap(({ checks }) => checks), ...found],
      facts: {
        'left out': leftOut.length === 0 ? 'nothing' : leftOut.join('; '),
        ...Object.assign({}, ...seen.map(({ facts }) => facts)),
        ...(await loadFacts(world, load)),
      },
    }
  } finally {
    shim?.fail({})
    try {
      await world.close()
    } finally {
      shim?.close()
      disk?.unmount()
      await rm(folder, { recursive: true, force: true })
    }
  }
}

export const disk: Scenario = {
  name: 'disk',
  title: 'the disk is full, fails or turns read-only under load, and comes back',
  run,
}
