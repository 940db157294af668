import { describe, expect, it } from 'vitest'
import {
  day,
  fromPath,
  fromSession,
  hour,
  keepAliveLost,
  limits,
  minute,
  restartRequired,
  second,
  t0,
} from './fixtures.ts'
import { online, pairing, type World } from './world.ts'

const unlinkedEvents = (world: World): unknown[] =>
  world.events.flatMap((event) => (event.type === 'device.unlinked' ? [event.data] : []))

const expectRemoved = (world: World): void => {
  expect(world.credentials).toBe('none')
  expect(world.socketOpen).toBe(false)
  expect(world.row).toMatchObject({
    desired: 'removed',
    status: 'disconnected',
    reason: 'removed',
    account: null,
    pairedAt: null,
    unlinkRequestedAt: null,
    removedAt: world.wall,
  })
  expect(world.row.settledGeneration).toBe(world.row.generation)
}

/** Every attempt to reach WhatsApp fails, until the time has come. */
const offlineUntil = (world: World, ms: number): void => {
  for (; world.now < ms; world.tick(minute)) {
    if (world.socketOpen) world.close(fromPath(null, 'ENOTFOUND'))
  }
}

describe('the removal of a device that is online', () => {
  it('unlinks it over the socket that is open, then wipes its credentials', () => {
    const world = online()
    world.remove()
    expect(world.effectKinds()).toEqual(['unlink'])
    expect(world.credentials).toBe('paired')
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expect(world.effectKinds()).toEqual(['drop_socket', 'cancel_messages', 'wipe_credentials', 'observe'])
    expectRemoved(world)
    expect(unlinkedEvents(world)).toEqual([{ reason: 'removed' }])
  })

  it('is done when WhatsApp closes the session because the device is gone', () => {
    const world = online()
    world.remove()
    world.close(fromSession(401, 'Stream Errored (conflict)'))
    expectRemoved(world)
    expect(world.quarantined).toEqual([])
  })

  it('is tried again after a new login when WhatsApp does not confirm it', () => {
    const world = online()
    world.remove()
    world.feed({ kind: 'unlink_done', gone: false, detail: 'timed out' })
    expect(world.credentials).toBe('paired')
    expect(world.row.unlinkRequestedAt).toBe(t0)
    world.pass(second)
    world.login()
    expect(world.effectKinds()).toEqual(['unlink'])
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expectRemoved(world)
  })

  it('is tried again when nothing is heard of it at all', () => {
    const world = online()
    world.remove()
    world.pass(limits.unlinkTimeoutMs)
    expect(world.phase).toBe('waiting')
    expect(world.socketOpen).toBe(false)
    world.pass(second)
    expect(world.phase).toBe('opening')
  })

  it('never shows the device in another status while it lasts', () => {
    const world = online()
    world.remove()
    world.feed({ kind: 'unlink_done', gone: false, detail: 'timed out' })
    world.pass(second)
    world.close(restartRequired)
    world.close(keepAliveLost)
    world.pass(2 * second)
    world.feed({ kind: 'store_failed' })
    world.newConnector()
    world.login()
    expect(world.history.slice(world.history.indexOf('disconnected/removed') + 1)).toEqual([])
    expect(world.status).toBe('disconnected/removed')
  })
})

describe('the removal of a device that is offline', () => {
  it('waits until WhatsApp can be reached, over a restart of the connector too', () => {
    const world = online()
    world.close(keepAliveLost)
    world.remove()
    offlineUntil(world, hour)
    world.newConnector({ awayMs: hour })
    offlineUntil(world, 3 * hour)
    expect(world.row.removedAt).toBeNull()
    expect(world.credentials).toBe('paired')
    while (world.phase !== 'opening') world.pass(second)
    world.login()
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expectRemoved(world)
  })

  it('finds that the phone has unlinked it already', () => {
    const world = online()
    world.close(keepAliveLost)
    world.remove()
    world.close(fromSession(401))
    expectRemoved(world)
  })

  it('wipes the credentials at last when WhatsApp stays out of reach', () => {
    const world = online()
    world.close(keepAliveLost)
    world.remove()
    offlineUntil(world, limits.unlinkGiveUpMs - hour)
    expect(world.credentials).toBe('paired')
    while (world.credentials === 'paired') {
      offlineUntil(world, world.now + minute)
      expect(world.now).toBeLessThan(limits.unlinkGiveUpMs + 5 * minute)
    }
    expectRemoved(world)
  })

  it('is carried out by a connector that starts after the time to give up', () => {
    const world = online()
    world.newConnector({ killed: true })
    world.remove()
    world.newConnector({ killed: true, awayMs: 8 * day })
    expectRemoved(world)
  })
})

describe('the removal of a device that was never paired', () => {
  it('needs no word to WhatsApp', () => {
    const world = pairing()
    world.remove()
    expectRemoved(world)
    expect(unlinkedEvents(world)).toEqual([])
  })

  it('is not undone by a scan that is heard of late', () => {
    const world = pairing()
    world.remove()
    world.feed({ kind: 'paired', account: { pn: '491@s.whatsapp.net', lid: null, pushName: null } })
    expectRemoved(world)
  })
})

describe('a stopped device', () => {
  it('logs in once more to be unlinked when it is removed', () => {
    const world = online()
    world.stop()
    world.remove()
    expect(world.phase).toBe('opening')
    world.login()
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expectRemoved(world)
  })
})

describe('a start after a removal', () => {
  it('unlinks the old link first, and then shows a new QR', () => {
    const world = online()
    world.close(keepAliveLost)
    world.remove()
    world.start()
    expect(world.row).toMatchObject({ status: 'starting', account: null, unlinkRequestedAt: t0 })
    expect(world.credentials).toBe('paired')
    world.login()
    expect(world.effectKinds()).toEqual(['unlink'])
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expect(world.effectKinds()).toEqual([
      'drop_socket',
      'cancel_messages',
      'wipe_credentials',
      'observe',
      'observe',
      'request_socket',
      'open_socket',
    ])
    expect(world.row).toMatchObject({ status: 'connecting', unlinkRequestedAt: null, removedAt: null })
    world.qr()
    expect(world.status).toBe('waiting_for_scan/qr_shown')
  })

  it('never logs in with the old link as if nothing had been', () => {
    const world = online()
    world.remove()
    world.start()
    world.login()
    expect(world.history).not.toContain('connected/restart_required')
    expect(world.row.status).toBe('starting')
  })

  it('while the removal is being written leaves a device that counts as there', () => {
    const world = online()
    world.remove()
    world.unseen(world.start)
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expect(world.row).toMatchObject({ desired: 'running', removedAt: null, status: 'starting' })
    world.tick(250)
    world.tick(250)
    world.qr()
    expect(world.status).toBe('waiting_for_scan/qr_shown')
  })

  it('and a stop leaves the device unlinked and at rest', () => {
    const world = online()
    world.close(keepAliveLost)
    world.remove()
    world.start()
    world.stop()
    world.login()
    world.feed({ kind: 'unlink_done', gone: true, detail: '' })
    expect(world.status).toBe('disconnected/stopped')
    expect(world.credentials).toBe('none')
    expect(world.socketOpen).toBe(false)
  })
})
