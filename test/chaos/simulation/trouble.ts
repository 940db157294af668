/** What goes wrong: processes that die or stand still, clocks that jump, a disk that refuses, a network that lies. */
import type { Party } from './event-loop.ts'
import type { Frame } from './frame.ts'
import { type Gateway, leaseTtlMs } from './gateway.ts'
import type { Server } from './server.ts'
import type { Refusals } from './store-edge.ts'

export interface TroubleOptions {
  readonly frame: Frame
  readonly gateway: Gateway
  readonly server: Server
  readonly refusals: Refusals
}

const moments = [
  'auth.commit',
  'auth.commit',
  'auth.commit',
  'outbox.claim',
  'outbox.record',
  'outbox.recover',
  'outbox.cancelAll',
  'auth.wipe',
  'messages.recordReceipt',
  'inbound.promote',
  'devices.observe',
  'leases.claim',
  'leases.renew',
]
const gapMaxMs = 4_000
const jumpMaxMs = 60 * 60 * 1000
const awayMaxMs = 4_000

export const createTrouble = ({ frame, gateway, server, refusals }: TroubleOptions): { end(): void } => {
  const { loop, outside } = frame
  const luck = frame.random.fork('trouble')
  const after = (ms: number, work: () => void): void => loop.after(outside, ms, work)
  const paused = new Set<Party>()

  const kill = (party: Party): void => {
    gateway.kill(party)
    after(luck.next() * awayMaxMs, () => gateway.startMissing())
  }
  const pause = (party: Party): void => {
    frame.note(party.name, 'paused')
    loop.pause(party)
    paused.add(party)
    after(leaseTtlMs * (0.3 + luck.next() * 3), () => {
      frame.note(party.name, 'resumed')
      loop.resume(party)
      paused.delete(party)
    })
  }
  /** Strikes a connector at one moment: a verb of its is carried out, and it does not know yet. */
  const lieInWait = (strike: (party: Party) => void): void => {
    const awaited = luck.pick(moments)
    frame.ambush = (process, verb) => {
      if (verb !== awaited || !gateway.connectors.includes(process)) return
      frame.ambush = undefined
      frame.note(process.name, `struck after ${verb}`)
      strike(process)
    }
  }

  const kinds: Readonly<Record<string, () => void>> = {
    'connectors killed'() {
      kill(luck.pick(gateway.connectors))
    },
    'connectors killed at one moment'() {
      lieInWait(kill)
    },
    'APIs killed'() {
      gateway.kill(luck.pick(gateway.apis).party)
      gateway.startMissing()
    },
    'connectors paused'() {
      pause(luck.pick(gateway.connectors))
    },
    'connectors paused at one moment'() {
      lieInWait(pause)
    },
    'clock jumps'() {
      const ms = Math.round((luck.next() - 0.5) * 2 * luck.pick([2_000, 20_000, jumpMaxMs]))
      frame.note('machine', `clock jumps by ${ms} ms`)
      frame.jumpWall(ms)
    },
    'disk refusals'() {
      refusals.kind = luck.pick(['full', 'busy', 'read_only', 'failed'])
      refusals.probability = luck.pick([0.1, 0.5, 1])
      after(luck.next() * awayMaxMs, () => {
        refusals.probability = 0
      })
    },
    'connections cut'() {
      for (const session of server.sessions) if (luck.next() < 0.7) server.cut(session)
    },
    'connections gone deaf'() {
      for (const session of server.sessions) if (luck.next() < 0.5) session.deaf = true
    },
    'connections gone one-way'() {
      for (const session of server.sessions) if (luck.next() < 0.5) session.oneWay = true
    },
    'server unreachable'() {
      server.reachable = false
      for (const session of server.sessions) server.cut(session)
      after(luck.next() * awayMaxMs * 2, () => {
        server.reachable = true
      })
    },
  }
  const next = (): void => {
    if (frame.calm) return
    const kind = luck.pick(Object.keys(kinds))
    if (gateway.connectors.length > 0) {
      frame.count(kind)
      kinds[kind]?.()
    }
    after(luck.next() * gapMaxMs, next)
  }
  after(gapMaxMs, next)

  return {
    end() {
      frame.ambush = undefined
      for (const party of paused) loop.resume(party)
      refusals.probability = 0
      server.reachable = true
      gateway.startMissing()
    },
  }
}
