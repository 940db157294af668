import { describe, expect, it } from 'vitest'
import { hour, keepAliveLost, limits, minute, restartRequired, second, unlinkedOnPhone } from './fixtures.ts'
import { online, pairing, World } from './world.ts'

/** A device in each phase of its running life, by the way that leads there. */
const phases: Readonly<Record<string, () => World>> = {
  opening: () => {
    const world = new World()
    world.start()
    return world
  },
  pairing,
  paired: () => {
    const world = pairing()
    world.scan()
    return world
  },
  'opening after the scan': () => {
    const world = pairing()
    world.scan()
    world.close(restartRequired)
    return world
  },
  open: online,
  probing: () => {
    const world = online()
    world.pass(limits.silenceMs)
    return world
  },
  waiting: () => {
    const world = online()
    world.close(keepAliveLost)
    return world
  },
  reopening: () => {
    const world = online()
    world.close(keepAliveLost)
    world.pass(second)
    return world
  },
}
const names = Object.keys(phases)
const bring = (name: string): World => {
  const make = phases[name]
  if (make === undefined) throw new Error(`no phase ${name}`)
  return make()
}

describe.each(names)('while a device is %s', (name) => {
  it('a stop closes the socket and keeps the credentials', () => {
    const world = bring(name)
    const kept = world.credentials
    world.stop()
    expect(world.status).toBe('disconnected/stopped')
    expect(world.socketOpen).toBe(false)
    expect(world.credentials).toBe(kept)
    expect(world.row.settledGeneration).toBe(world.row.generation)
    world.pass(minute)
    expect(world.socketOpen).toBe(false)
  })

  it('a restart opens a new socket with the same credentials', () => {
    const world = bring(name)
    const kept = world.credentials
    const sockets = world.attempts.length
    world.restart()
    expect(world.attempts).toHaveLength(sockets + 1)
    expect(world.credentials).toBe(kept)
    expect(world.status).toBe('connecting/restarted')
    if (kept === 'paired') world.login()
    else world.qr()
    expect(world.row.status).toBe(kept === 'paired' ? 'connected' : 'waiting_for_scan')
  })

  it('a stop and a start before the connector looks is one new socket', () => {
    const world = bring(name)
    const sockets = world.attempts.length
    world.unseen(world.stop)
    world.start()
    expect(world.attempts).toHaveLength(sockets + 1)
    expect(world.phase).toBe('opening')
  })

  it('a shutdown drops the socket, keeps the credentials, and the next connector goes on', () => {
    const world = bring(name)
    const kept = world.credentials
    const hadSocket = world.socketOpen
    const status = world.row.status
    world.feed({ kind: 'shutdown' })
    expect(world.effectKinds()).toEqual(hadSocket ? ['drop_socket', 'observe'] : [])
    expect(world.row.reason).toBe(hadSocket ? 'connector_stopped' : 'connection_lost')
    expect(world.row.status).toBe(
      status === 'connected' || status === 'reconnecting' ? 'reconnecting' : 'connecting',
    )
    expect(world.row.qr).toBeNull()
    expect(world.credentials).toBe(kept)
    world.newConnector()
    expect(world.phase).toBe('opening')
    expect(world.row.reason).toBe('connector_started')
  })

  it('a lost lease drops the socket and writes nothing', () => {
    const world = bring(name)
    const hadSocket = world.socketOpen
    const { row } = world
    world.feed({ kind: 'lease_lost' })
    expect(world.effectKinds()).toEqual(hadSocket ? ['drop_socket'] : [])
    expect(world.row).toBe(row)
    expect(world.phase).toBe('idle')
  })

  it('a store that cannot be written costs the socket, and nothing else', () => {
    const world = bring(name)
    const kept = world.credentials
    world.feed({ kind: 'store_failed' })
    expect(world.phase).toBe('waiting')
    expect(world.socketOpen).toBe(false)
    expect(world.credentials).toBe(kept)
    world.pass(2 * second)
    expect(world.phase).toBe('opening')
  })

  it('a kill of the connector leaves a row with which the next one goes on', () => {
    const world = bring(name)
    const kept = world.credentials
    world.newConnector({ killed: true, awayMs: minute })
    expect(world.phase).toBe('opening')
    expect(world.credentials).toBe(kept)
    if (kept === 'paired') world.login()
    else world.qr()
    expect(world.row.status).toBe(kept === 'paired' ? 'connected' : 'waiting_for_scan')
  })
})

describe('a request that the connector has not seen yet', () => {
  it('is not overwritten by what the connector says of the old one', () => {
    const world = pairing()
    world.unseen(world.restart)
    const { row } = world
    world.feed({ kind: 'closed', close: keepAliveLost })
    expect(world.row).toMatchObject({ status: row.status, reason: row.reason, generation: row.generation })
  })

  it('does not undo a scan that came between the look at the credentials and the row', () => {
    const world = pairing()
    world.scan()
    const { row } = world
    world.feed({ kind: 'row', device: { ...row, generation: row.generation + 1 }, paired: false })
    world.close(unlinkedOnPhone)
    expect(world.quarantined).toEqual(['logged_out'])
  })
})

describe('a device at rest', () => {
  it('is left alone by a new connector', () => {
    const world = online()
    world.stop()
    world.newConnector()
    expect(world.phase).toBe('none')
    expect(world.status).toBe('disconnected/stopped')
  })

  it('logs in without a new scan when it is started', () => {
    const world = online()
    world.stop()
    world.pass(hour)
    world.start()
    world.login()
    expect(world.history.slice(-4)).toEqual([
      'disconnected/stopped',
      'starting/started',
      'connecting/started',
      'connected/opened',
    ])
  })

  it('says nothing twice', () => {
    const world = online()
    world.stop()
    const { history } = world
    world.feed({ kind: 'shutdown' })
    world.pass(minute)
    expect(history.filter((entry) => entry === 'disconnected/stopped')).toHaveLength(1)
  })
})
