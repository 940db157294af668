/**
 * `npm run profile -- send|receive [--messages N] [--devices N] [--chats N]`, or `-- restart [--devices N]`: runs the load with
 * `--cpu-prof` on the gateway's processes and prints where the CPU time of the load went: by package, by function, and
 * with what is called from it.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { sourcesEntry } from '../flows/processes.ts'
import { linkFleet } from '../flows/fleet.ts'
import { World } from '../flows/world.ts'
import { type CpuProfile, type Share, sharesOfWindow } from './cpu-profile.ts'
import { connectorOf, untilConnected } from './fleet.ts'
import { deviceOf, each, type GatewayClient, openGateway } from './gateway.ts'
import { cpuMs } from './measure.ts'
import { storedCount, untilStored, write } from './preload.ts'

const rowsShown = 40
const intervalUs = 250

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    messages: { type: 'string', default: '600' },
    devices: { type: 'string', default: '1' },
    chats: { type: 'string', default: '20' },
  },
})
const [kind = 'send'] = positionals
if (kind !== 'send' && kind !== 'receive' && kind !== 'restart') {
  console.error('error: profile send, receive or restart')
  process.exit(2)
}
const messages = Number(values.messages)
const accounts = Array.from({ length: Number(values.devices) }, (_, index) => `1555100${index}`)
const chats = Number(values.chats)
const contacts = Array.from({ length: chats }, (_, index) => `1555900${index}`)

const nowUs = (): number => Number(process.hrtime.bigint() / 1000n)

const sendLoad = async (world: World, client: GatewayClient): Promise<() => Promise<unknown>> => {
  const orders = (count: number) =>
    accounts.flatMap((account) =>
      contacts.map((number) => ({ account, to: `${number}@s.whatsapp.net`, count, inFlight: 1 })),
    )
  await client.send(orders(5))
  await Promise.all(
    [...accounts, ...contacts].map((number) => world.phone('POST', `/phones/${number}/power`, { on: false })),
  )
  return () => client.send(orders(Math.ceil(messages / chats / accounts.length)))
}

/** The phones write while the devices are away; the load is what comes when they are back. */
const receiveLoad = async (world: World): Promise<() => Promise<unknown>> => {
  const sessions = contacts.length * accounts.length
  await write(world, accounts, contacts, sessions)
  await untilStored(world, sessions)
  await each(accounts, accounts.length, async (number) => {
    await world.api('POST', `/api/devices/${deviceOf(number)}/stop`)
    await world.untilStatus(deviceOf(number), 'disconnected')
  })
  await write(world, accounts, contacts, messages)
  const before = storedCount(world)
  return async () => {
    await each(accounts, accounts.length, (number) =>
      world.api('POST', `/api/devices/${deviceOf(number)}/start`),
    )
    await untilStored(world, before + messages)
  }
}

const printShares = (title: string, shares: readonly Share[], rows: number): void => {
  console.log(`\n  ${title}`)
  for (const { name, part } of shares.slice(0, rows)) {
    console.log(`  ${(part * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}

/** What a load left behind: the window of it, its processes, and the CPU time that each used in it, in ms. */
interface Loaded {
  readonly window: readonly [fromUs: number, toUs: number]
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly usedMs: number }[]
}

const runMessages = async (world: World, profiled: Readonly<Record<string, string>>): Promise<Loaded> => {
  await world.startGateway(['serve'], profiled, { entry: sourcesEntry })
  const client = await openGateway(world)
  const names = { API: client.api, connector: client.connector }
  await client.link(accounts)
  await Promise.all(contacts.map((number) => world.createPhone(number)))
  const load = kind === 'send' ? await sendLoad(world, client) : await receiveLoad(world)
  const before = Object.entries(names).map(([name, pid]) => ({ name, pid, ms: cpuMs(pid) }))
  const from = nowUs()
  await load()
  const window = [from, nowUs()] as const
  const processes = before.map(({ name, pid, ms }) => ({ name, pid, usedMs: cpuMs(pid) - ms }))
  await client.close()
  return { window, processes }
}

/** The window is the whole life of the processes until all devices are connected again. */
const runRestart = async (world: World, profiled: Readonly<Record<string, string>>): Promise<Loaded> => {
  await world.startGateway()
  await linkFleet(world, accounts.length)
  await world.gateway.stop()
  const since = Date.now()
  const from = nowUs()
  await world.startGateway(['serve'], profiled, { entry: sourcesEntry })
  await untilConnected(world, accounts.length, since)
  const window = [from, nowUs()] as const
  const names = { API: world.gateway.child.pid ?? 0, connector: await connectorOf(world) }
  return {
    window,
    processes: Object.entries(names).map(([name, pid]) => ({ name, pid, usedMs: cpuMs(pid) })),
  }
}

const units = kind === 'restart' ? accounts.length : messages
const unit = kind === 'restart' ? 'device' : 'message'
const folder = await mkdtemp(path.join(tmpdir(), 'wag-profile-'))
const profiled = {
  NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=${intervalUs} --cpu-prof-dir=${folder}`,
}
try {
  const world = await World.open()
  let loaded: Loaded
  try {
    loaded = await (kind === 'restart' ? runRestart : runMessages)(world, profiled)
  } finally {
    await world.close()
  }
  const { window, processes } = loaded
  const files = await readdir(folder)
  console.log(`${kind}: ${units} ${unit}s in ${((window[1] - window[0]) / 1000).toFixed(0)} ms`)
  for (const { name, pid, usedMs } of processes) {
    const file = files.find((each) => each.includes(`.${pid}.`))
    if (file === undefined) throw new Error(`no profile of ${name}`)
    const profile = JSON.parse(await readFile(path.join(folder, file), 'utf8')) as CpuProfile
    const { busyUs, packages, self, inclusive } = sharesOfWindow(profile, ...window)
    console.log(
      `\n${name}: ${(busyUs / 1000 / units).toFixed(2)} ms a ${unit} by the profile, ${(usedMs / units).toFixed(2)} by the kernel`,
    )
    printShares('by package, in itself', packages, rowsShown / 2)
    printShares('by function, in itself', self, rowsShown)
    printShares('by function, with what it calls', inclusive, rowsShown)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
