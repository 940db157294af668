import { describe, expect, it } from 'vitest'
import { restart, start, stop } from '../../src/domain/device.ts'
import { deviceLeaseName, StaleLeaseError } from '../../src/domain/lease.ts'
import { CorruptCredentialsError } from '../../src/whatsapp/socket.ts'
import {
  deviceId,
  enqueue,
  leaseTtlMs,
  messageOf,
  self,
  undecryptable,
} from '../store/conformance/fixtures.ts'
import { account } from './scripted-whatsapp.ts'
import { type DeviceWorld, refusal, refuse, runDevice, second, settled, until, wrap } from './world.ts'

/** Another connector takes the device, as after a term that ran out. */
const usurp = async ({ store, clock }: DeviceWorld): Promise<void> => {
  await store.leases.claim(deviceLeaseName(deviceId), 'c2', leaseTtlMs, clock.monotonic(), 'c1')
}

const unread = undecryptable('i1', { whatsappId: 'i1' })

describe('a store that refuses', () => {
  it.each(['busy', 'full'] as const)(
    'an observation (%s) costs the socket, and the row tells the truth after the next tick',
    async (kind) => {
      const world = await runDevice()
      const socket = await world.opened()
      const { store, runner } = world
      refuse(store.devices, 'observe', refusal(kind), 2)
      socket.on.onOpened(account)
      await until(() => socket.drops > 0)
      await settled()
      expect(await world.status()).toBe('connecting/started')
      runner.tick()
      await world.shows('reconnecting/store_failed')
      expect((await world.row()).account).toEqual(account)
      expect(world.phone.sockets.length).toBe(1)
    },
  )

  it('the end of a generation: the runner is not over until the row says why', async () => {
    const world = await runDevice()
    const socket = await world.online()
    refuse(world.store.devices, 'observe', refusal(), 1)
    socket.close(401)
    await until(() => world.lines.includes('error effect failed'))
    await settled()
    expect(world.runner.over).toBe(false)
    await world.tick()
    expect(await world.row()).toMatchObject({
      status: 'disconnected',
      reason: 'logged_out',
      account: null,
      settledGeneration: 1,
    })
    expect(world.runner.over).toBe(true)
    const events = await world.store.events.after(0, { limit: 100, types: ['device.unlinked'] })
    expect(events.length).toBe(1)
  })

  it('what it owes is written as it was meant, though somebody asked for something new since', async () => {
    const world = await runDevice()
    await world.online()
    refuse(world.store.devices, 'observe', refusal(), 1)
    await world.ask(stop)
    await world.look()
    expect(world.runner.over).toBe(false)
    await world.ask(start)
    await world.look()
    const fresh = await world.opened(2)
    fresh.on.onOpened(account)
    await world.shows('connected/opened')
    expect(await world.row()).toMatchObject({ generation: 3, settledGeneration: 2 })
  })

  it('what it owes is written by the shutdown, if not before', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    refuse(world.store.devices, 'observe', refusal(), 2)
    socket.on.onOpened(account)
    await until(() => socket.drops > 0)
    await settled()
    await world.runner.shutdown()
    expect(await world.status()).toBe('reconnecting/store_failed')
  })

  it('credentials or keys: the socket is lost, and another is opened after a while', async () => {
    const world = await runDevice()
    const socket = await world.online()
    socket.on.onStoreFailed(refusal('busy'))
    await world.shows('reconnecting/store_failed')
    await world.tick(2 * second)
    const fresh = await world.opened(2)
    socket.on.onStoreFailed(refusal('busy'))
    await settled()
    expect(fresh.live).toBe(true)
  })

  it('the take-over: nothing is opened, and another runner must try', async () => {
    const world = await runDevice(
      {},
      { prepare: (store) => void refuse(store.outbox, 'recover', refusal('busy')) },
    )
    await until(() => world.runner.over)
    expect(world.phone.opens).toEqual([])
    expect(world.lines).toContain('error device given up; it is taken over anew')
  })

  it('a receipt, or a stanza that cannot be read: the port hears of it', async () => {
    const { store, online, clock } = await runDevice()
    const { on } = await online()
    refuse(store.messages, 'recordReceipt', refusal('busy'))
    const receipt = { whatsappIds: ['m1'], status: 'delivered', at: clock.now(), from: 'x@lid' } as const
    await expect(on.onReceipt(receipt)).rejects.toThrow('database busy')
    await on.onReceipt(receipt)
    refuse(store.inbound, 'promote', refusal('full'))
    await expect(on.onUndecryptable('s1', unread)).rejects.toThrow('database full')
    await on.onUndecryptable('s1', unread)
  })
})

describe('receipts and undecryptable stanzas', () => {
  it('are written before the port is answered', async () => {
    const { store, online, clock, lease, runner } = await runDevice()
    const { on, sends } = await online()
    await enqueue(store, 'm1', { sender: self }, clock.now())
    runner.pokeOutbox()
    await until(() => sends.length === 1)
    sends[0]?.resolve({ kind: 'acked', at: clock.now() })
    await on.onReceipt({ whatsappIds: ['m1'], status: 'read', at: clock.now(), from: 'x@lid' })
    expect((await messageOf(store, 'm1')).status).toBe('read')
    await on.onUndecryptable('s1', unread)
    expect(await messageOf(store, 'i1')).toMatchObject({ type: 'undecryptable', status: 'failed' })
    expect(lease.epoch).toBe(1)
  })

  it('one that cannot be read leaves the parts of its stanza that could be in the journal', async () => {
    const { store, online, clock, lease } = await runDevice()
    const { on } = await online()
    const row = { hash: Buffer.from('h'), plaintext: Buffer.from('p'), stanzaKey: 's1', part: 0, parts: 2 }
    const stanza = 'i1'
    await store.auth.commit(lease, deviceId, {}, { ...row, stanza }, clock.now())
    await on.onUndecryptable('s1', unread)
    const second = { ...row, hash: Buffer.from('h2'), part: 1, stanza }
    await store.auth.commit(lease, deviceId, {}, second, clock.now())
    on.onJournaled()
    await until(async () => (await messageOf(store, 'i1')).status === 'delivered')
  })
})

describe('a lease that another has taken', () => {
  const silent = async (world: DeviceWorld): Promise<void> => {
    const socket = world.phone.sockets.at(-1)
    await until(() => world.runner.over)
    expect(socket?.live ?? false).toBe(false)
    const before = await world.store.audit.after(0, 10_000)
    world.runner.tick()
    await world.ask(restart)
    await world.look()
    await world.runner.shutdown()
    const own = (await world.store.audit.after(0, 10_000)).slice(before.length)
    expect(own.map(({ action }) => action)).toEqual(['device.restart'])
    expect(world.phone.sockets.length).toBeLessThanOrEqual(1)
  }

  it('an observation hears of it: the socket is dropped, and nothing more is written', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    await usurp(world)
    socket.on.onOpened(account)
    await silent(world)
  })

  it('the credentials hear of it', async () => {
    const world = await runDevice()
    const socket = await world.online()
    await usurp(world)
    socket.on.onStoreFailed(new StaleLeaseError(world.lease))
    await silent(world)
  })

  it('a receipt hears of it', async () => {
    const world = await runDevice()
    const { on } = await world.online()
    await usurp(world)
    const receipt = { whatsappIds: ['m1'], status: 'read', at: world.clock.now(), from: 'x@lid' } as const
    await expect(on.onReceipt(receipt)).rejects.toThrow('no longer held')
    await silent(world)
  })

  it('the outbox hears of it when it claims', async () => {
    const world = await runDevice()
    await world.online()
    await usurp(world)
    await enqueue(world.store, 'm1', {}, world.clock.now())
    world.runner.pokeOutbox()
    await silent(world)
  })

  it('the outbox hears of it when it records', async () => {
    const world = await runDevice()
    const socket = await world.online()
    await enqueue(world.store, 'm1', { sender: self }, world.clock.now())
    world.runner.pokeOutbox()
    await until(() => socket.sends.length === 1)
    await usurp(world)
    socket.sends[0]?.resolve({ kind: 'acked', at: world.clock.now() })
    await silent(world)
    expect((await messageOf(world.store, 'm1')).status).toBe('sending')
  })

  it('the inbox hears of it', async () => {
    const world = await runDevice()
    const socket = await world.online()
    const stanza = 'i1'
    const part = { hash: Buffer.from('h'), plaintext: Buffer.from('p'), stanzaKey: 's1', part: 0, parts: 1 }
    await world.store.auth.commit(world.lease, deviceId, {}, { ...part, stanza }, world.clock.now())
    await usurp(world)
    socket.on.onJournaled()
    await silent(world)
  })

  it('the take-over hears of it', async () => {
    const world = await runDevice(
      {},
      {
        prepare(store) {
          wrap(store.outbox, 'recover', (real) => async (...given) => {
            await store.leases.claim(deviceLeaseName(deviceId), 'c2', leaseTtlMs, 1, 'c1')
            return real(...given)
          })
        },
      },
    )
    await silent(world)
    expect(world.phone.opens).toEqual([])
  })

  it('no socket is opened when it is lost just before', async () => {
    const written = Promise.withResolvers<undefined>()
    const world = await runDevice(
      {},
      {
        prepare(store) {
          wrap(store.devices, 'observe', (real) => async (...given) => {
            const row = await real(...given)
            await written.promise
            return row
          })
        },
      },
    )
    await settled()
    world.runner.leaseLost()
    written.resolve(undefined)
    await until(() => world.runner.over)
    expect(world.phone.opens).toEqual([])
  })

  it('a socket that is ready only after the loss is dropped', async () => {
    const world = await runDevice({ openByHand: true })
    await until(() => world.phone.opens.length === 1)
    world.runner.leaseLost()
    const late = world.phone.opens[0]?.resolve()
    await until(() => world.runner.over)
    expect(late?.drops).toBe(1)
  })
})

describe('credentials that cannot be read', () => {
  const corrupt = new CorruptCredentialsError('not JSON')

  it('of a linked device are kept, and the device stops', async () => {
    const world = await runDevice({ openByHand: true })
    await until(() => world.phone.opens.length === 1)
    const first = world.phone.opens[0]?.resolve()
    first?.on.onOpened(account)
    await world.shows('connected/opened')
    world.store.auth.saveCredsNow(world.lease, deviceId, '{', world.clock.now())
    world.phone.state.isPaired = () => Promise.reject(corrupt)
    await world.ask(restart)
    await world.look()
    await until(() => world.phone.opens.length === 2)
    world.phone.opens[1]?.reject(corrupt)
    await world.shows('disconnected/credentials_corrupt')
    expect(await world.store.auth.creds(deviceId)).toBe('{')
    expect(world.runner.over).toBe(true)
  })

  it('of one that was never linked are cleared, and pairing goes on', async () => {
    const world = await runDevice({ openByHand: true })
    await until(() => world.phone.opens.length === 1)
    world.store.auth.saveCredsNow(world.lease, deviceId, '{', world.clock.now())
    world.phone.opens[0]?.reject(corrupt)
    await until(() => world.phone.opens.length === 2)
    expect(await world.store.auth.creds(deviceId)).toBeUndefined()
    expect(await world.status()).toBe('connecting/credentials_reset')
  })

  it('a look-up that fails for another reason ends the runner, not the device', async () => {
    const world = await runDevice()
    const socket = await world.online()
    world.phone.state.isPaired = () => Promise.reject(refusal('busy'))
    await world.ask(restart)
    await world.look()
    await until(() => world.runner.over)
    expect(socket.live).toBe(false)
    expect((await world.row()).settledGeneration).toBe(0)
  })
})
