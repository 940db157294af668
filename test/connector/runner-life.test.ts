import { describe, expect, it } from 'vitest'
import { remove, restart, start, stop } from '../../src/domain/device.ts'
import { deviceId, enqueue, messageOf, self } from '../store/conformance/fixtures.ts'
import { account } from './scripted-whatsapp.ts'
import { refusal, refuse, runDevice, second, settled, until } from './world.ts'

describe('signs of life', () => {
  /** Quiet for so long that the link is probed. */
  const silenceMs = 15 * second

  it('a silent link is probed once, and the answer to it counts at once', async () => {
    const { online, tick, status, clock } = await runDevice()
    const { on, probes } = await online()
    clock.pass(silenceMs - 500)
    on.onAnswer()
    await tick(silenceMs)
    await tick()
    expect(probes.length).toBe(1)
    on.onAnswer()
    probes[0]?.resolve(undefined)
    await settled()
    await tick(silenceMs - 1)
    expect(probes.length).toBe(1)
    await tick(1)
    expect(probes.length).toBe(2)
    expect(await status()).toBe('connected/opened')
  })

  it('a probe without an answer ends the connection', async () => {
    const { online, tick, shows, opened } = await runDevice()
    const socket = await online()
    await tick(silenceMs)
    socket.probes[0]?.reject(new Error('no pong'))
    await shows('reconnecting/connection_lost')
    expect(socket.drops).toBe(1)
    await tick(60 * second)
    await opened(2)
  })

  it('a probe of the old socket that fails costs the new one nothing', async () => {
    const { online, tick, ask, look, opened } = await runDevice()
    const old = await online()
    await tick(silenceMs)
    await ask(restart)
    await look()
    const fresh = await opened(2)
    fresh.on.onOpened(account)
    await settled()
    await tick(silenceMs)
    old.probes[0]?.reject(new Error('no pong'))
    await settled()
    expect(fresh.live).toBe(true)
  })

  it('answers count at most once a second, unless a probe waits', async () => {
    const { online, tick, clock } = await runDevice()
    const { on, probes } = await online()
    on.onAnswer()
    clock.pass(999)
    // Within the second of the other: not seen.
    on.onAnswer()
    await tick(silenceMs - 999)
    expect(probes.length).toBe(1)
    on.onAnswer()
    await settled()
    clock.pass(second)
    on.onAnswer()
    await settled()
    await tick(silenceMs - 1)
    expect(probes.length).toBe(1)
  })

  it('a socket that is deaf to messages is replaced', async () => {
    const { online, row, tick, opened, shows } = await runDevice()
    const socket = await online()
    socket.on.onDeaf()
    await shows('reconnecting/connection_lost')
    expect((await row()).detail).toBe('messages arrived but were not processed in time')
    expect(socket.drops).toBe(1)
    await tick(2 * second)
    await opened(2)
  })

  it('a restriction is told, and told off', async () => {
    const { online, shows, clock } = await runDevice()
    const { on } = await online()
    on.onRestricted(clock.now() + 60_000)
    await shows('connected/restricted')
    on.onRestricted(null)
    await shows('connected/opened')
  })

  it('an account that wants a passkey ends the pairing', async () => {
    const { opened, shows, runner } = await runDevice()
    const socket = await opened()
    socket.on.onPasskeyRequired()
    await shows('disconnected/passkey_required')
    expect(runner.over).toBe(true)
    expect(socket.live).toBe(false)
  })
})

describe('the end of a runner', () => {
  it('by a stop of the device: settled, with the credentials in place', async () => {
    const { online, ask, look, runner, store, lease, clock, row } = await runDevice()
    const socket = await online()
    store.auth.saveCredsNow(lease, deviceId, '{}', clock.now())
    await ask(stop)
    await look()
    expect(runner.over).toBe(true)
    expect(socket.drops).toBe(1)
    expect(await row()).toMatchObject({ status: 'disconnected', reason: 'stopped', settledGeneration: 2 })
    expect(await store.auth.creds(deviceId)).toBe('{}')
  })

  it('by a removal: after the good-bye, with nothing left to send and no credentials', async () => {
    const { online, ask, look, runner, store, lease, clock, row } = await runDevice()
    const socket = await online()
    store.auth.saveCredsNow(lease, deviceId, '{}', clock.now())
    await enqueue(store, 'm1', {}, clock.now() + 60_000)
    await ask(remove)
    await look()
    expect(socket.unlinks.length).toBe(1)
    expect(socket.live).toBe(true)
    socket.unlinks[0]?.resolve(undefined)
    await until(() => runner.over)
    expect(socket.live).toBe(false)
    expect((await row()).removedAt).toBe(clock.now())
    expect(await store.auth.creds(deviceId)).toBeUndefined()
    expect((await messageOf(store, 'm1')).error?.code).toBe('device_removed')
  })

  it('by a removal whose good-bye fails: it is tried again', async () => {
    const { online, ask, look, runner, opened, tick } = await runDevice()
    const socket = await online()
    await ask(remove)
    await look()
    socket.unlinks[0]?.reject(new Error('no answer'))
    await until(() => socket.drops === 1)
    expect(runner.over).toBe(false)
    await tick(2 * second)
    const fresh = await opened(2)
    fresh.on.onOpened(account)
    await until(() => fresh.unlinks.length === 1)
  })

  it('by a shutdown: outcomes are written, credentials stay, the row says that the gateway was stopped', async () => {
    const { online, runner, store, lease, clock, status } = await runDevice({ obstinate: true })
    const socket = await online()
    store.auth.saveCredsNow(lease, deviceId, '{}', clock.now())
    await enqueue(store, 'm1', { sender: self }, clock.now())
    runner.pokeOutbox()
    await until(() => socket.sends.length === 1)
    let ended = false
    const end = runner.shutdown().finally(() => {
      ended = true
    })
    await until(() => socket.drops === 1)
    await settled()
    expect(ended).toBe(false)
    socket.sends[0]?.resolve({ kind: 'acked', at: clock.now() })
    await end
    expect((await messageOf(store, 'm1')).status).toBe('sent')
    expect(await status()).toBe('reconnecting/connector_stopped')
    expect(await store.auth.creds(deviceId)).toBe('{}')
  })

  it('by a shutdown before its first word: nothing is opened afterwards', async () => {
    const { runner, phone } = await runDevice()
    await runner.shutdown()
    await settled()
    expect(phone.sockets.filter(({ live }) => live)).toEqual([])
  })

  it('a start after the end of a generation begins anew in the same runner', async () => {
    const { online, ask, look, runner, opened, shows } = await runDevice()
    await online()
    await ask(stop)
    await look()
    expect(runner.over).toBe(true)
    await ask(start)
    await look()
    expect(runner.over).toBe(false)
    const fresh = await opened(2)
    fresh.on.onOpened(account)
    await shows('connected/opened')
  })
})

describe('the messages of a device', () => {
  it('an outcome that is lost with its sender ends the runner: only a new term finds the message again', async () => {
    const world = await runDevice()
    const socket = await world.online()
    await enqueue(world.store, 'm1', { sender: self }, world.clock.now())
    world.runner.pokeOutbox()
    await until(() => socket.sends.length === 1)
    refuse(world.store.outbox, 'record', refusal('full'), Number.POSITIVE_INFINITY)
    socket.close(428)
    await until(() => world.runner.over)
    expect(world.lines).toContain('error outcome was not recorded')
    expect((await messageOf(world.store, 'm1')).status).toBe('sending')
  })

  it('wait for the outcomes of the old socket before another is opened', async () => {
    const world = await runDevice({ obstinate: true })
    const socket = await world.online()
    await enqueue(world.store, 'm1', { sender: self }, world.clock.now())
    world.runner.pokeOutbox()
    await until(() => socket.sends.length === 1)
    await world.ask(restart)
    await world.look()
    expect(world.phone.opens.length).toBe(1)
    socket.sends[0]?.resolve({ kind: 'not_sent', detail: 'closed' })
    await world.opened(2)
    expect((await messageOf(world.store, 'm1')).status).toBe('queued')
  })
})
