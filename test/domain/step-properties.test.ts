import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Connection, Effect, Input } from '../../src/domain/connection.ts'
import type { SocketClose } from '../../src/domain/disconnect.ts'
import { GatewayError } from '../../src/domain/errors.ts'
import { account, hour, limits, minute, qrOf, second } from './fixtures.ts'
import { World } from './world.ts'

type Act =
  | { readonly do: 'start' | 'stop' | 'restart' | 'remove' | 'code' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'kill' | 'shutdown' }
  | { readonly do: 'scan' | 'crowd' | 'clear' }
  | { readonly do: 'say'; readonly input: Input }

const close: fc.Arbitrary<SocketClose> = fc.record({
  origin: fc.constantFrom('session' as const, 'transport' as const, 'client' as const),
  code: fc.constantFrom(null, 401, 402, 403, 405, 406, 408, 411, 413, 428, 440, 500, 503, 515, 599),
  message: fc.constantFrom('Connection Failure', 'QR refs attempts ended', 'Connection was lost', ''),
})

const said: fc.Arbitrary<Input> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Input>({ kind: 'qr', qr: qrOf('ref', 0) }) },
  { weight: 4, arbitrary: fc.constant<Input>({ kind: 'opened', account }) },
  { weight: 4, arbitrary: close.map((given): Input => ({ kind: 'closed', close: given })) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Input>(
      { kind: 'answered' },
      { kind: 'probe_failed' },
      { kind: 'deaf' },
      { kind: 'passkey_required' },
      { kind: 'code_made', code: 'ABCD1234' },
      { kind: 'code_refused', error: 'no' },
      { kind: 'unlink_done', gone: true, detail: '' },
      { kind: 'unlink_done', gone: false, detail: 'timed out' },
      { kind: 'store_failed' },
      { kind: 'lease_lost' },
      { kind: 'tick' },
      { kind: 'credentials_corrupt', detail: 'no JSON' },
    ),
  },
)

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('start', 'stop', 'restart', 'remove', 'code') }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(250, second, 20 * second, minute, 12 * minute, 2 * hour, limits.unlinkGiveUpMs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill', 'shutdown') }) },
  { weight: 3, arbitrary: fc.constant<Act>({ do: 'scan' }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crowd', 'clear') }) },
  { weight: 12, arbitrary: said.map((input): Act => ({ do: 'say', input })) },
)

const story = fc.array(act, { minLength: 1, maxLength: 60, size: 'max' })

interface Beat {
  readonly input: Input
  readonly before: Connection
  readonly after: Connection
  readonly effects: readonly Effect[]
  readonly pairedCredentials: boolean
  readonly world: World
}

/** A world that tells of each input and of what came of it. */
class Watched extends World {
  private readonly watch: (beat: Beat) => void

  constructor(random: () => number, watch: (beat: Beat) => void) {
    super(random)
    this.watch = watch
  }

  override feed(input: Input): void {
    const before = this.connection
    const pairedCredentials = this.credentials === 'paired'
    super.feed(input)
    const after = this.connection
    if (before === undefined || after === undefined) return
    this.watch({ input, before, after, effects: this.effects, pairedCredentials, world: this })
  }
}

const play = (world: World, given: Act): void => {
  try {
    switch (given.do) {
      case 'start':
      case 'stop':
      case 'restart':
      case 'remove':
        return world[given.do]()
      case 'code':
        return world.requestCode('4915123456789')
      case 'pass':
        return world.tick(given.ms)
      case 'kill':
        return world.newConnector({ killed: true })
      case 'shutdown':
        return world.newConnector()
      case 'scan':
        return world.scan()
      case 'crowd':
        world.crowded = true
        return
      case 'clear':
        return world.clear()
      case 'say':
        if (given.input.kind === 'opened' && world.socketOpen) world.credentials = 'paired'
        return world.feed(given.input)
    }
  } catch (error) {
    // The caller's fault: a device that is not there cannot be stopped.
    if (!(error instanceof GatewayError)) throw error
  }
}

/** Plays random stories; the world itself throws when a second socket is opened or a settled device has one. */
const always = (watch: (beat: Beat) => void, runs = 500): void => {
  fc.assert(
    fc.property(story, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (acts, luck) => {
      const world = new Watched(() => luck, watch)
      world.start()
      for (const given of acts) play(world, given)
    }),
    { numRuns: runs },
  )
}

const socketPhases = new Set(['opening', 'pairing', 'paired', 'open', 'unlinking'])

describe('whatever happens to a device, in whatever order', () => {
  it('there is at most one socket, and one exactly in the phases that have one', () => {
    always(({ after, world }) => expect(world.socketOpen).toBe(socketPhases.has(after.phase.kind)))
  })

  it('the row says connected only when a login was just heard of', () => {
    let connected = 0
    always(({ input, effects }) => {
      for (const effect of effects) {
        if (effect.kind !== 'observe' || effect.observation.status !== 'connected') continue
        connected += 1
        expect(input.kind).toBe('opened')
      }
    })
    expect(connected).toBeGreaterThan(0)
  })

  it('the row does not say connected when there is no socket, unless the connector was killed or lost its lease', () => {
    let told = true
    always(({ input, after, world }) => {
      told = input.kind === 'lease_lost' ? false : told || after.phase.kind !== 'idle'
      if (!told || world.row.generation !== after.facts.generation) return
      if (world.row.status === 'connected') expect(after.phase.kind).toBe('open')
    })
  })

  it('credentials of a paired device are wiped only when its removal was asked for', () => {
    let wiped = 0
    always(({ before, input, effects, pairedCredentials }) => {
      if (!pairedCredentials || !effects.some((effect) => effect.kind === 'wipe_credentials')) return
      wiped += 1
      const asked = input.kind === 'row' ? input.device.unlinkRequestedAt : before.facts.unlinkRequestedAt
      expect(asked).not.toBeNull()
    })
    expect(wiped).toBeGreaterThan(0)
  })

  it('credentials are set aside only on a 401, 403 or 406 from inside the session of a paired device', () => {
    let quarantined = 0
    always(({ input, effects, pairedCredentials }) => {
      if (!effects.some((effect) => effect.kind === 'quarantine_credentials')) return
      quarantined += 1
      expect(pairedCredentials).toBe(true)
      expect(input).toMatchObject({ kind: 'closed', close: { origin: 'session' } })
      expect([401, 403, 406]).toContain(input.kind === 'closed' ? input.close.code : undefined)
    })
    expect(quarantined).toBeGreaterThan(0)
  })

  it('the settled generation never exceeds the generation, and never falls', () => {
    const settled = new WeakMap<World, number>()
    always(({ world }) => {
      expect(world.row.settledGeneration).toBeLessThanOrEqual(world.row.generation)
      expect(world.row.settledGeneration).toBeGreaterThanOrEqual(settled.get(world) ?? 0)
      settled.set(world, world.row.settledGeneration)
    })
  })

  it('a wait has an end: a backoff, the try after a replacement, or the end of a ban', () => {
    const longest = Math.max(limits.backoff.maxMs, limits.replacedRetryMs)
    always(({ after, world }) => {
      if (after.phase.kind !== 'waiting') return
      const ms = after.phase.until - world.mono
      const banned = after.facts.notBefore !== null
      expect(ms).toBeLessThanOrEqual(banned ? hour : longest)
    })
  })

  it('no socket is opened before the end of a ban', () => {
    always(({ effects, world }) => {
      if (!effects.some((effect) => effect.kind === 'open_socket')) return
      expect(world.row.notBefore ?? 0).toBeLessThanOrEqual(world.wall)
    })
  })

  it('a QR stands in the row only while it waits to be scanned', () => {
    always(({ world, after }) => {
      if (world.row.generation !== after.facts.generation || world.row.qr === null) return
      expect(world.row.status).toBe('waiting_for_scan')
    })
  })

  it('a removed device is never shown as anything but disconnected', () => {
    always(({ world, after }) => {
      if (world.row.desired !== 'removed' || after.facts.desired !== 'removed') return
      expect(world.row.status).toBe('disconnected')
    })
  })

  it('a running device is never forgotten: it has a socket, waits for one, or says why not', () => {
    always(({ after, world, input }) => {
      if (input.kind === 'lease_lost' || input.kind === 'shutdown' || after.phase.kind === 'idle') return
      if (after.phase.kind === 'settled') expect(world.row.status).toBe('disconnected')
      else expect([...socketPhases, 'waiting', 'queued']).toContain(after.phase.kind)
    })
  })
})
