/** A real store in memory, a clock that the test sets, and a log that is kept: what the connector's parts run on. */
import { expect, onTestFinished } from 'vitest'
import { start, type Device, type DeviceChange } from '../../src/domain/device.ts'
import { deviceLeaseName, type Lease } from '../../src/domain/lease.ts'
import { createStep } from '../../src/domain/step.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import type { Log } from '../../src/runtime/log.ts'
import { createTurns } from '../../src/runtime/turns.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { StoreError, type Store } from '../../src/store/store.ts'
import { startDeviceRunner, type RunnerDeps } from '../../src/connector/device-runner.ts'
import { limits, noLuck } from '../domain/fixtures.ts'
import { deviceId, leaseTtlMs, origin, t0 } from '../store/conformance/fixtures.ts'
import { account, scriptWhatsApp, type ScriptedSocket } from './scripted-whatsapp.ts'
import { mediaDeps } from './media.ts'

export const second = 1_000
const patienceMs = 3_000

export class TestClock implements Clock {
  wall = t0
  mono = 100 * second
  now = (): number => this.wall
  monotonic = (): number => this.mono
  pass(ms: number): void {
    this.wall += ms
    this.mono += ms
  }
}

/** Keeps the lines of a log: `error outcome was not recorded`. */
export const keepLog = () => {
  const lines: string[] = []
  const at =
    (level: string) =>
    (_fields: Readonly<Record<string, unknown>>, message: string): void => {
      lines.push(`${level} ${message}`)
    }
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  }
  return { log, lines }
}

export const until = async (what: () => unknown): Promise<void> => {
  await expect.poll(what, { timeout: patienceMs, interval: 2 }).toBeTruthy()
}

/** All that can happen without a timer has happened. */
export const settled = async (): Promise<void> => {
  for (let turns = 0; turns < 12; turns++) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}

export const refusal = (kind: StoreError['kind'] = 'full'): StoreError =>
  new StoreError(kind, `database ${kind}`)

/** The real store, with parts of its own, so that one verb of it can be wrapped. */
const copyOf = (store: Store): Store => ({
  ...store,
  devices: { ...store.devices },
  messages: { ...store.messages },
  outbox: { ...store.outbox },
  operations: { ...store.operations },
  auth: { ...store.auth },
  inbound: { ...store.inbound },
  media: { ...store.media },
  leases: { ...store.leases },
  events: { ...store.events },
  webhooks: { ...store.webhooks },
})

export const openMemory = async (): Promise<Store> => {
  const store = await openStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  return copyOf(store)
}

type Verb0 = (...given: never[]) => Promise<unknown>

/** Puts something around one verb of the store, or of the port. */
export const wrap = <K extends string, V extends Verb0>(
  part: Record<K, V>,
  verb: K,
  around: (real: Verb0) => Verb0,
): void => {
  const real = part[verb]
  part[verb] = around(real) as V
}

/** The verb fails so often, and is its own self again. */
export const refuse = <K extends string, V extends Verb0>(
  part: Record<K, V>,
  verb: K,
  error: Error,
  times = 1,
): { readonly refused: number } => {
  const count = { refused: 0 }
  wrap(part, verb, (real) => (...given) => {
    if (count.refused >= times) return real(...given)
    count.refused += 1
    return Promise.reject(error)
  })
  return count
}

export const claimLease = async (store: Store, now: number, id = deviceId, owner = 'c1'): Promise<Lease> => {
  const lease = await store.leases.claim(deviceLeaseName(id), owner, leaseTtlMs, now)
  if (lease === undefined) throw new Error('the lease is taken')
  return lease
}

export const rowOf = async (store: Store, id = deviceId): Promise<Device> => {
  const view = await store.devices.get(id)
  if (view === undefined) throw new Error(`there is no device ${id}`)
  return view.device
}

type Verb = (before: Device | undefined, id: string, by: typeof origin, now: number) => DeviceChange

/** One device with its runner, which the test gives rows and ticks to as the connector would. */
export const runDevice = async (
  script: Parameters<typeof scriptWhatsApp>[0] = {},
  more: Partial<RunnerDeps> & { readonly prepare?: (store: Store) => void } = {},
) => {
  const store = await openMemory()
  const clock = new TestClock()
  const { log, lines } = keepLog()
  const phone = scriptWhatsApp(script)
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  more.prepare?.(store)
  const runner = startDeviceRunner(await rowOf(store), lease, {
    store,
    whatsapp: phone.whatsapp,
    clock,
    random: noLuck,
    step: createStep(limits, noLuck),
    limits,
    logins: createTurns(1),
    media: mediaDeps(),
    actor: origin.actor,
    renderQr: (text) => Promise.resolve(`data:${text}`),
    isHeld: () => true,
    log,
    ...more,
  })
  onTestFinished(async () => {
    for (const open of phone.opens) open.reject(new Error('the test is over'))
    for (const { sends } of phone.sockets) for (const send of sends) send.resolve({ kind: 'acked', at: t0 })
    runner.leaseLost()
    await runner.shutdown()
  })
  const row = (): Promise<Device> => rowOf(store)
  const world = {
    store,
    clock,
    lines,
    phone,
    lease,
    runner,
    row,
    status: async (): Promise<string> => {
      const { status, reason } = await row()
      return `${status}/${reason}`
    },
    /** `status/reason` of each change of the row, in order. */
    history: async (): Promise<string[]> => {
      const { items } = await store.devices.history(deviceId, { limit: 100 })
      return items.toReversed().map(({ status, reason }) => `${status}/${reason}`)
    },
    /** What a user asks for; the runner has not looked yet. */
    ask: async (verb: Verb): Promise<void> => {
      await store.devices.decide(deviceId, (before) => verb(before, deviceId, origin, clock.now()))
    },
    /** The connector looks at the row. */
    look: async (): Promise<void> => {
      runner.row(await row())
      await settled()
    },
    tick: async (ms = 0): Promise<void> => {
      clock.pass(ms)
      runner.tick()
      await settled()
    },
    shows: async (status: string): Promise<void> => {
      await expect.poll(world.status, { timeout: patienceMs, interval: 2 }).toBe(status)
    },
    opened: async (count = 1): Promise<ScriptedSocket> => {
      await until(() => phone.sockets.length >= count)
      await settled()
      return phone.last()
    },
    /** Linked and online. */
    online: async (): Promise<ScriptedSocket> => {
      const socket = await world.opened()
      socket.on.onOpened(account)
      await world.shows('connected/opened')
      await settled()
      return socket
    },
  }
  return world
}

export type DeviceWorld = Awaited<ReturnType<typeof runDevice>>
