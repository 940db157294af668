import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { remove, requestPairingCode, restart, start, stop } from '../../src/domain/device.ts'
import { enqueue, self } from '../store/conformance/fixtures.ts'
import { account } from './scripted-whatsapp.ts'
import { runDevice, second, settled, until, wrap } from './world.ts'

const phone = '4915123456789'
const otherPhone = '4915198765432'

describe('inputs of one device', () => {
  it('an opened of the old socket that waits behind a new generation connects nothing', async () => {
    const { ask, row, runner, opened, history } = await runDevice()
    const old = await opened()
    await ask(restart)
    runner.row(await row())
    old.on.onOpened(account)
    await opened(2)
    old.on.onOpened(account)
    await settled()
    expect(old.drops).toBe(1)
    expect((await history()).filter((status) => status.startsWith('connected'))).toEqual([])
  })

  it('a closed of the old socket costs the new one nothing', async () => {
    const { ask, row, runner, opened, status, phone: whatsapp } = await runDevice()
    const old = await opened()
    await ask(restart)
    runner.row(await row())
    old.close(401)
    const fresh = await opened(2)
    old.close(401)
    fresh.on.onOpened(account)
    await settled()
    expect(await status()).toBe('connected/opened')
    expect(whatsapp.sockets.length).toBe(2)
    expect(fresh.live).toBe(true)
  })

  it('a late opened of the old socket does not change the account of the new one', async () => {
    const { ask, look, opened, shows, store, clock, runner } = await runDevice()
    const old = await opened()
    await ask(restart)
    await look()
    const fresh = await opened(2)
    fresh.on.onOpened(account)
    old.on.onOpened({ ...account, pn: '490000000000@s.whatsapp.net' })
    await shows('connected/opened')
    await enqueue(store, 'm1', { sender: self }, clock.now())
    runner.pokeOutbox()
    await until(() => fresh.sends.length === 1)
    fresh.sends[0]?.resolve({ kind: 'acked', at: clock.now() })
  })

  it('are taken one at a time, and their effects are carried out in order', async () => {
    const log: string[] = []
    let running = 0
    let most = 0
    const { opened, shows } = await runDevice(
      {},
      {
        prepare(store) {
          wrap(store.devices, 'observe', (real) => async (...given) => {
            most = Math.max(most, ++running)
            log.push('observe')
            const row = await real(...given)
            await settled()
            log.push('observed')
            running -= 1
            return row
          })
          wrap(store.auth, 'quarantine', (real) => async (...given) => {
            most = Math.max(most, ++running)
            log.push('quarantine')
            await settled()
            await real(...given)
            running -= 1
          })
        },
      },
    )
    const socket = await opened()
    await settled()
    log.length = 0
    socket.on.onPaired(account)
    socket.on.onOpened(account)
    socket.close(401)
    await shows('disconnected/logged_out')
    const write = ['observe', 'observed']
    // The row shows it before the write has told of it.
    await until(async () => running === 0)
    expect(most).toBe(1)
    expect(log).toEqual([...write, ...write, 'quarantine', ...write, ...write])
  })

  it('one that comes at any moment is taken without waiting for another', async () => {
    const { opened, clock, status, runner } = await runDevice()
    let socket = await opened()
    for (let moment = 0; moment < 24; moment++) {
      socket.on.onOpened(account)
      await until(async () => (await status()) === 'connected/opened')
      await settled()
      clock.pass(60 * second)
      socket.on.onAnswer()
      for (let turn = 0; turn < moment; turn++) await Promise.resolve()
      socket.close(428)
      await until(async () => (await status()) === 'reconnecting/connection_lost')
      clock.pass(60 * second)
      runner.tick()
      socket = await opened(moment + 2)
    }
  })

  it('a QR whose picture is ready after the scan changes nothing', async () => {
    const picture = Promise.withResolvers<string>()
    const { opened, shows, row } = await runDevice({}, { renderQr: () => picture.promise })
    const socket = await opened()
    socket.on.onQr('2@late', 20_000)
    socket.on.onPaired(account)
    await shows('connecting/paired')
    picture.resolve('data:late')
    await settled()
    expect(await row()).toMatchObject({ status: 'connecting', reason: 'paired', qr: null })
  })

  it('a QR that cannot be drawn costs the attempt nothing', async () => {
    const { opened, shows, lines } = await runDevice(
      {},
      {
        renderQr: (text) => (text === 'bad' ? Promise.reject(new Error('no ink')) : Promise.resolve('data:')),
      },
    )
    const socket = await opened()
    socket.on.onQr('bad', 20_000)
    await until(() => lines.includes('error qr was not drawn'))
    socket.on.onQr('good', 20_000)
    await shows('waiting_for_scan/qr_shown')
  })

  it('one socket at a time, whatever comes in whatever order', async () => {
    const step = fc.constantFrom(
      'open',
      'refuse to open',
      'qr',
      'paired',
      'opened',
      'answer',
      '428',
      '515',
      '401',
      'unreachable',
      'start',
      'stop',
      'restart',
      'remove',
      'look',
      'tick',
      'wait',
    )
    const verbs = { start, stop, restart, remove }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(step, fc.boolean()), { minLength: 1, maxLength: 25 }),
        async (steps) => {
          const world = await runDevice({ openByHand: true })
          const { phone: whatsapp, runner, clock } = world
          let answered = 0
          const last = whatsapp.sockets
          for (const [what, pause] of steps) {
            const socket = last.at(-1)
            if (what in verbs) await world.ask(verbs[what as keyof typeof verbs]).catch(() => undefined)
            if (what === 'open') whatsapp.opens[answered++]?.resolve()
            if (what === 'refuse to open') whatsapp.opens[answered++]?.reject(new Error('no way'))
            answered = Math.min(answered, whatsapp.opens.length)
            if (what === 'qr') socket?.on.onQr('2@ref', 20_000)
            if (what === 'paired') socket?.on.onPaired(account)
            if (what === 'opened') socket?.on.onOpened(account)
            if (what === 'answer') socket?.on.onAnswer()
            if (/^\d+$/.test(what) && socket?.live === true) socket.close(Number(what))
            if (what === 'unreachable' && socket?.live === true) socket.close(null, 'transport')
            if (what === 'look') runner.row(await world.row())
            if (what === 'tick') runner.tick()
            if (what === 'wait') clock.pass(60 * second)
            if (pause) await settled()
            expect(last.filter(({ live }) => live).length).toBeLessThanOrEqual(1)
          }
          await settled()
          expect(whatsapp.state.overlaps).toBe(0)
        },
      ),
      { numRuns: 80 },
    )
  })

  it('after 515 nothing more is given to the old socket', async () => {
    const { online, phone: whatsapp, store, clock, runner } = await runDevice({ openByHand: true })
    await until(() => whatsapp.opens.length === 1)
    whatsapp.opens[0]?.resolve()
    const old = await online()
    old.close(515)
    await until(() => whatsapp.opens.length === 2)
    await enqueue(store, 'm1', {}, clock.now())
    runner.pokeOutbox()
    await settled()
    expect(old.sends).toEqual([])
    expect((await store.messages.get('m1'))?.status).toBe('queued')
  })
})

describe('pairing codes', () => {
  const ask =
    (number: string): typeof start =>
    (before, id, origin, now) =>
      requestPairingCode(before, id, number, origin, now)

  it('one that was asked for before the first QR is requested at the first QR', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    await world.ask(ask(phone))
    await world.look()
    expect(socket.codes).toEqual([])
    socket.on.onQr('2@1', 20_000)
    await world.shows('waiting_for_scan/qr_shown')
    socket.on.onQr('2@2', 20_000)
    await settled()
    expect(socket.codes.map(({ asked }) => asked)).toEqual([phone])
    socket.codes[0]?.resolve('ABCD1234')
    await until(async () => (await world.row()).pairingCode?.code === 'ABCD1234')
  })

  it('a request in the same ms as the start is seen', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    socket.on.onQr('2@1', 20_000)
    await world.shows('waiting_for_scan/qr_shown')
    await world.ask(start)
    await world.look()
    await world.ask(ask(phone))
    await world.look()
    expect(socket.codes.map(({ asked }) => asked)).toEqual([phone])
  })

  it('a row that the clock has left in the future is not read again and again', async () => {
    const world = await runDevice()
    await world.opened()
    world.clock.wall -= 60 * 60 * second
    let reads = 0
    wrap(world.store.devices, 'get', (real) => (...given) => {
      reads += 1
      return real(...given)
    })
    const row = await world.row()
    reads = 0
    for (let looks = 0; looks < 5; looks++) {
      world.runner.row(row)
      await settled()
    }
    expect(reads).toBeLessThanOrEqual(1)
  })

  it('the answer to an earlier request is not shown for a later one', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    socket.on.onQr('2@1', 20_000)
    await world.shows('waiting_for_scan/qr_shown')
    for (const number of [phone, otherPhone]) {
      await world.ask(ask(number))
      await world.look()
    }
    expect(socket.codes.map(({ asked }) => asked)).toEqual([phone, otherPhone])
    socket.codes[0]?.resolve('OLDPHONE')
    await settled()
    expect((await world.row()).pairingCode).toMatchObject({ phone: otherPhone, code: null })
    socket.codes[1]?.resolve('NEWPHONE')
    await until(async () => (await world.row()).pairingCode?.code === 'NEWPHONE')
  })

  it('is not asked for again by a row that was read before it was written', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    socket.on.onQr('2@1', 20_000)
    await world.shows('waiting_for_scan/qr_shown')
    await world.ask(ask(phone))
    await world.look()
    const before = await world.row()
    socket.codes[0]?.resolve('ABCD1234')
    await Promise.resolve()
    world.runner.row(before)
    await settled()
    expect(socket.codes.length).toBe(1)
    expect((await world.row()).pairingCode?.code).toBe('ABCD1234')
  })

  it('a refusal is told in its words', async () => {
    const world = await runDevice()
    const socket = await world.opened()
    socket.on.onQr('2@1', 20_000)
    await world.ask(ask(phone))
    await world.look()
    socket.codes[0]?.reject(new Error('WhatsApp does not know this number'))
    await until(async () => (await world.row()).pairingCode?.error === 'WhatsApp does not know this number')
    expect(await world.status()).toBe('waiting_for_scan/qr_shown')
  })
})
