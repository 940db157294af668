import { describe, expect, it } from 'vitest'
import { restart, stop } from '../../src/domain/device.ts'
import { createTurns } from '../../src/runtime/turns.ts'
import { limits, qrOf } from '../domain/fixtures.ts'
import { account } from './scripted-whatsapp.ts'
import { runDevice, second, settled, until } from './world.ts'

/** A device whose turn comes when the test says so. */
const waiting = async (...more: Parameters<typeof runDevice>) => {
  const logins = createTurns(1)
  const other = logins.take(() => undefined)
  const world = await runDevice(more[0], { ...more[1], logins })
  await settled()
  /** Is there a place for another device now? */
  const isFree = (): boolean => {
    let free = false
    logins.take(() => (free = true)).end()
    return free
  }
  return { ...world, logins, other, isFree }
}

describe('a device in line to log in', () => {
  it('opens its socket when its turn has come, and not before', async () => {
    const { phone, other, opened, shows } = await waiting()
    expect(phone.opens).toHaveLength(0)
    other.end()
    const socket = await opened()
    socket.on.onOpened(account)
    await shows('connected/opened')
  })

  it('may wait for as long as it takes: the time to log in counts from its turn', async () => {
    const { tick, other, opened, status, shows } = await waiting()
    await tick(10 * limits.openTimeoutMs)
    expect(await status()).toBe('connecting/started')
    other.end()
    const socket = await opened()
    await tick(limits.openTimeoutMs - 1)
    expect(socket.drops).toBe(0)
    await tick(1)
    await shows('connecting/connect_timeout')
    expect(socket.drops).toBe(1)
  })

  it.each([
    ['is stopped', stop],
    ['is asked to start anew', restart],
  ])('gives up its place when it %s', async (_, verb) => {
    const { ask, look, other, logins, phone } = await waiting()
    const begun: string[] = []
    logins.take(() => begun.push('the one behind'), { ahead: true })
    await ask(verb)
    await look()
    other.end()
    expect(begun).toEqual(['the one behind'])
    await settled()
    expect(phone.opens).toHaveLength(0)
  })

  it('gives up its place when its lease is lost, and when its connector stops', async () => {
    for (const end of ['leaseLost', 'shutdown'] as const) {
      const { runner, other, phone, isFree } = await waiting()
      await runner[end]()
      await settled()
      other.end()
      await settled()
      expect(isFree()).toBe(true)
      expect(phone.opens).toHaveLength(0)
    }
  })
})

describe('a device whose turn it is', () => {
  const atIt = async () => {
    const world = await waiting()
    world.other.end()
    const socket = await world.opened()
    expect(world.isFree()).toBe(false)
    return { ...world, socket }
  }

  it('lets the next one try once it is logged in', async () => {
    const { socket, isFree, shows } = await atIt()
    socket.on.onOpened(account)
    await shows('connected/opened')
    await until(isFree)
  })

  it('lets the next one try once it shows a QR: a person may take long to scan it', async () => {
    const { socket, isFree, shows } = await atIt()
    const { text, expiresAt } = qrOf('ref', 20 * second)
    socket.on.onQr(text, expiresAt)
    await shows('waiting_for_scan/qr_shown')
    await until(isFree)
  })

  it('lets the next one try once its socket is closed, and when it was not even made', async () => {
    const { socket, isFree, shows } = await atIt()
    socket.close(503)
    await shows('connecting/server_error')
    await until(isFree)

    const refused = await waiting({ openByHand: true })
    refused.other.end()
    await until(() => refused.phone.opens.length === 1)
    refused.phone.opens[0]?.reject(new Error('no such host'))
    await refused.shows('connecting/connect_failed')
    await until(refused.isFree)
  })

  it('lets the next one try when it is stopped', async () => {
    const { ask, look, isFree } = await atIt()
    await ask(stop)
    await look()
    await until(isFree)
  })

  it('gets in line anew for the socket that follows a scan', async () => {
    const { socket, logins, opened, shows, phone } = await atIt()
    socket.on.onQr('ref', 20 * second)
    await shows('waiting_for_scan/qr_shown')
    socket.on.onPaired(account)
    await shows('connecting/paired')
    const other = logins.take(() => undefined)
    socket.close(515)
    await shows('connecting/restart_required')
    expect(phone.opens).toHaveLength(1)
    other.end()
    await opened(2)
  })
})

describe('whose turn comes first', () => {
  const orderOf = async (prepare: (world: Awaited<ReturnType<typeof waiting>>) => Promise<void>) => {
    const world = await waiting()
    world.other.end()
    await prepare(world)
    const order: string[] = []
    const held = world.logins.take(() => undefined)
    world.logins.take(() => order.push('who waits'))
    return { ...world, held, order }
  }

  it('is the device that a person has just asked for', async () => {
    const world = await orderOf(async ({ opened, shows }) => {
      const socket = await opened()
      socket.on.onOpened(account)
      await shows('connected/opened')
    })
    await world.ask(restart)
    await world.look()
    world.held.end()
    await world.opened(2)
    expect(world.order).toEqual([])
  })

  it('is not the one that reconnects by itself', async () => {
    const world = await orderOf(async ({ opened, shows }) => {
      const socket = await opened()
      socket.on.onOpened(account)
      await shows('connected/opened')
    })
    world.phone.last().close(428)
    await world.shows('reconnecting/connection_lost')
    await world.tick(limits.backoff.maxMs)
    world.held.end()
    await settled()
    expect(world.order).toEqual(['who waits'])
    expect(world.phone.opens).toHaveLength(1)
  })
})
