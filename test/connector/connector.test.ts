import { describe, expect, it, onTestFinished } from 'vitest'
import { startConnector } from '../../src/connector/connector.ts'
import { requestPairingCode, restart, start, stop } from '../../src/domain/device.ts'
import { connectorSeat, deviceLeaseName } from '../../src/domain/lease.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Store } from '../../src/store/store.ts'
import { keepAll, limits, noLuck } from '../domain/fixtures.ts'
import { enqueue, messageOf, origin, self } from '../store/conformance/fixtures.ts'
import { account, scriptWhatsApp, type ScriptedSocket } from './scripted-whatsapp.ts'
import { keepLog, openMemory, refusal, rowOf, until, wrap } from './world.ts'
import { memoryBlobs } from '../media/memory-blobs.ts'
import { everything } from './media.ts'

const ttlMs = 5_000
const shutdownMs = 5_000
/** While nothing is written rows are read every 2 s; a renewal of the leases is a write. */
const idleReadsMax = 3
const idleMs = 1_000

/** Sooner than the poll of an outbox: it must have been a poke. */
const pokeMaxMs = 500

const ask = async (store: Store, id: string, verb: typeof start): Promise<void> => {
  await store.devices.decide(id, (before) => verb(before, id, origin, Date.now()))
}

const startOne = (
  store: Store,
  owner: string,
  script: Parameters<typeof scriptWhatsApp>[0] = {},
  clock = systemClock,
) => {
  const phone = scriptWhatsApp(script)
  const { log, lines } = keepLog()
  const dead = new Set<string>()
  const connector = startConnector({
    owner,
    store,
    whatsapp: phone.whatsapp,
    clock,
    random: noLuck,
    limits,
    loginsMax: 50,
    media: {
      blobs: memoryBlobs(''),
      autoFetch: everything,
      bytesMax: 1_000,
      checkRoom: async () => undefined,
      retentionMs: null,
      quotaBytes: null,
    },
    retention: keepAll,
    leaseTtlMs: ttlMs,
    renderQr: (text) => Promise.resolve(`data:${text}`),
    isDead: (other) => Promise.resolve(dead.has(other)),
    log,
  })
  onTestFinished(async () => {
    for (const { sends } of phone.sockets) for (const { resolve } of sends) resolve({ kind: 'acked', at: 1 })
    await connector.stop()
  })
  const socketOf = async (id: string): Promise<ScriptedSocket> => {
    const find = () => phone.sockets.findLast(({ lease, live }) => live && lease.name === deviceLeaseName(id))
    await until(find)
    const socket = find()
    if (socket === undefined) throw new Error('it is gone')
    return socket
  }
  const online = async (id: string): Promise<ScriptedSocket> => {
    const socket = await socketOf(id)
    socket.on.onOpened(account)
    await until(async () => (await rowOf(store, id)).status === 'connected')
    return socket
  }
  return { connector, phone, lines, dead, socketOf, online }
}

const createWorld = async (...devices: string[]): Promise<Store> => {
  const store = await openMemory()
  for (const id of devices) await ask(store, id, start)
  return store
}

const ownerOf = async (store: Store, name: string): Promise<string | undefined> =>
  (await store.leases.get(name))?.owner

describe('a connector', () => {
  it('takes the seat, then each device that is not settled, and no other', async () => {
    const store = await createWorld('a', 'b')
    const claimed: unknown[] = []
    wrap(store.leases, 'claim', (real) => (...given) => {
      claimed.push(given[0])
      return real(...given)
    })
    await ask(store, 'c', start)
    await store.devices.decide('c', (before) => {
      const change = stop(before, 'c', origin, Date.now())
      return { ...change, device: { ...change.device, settledGeneration: change.device.generation } }
    })
    const { socketOf } = startOne(store, 'c1')
    await Promise.all([socketOf('a'), socketOf('b')])
    expect(claimed).toEqual([connectorSeat, deviceLeaseName('a'), deviceLeaseName('b')])
  })

  it('does nothing while another has the seat, and takes over when it is given back', async () => {
    const store = await createWorld('a')
    const first = startOne(store, 'c1')
    await first.online('a')
    const second = startOne(store, 'c2')
    await until(() => second.lines.includes('info another connector is active; waiting for its lease'))
    expect(second.phone.opens).toEqual([])
    await first.connector.stop()
    expect((await rowOf(store, 'a')).reason).toBe('connector_stopped')
    await second.online('a')
    expect(await ownerOf(store, connectorSeat)).toBe('c2')
    expect(first.phone.sockets.filter(({ live }) => live)).toEqual([])
  })

  it('takes over from one whose process is dead without waiting for its term', async () => {
    const store = await createWorld('a')
    for (const name of [connectorSeat, deviceLeaseName('a')]) {
      await store.leases.claim(name, 'c1', 60_000, systemClock.monotonic())
    }
    const { dead, online } = startOne(store, 'c2')
    dead.add('c1')
    await online('a')
  })

  it('that loses its seat while it takes it does nothing without it, and takes it again', async () => {
    const store = await createWorld('a')
    let skippedMs = 0
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + skippedMs }
    const lost = (): boolean => lines.includes('warn lease lost')
    wrap(store.events, 'latest', (real) => async (...given) => {
      if (skippedMs === 0) {
        skippedMs = 2 * ttlMs
        await until(lost)
        await store.leases.claim(connectorSeat, 'c2', ttlMs, clock.monotonic())
      }
      return real(...given)
    })
    const { lines, dead, online, phone } = startOne(store, 'c1', {}, clock)
    await until(() => lines.includes('info another connector is active; waiting for its lease'))
    expect(phone.opens).toEqual([])
    dead.add('c2')
    await online('a')
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([])
  })

  it('that loses its seat while it takes a device gives the device back', async () => {
    const store = await createWorld('a')
    let taken = false
    wrap(store.leases, 'claim', (real) => async (...given) => {
      const lease = await real(...given)
      if (!taken && String(given[0]) === deviceLeaseName('a')) {
        taken = true
        await store.leases.claim(connectorSeat, 'c2', 60_000, systemClock.monotonic(), 'c1')
        await until(() => lines.includes('warn lease lost'))
      }
      return lease
    })
    const { lines, phone } = startOne(store, 'c1')
    await until(() => taken)
    await until(async () => (await ownerOf(store, deviceLeaseName('a'))) === undefined)
    expect(phone.opens).toEqual([])
  })

  it('that has lost its seat drops all sockets, and gives the devices back to who has it', async () => {
    const store = await createWorld('a', 'b')
    const first = startOne(store, 'c1')
    const sockets = [await first.online('a'), await first.online('b')]
    await store.leases.claim(connectorSeat, 'c2', ttlMs, systemClock.monotonic(), 'c1')
    await until(() => sockets.every(({ drops }) => drops > 0))
    await until(async () => (await ownerOf(store, deviceLeaseName('a'))) === undefined)
    const second = startOne(store, 'c2')
    await Promise.all([second.online('a'), second.online('b')])
    expect(first.phone.sockets.length).toBe(2)
  })

  it('that has lost the lease of one device takes it again when it is free', async () => {
    const store = await createWorld('a', 'b')
    const { online, socketOf } = startOne(store, 'c1')
    const [a, b] = [await online('a'), await online('b')]
    const taken = await store.leases.claim(deviceLeaseName('a'), 'c2', 60_000, systemClock.monotonic(), 'c1')
    await until(() => a.drops > 0)
    expect(b.live).toBe(true)
    if (taken !== undefined) await store.leases.release(taken, systemClock.monotonic())
    await socketOf('a')
  })

  it('gives the lease of a settled device back', async () => {
    const store = await createWorld('a')
    const { online, socketOf } = startOne(store, 'c1')
    const socket = await online('a')
    expect(await ownerOf(store, deviceLeaseName('a'))).toBe('c1')
    await ask(store, 'a', stop)
    await until(async () => (await ownerOf(store, deviceLeaseName('a'))) === undefined)
    expect(socket.live).toBe(false)
    expect((await rowOf(store, 'a')).settledGeneration).toBe(2)
    await ask(store, 'a', start)
    await socketOf('a')
  })

  it('sends a message as soon as it is queued', async () => {
    const store = await createWorld('a', 'b')
    const { online } = startOne(store, 'c1')
    const [a, b] = [await online('a'), await online('b')]
    for (const id of ['m1', 'm2', 'm3']) {
      const before = performance.now()
      await enqueue(store, id, { deviceId: 'b', sender: self }, Date.now())
      await until(() => b.sends.some(({ asked }) => asked.whatsappId === id))
      expect(performance.now() - before).toBeLessThan(pokeMaxMs)
      for (const { resolve } of b.sends) resolve({ kind: 'acked', at: Date.now() })
      await until(async () => (await messageOf(store, id)).status === 'sent')
    }
    expect(a.sends).toEqual([])
  })

  it('looks through each event once, also those that do not concern it', async () => {
    const store = await createWorld('a')
    const looks: { from: number; newest: number }[] = []
    wrap(store.events, 'after', (real) => async (...given) => {
      looks.push({ from: Number(given[0]), newest: await store.events.latest() })
      return real(...given)
    })
    const { online } = startOne(store, 'c1')
    const a = await online('a')
    for (const id of ['m1', 'm2', 'm3']) {
      await enqueue(store, id, { deviceId: 'a', sender: self }, Date.now())
      await until(() => a.sends.some(({ asked }) => asked.whatsappId === id))
      for (const { resolve } of a.sends) resolve({ kind: 'acked', at: Date.now() })
      await until(async () => (await messageOf(store, id)).status === 'sent')
    }
    await until(async () => (looks.at(-1)?.newest ?? 0) === (await store.events.latest()))
    expect(looks.length).toBeGreaterThan(3)
    for (const [at, { newest }] of looks.slice(0, -1).entries()) {
      expect(looks[at + 1]?.from).toBeGreaterThanOrEqual(newest)
    }
  })

  it('starts the other devices though one cannot be claimed', async () => {
    const store = await createWorld('a', 'b')
    let refused = 0
    wrap(store.leases, 'claim', (real) => (...given) => {
      if (given[0] !== deviceLeaseName('a') || refused >= 2) return real(...given)
      refused += 1
      return Promise.reject(refusal('busy'))
    })
    const { socketOf, lines } = startOne(store, 'c1')
    await socketOf('b')
    await socketOf('a')
    expect(refused).toBe(2)
    expect(lines).not.toContain('error reconcile failed')
  })

  it('one device that is slow to end does not hold up the others', async () => {
    const store = await createWorld('a', 'b')
    const { online } = startOne(store, 'c1', { obstinate: true })
    const [a, b] = [await online('a'), await online('b')]
    await enqueue(store, 'm1', { deviceId: 'a', sender: self }, Date.now())
    await until(() => a.sends.length === 1)
    await ask(store, 'a', stop)
    await until(() => a.drops > 0)
    await ask(store, 'b', restart)
    await until(() => b.drops > 0)
    await online('b')
    expect((await messageOf(store, 'm1')).status).toBe('sending')
    a.sends[0]?.resolve({ kind: 'acked', at: Date.now() })
    await until(async () => (await messageOf(store, 'm1')).status === 'sent')
    await until(async () => (await ownerOf(store, deviceLeaseName('a'))) === undefined)
  })

  it('stops in bounded time though a socket does not end, and gives the seat back', async () => {
    const store = await createWorld('a', 'b')
    const { online, connector, lines } = startOne(store, 'c1', { obstinate: true })
    const [a] = [await online('a'), await online('b')]
    await enqueue(store, 'm1', { deviceId: 'a', sender: self }, Date.now())
    await until(() => a.sends.length === 1)
    await ask(store, 'a', stop)
    await until(() => a.drops > 0)
    const before = performance.now()
    await connector.stop()
    expect(performance.now() - before).toBeLessThan(shutdownMs + 1_000)
    expect(lines).toContain('warn connections were cut')
    expect(await ownerOf(store, connectorSeat)).toBeUndefined()
    expect(await ownerOf(store, deviceLeaseName('b'))).toBeUndefined()
  })

  it('a look at the rows that fails is tried again', async () => {
    const store = await createWorld('a')
    let failed = false
    wrap(store.devices, 'unsettled', (real) => () => {
      if (failed) return real()
      failed = true
      return Promise.reject(refusal('busy'))
    })
    const { socketOf, lines } = startOne(store, 'c1')
    await socketOf('a')
    expect(lines).toContain('error reconcile failed')
  })
})

describe('the rows of the devices', () => {
  it('are not read again and again while nobody writes', async () => {
    const store = await createWorld('a')
    const { online } = startOne(store, 'c1')
    await online('a')
    let reads = 0
    wrap(store.devices, 'unsettled', (real) => (...given) => {
      reads += 1
      return real(...given)
    })
    await new Promise((resolve) => setTimeout(resolve, idleMs))
    expect(reads).toBeLessThanOrEqual(idleReadsMax)
  })

  it('are read when something changed that no event tells of, such as a request for a pairing code', async () => {
    const store = await createWorld('a')
    const { socketOf } = startOne(store, 'c1')
    const socket = await socketOf('a')
    socket.on.onQr('ref', 60_000)
    await until(async () => (await rowOf(store, 'a')).status === 'waiting_for_scan')
    await store.devices.decide('a', (before) =>
      requestPairingCode(before, 'a', '4915123456789', origin, Date.now()),
    )
    await until(() => socket.codes.length === 1)
    socket.codes[0]?.resolve('ABCD1234')
  })
})
