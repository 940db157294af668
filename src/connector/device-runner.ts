import type { Actor, NewAuditEntry, Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import {
  type Connection,
  type Effect,
  type Input,
  isAwaited,
  type Limits,
  newConnection,
} from '../domain/connection.ts'
import { type Device, observe, type Observation } from '../domain/device.ts'
import { unreachable } from '../domain/errors.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import type { Step } from '../domain/step.ts'
import type { Clock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import type { Turns } from '../runtime/turns.ts'
import type { Store } from '../store/store.ts'
import { CorruptCredentialsError, type SocketListener, type WhatsApp } from '../whatsapp/socket.ts'
import { createDeviceSocket, messageOf } from './device-socket.ts'
import { type Inbox, startInbox } from './inbox.ts'
import { narrate } from './narrate.ts'
import { createOwed } from './owed.ts'
import { createSightings } from './sightings.ts'
import { createSocketListener } from './socket-listener.ts'
import { type MediaDeps, startTraffic, type Traffic } from './traffic.ts'

export interface RunnerDeps {
  readonly store: Store
  readonly whatsapp: WhatsApp
  readonly clock: Clock
  readonly random: Random
  readonly step: Step
  readonly limits: Limits
  /** Shared by all devices of the process: how many may log in at a time. */
  readonly logins: Turns
  readonly media: MediaDeps
  readonly actor: Actor
  readonly renderQr: (text: string) => Promise<string>
  readonly isHeld: (lease: Lease) => boolean
  readonly log: Log
}

export interface DeviceRunner {
  readonly deviceId: string
  readonly lease: Lease
  /** The row may have changed. */
  row(device: Device): void
  tick(): void
  pokeOutbox(): void
  pokeMedia(): void
  pokeOperations(): void
  leaseLost(): void
  /** Ends the socket without logging out; resolves when the last word is written. */
  shutdown(): Promise<void>
  /** True when it will do nothing more: the generation is settled, or the lease is gone. */
  readonly over: boolean
}

/** Rows are told apart by the time of their change, unless they have just changed. */
const rowSettlesMs = 1_000

/** Half done, they leave the state machine with another idea of the credentials than the store has. */
const decisive = new Set<string>(['cancel_messages', 'wipe_credentials', 'quarantine_credentials'])

/**
 * The shell around one device's state machine: takes inputs one at a time, carries out the effects in order, and feeds
 * back what comes of them. It decides nothing.
 */
export const startDeviceRunner = (device: Device, lease: Lease, deps: RunnerDeps): DeviceRunner => {
  const { store, whatsapp, clock, random, step, limits, logins, media, actor, renderQr, isHeld, log } = deps
  const deviceId = device.id
  const origin = (): Origin => ({ actor, requestId: newId('tick', clock.now()) })
  const audit = (action: NewAuditEntry['action'], after: Record<string, unknown> | null): NewAuditEntry => ({
    origin: origin(),
    action,
    target: { kind: 'device', id: deviceId },
    before: null,
    after,
  })

  let connection: Connection = newConnection(device, false)
  let traffic: Traffic | undefined
  let stopping: Promise<void> = Promise.resolve()
  let inbox: Inbox | undefined
  let lost = false
  /** Only the newest request for a pairing code is answered. */
  let codesAsked = 0
  /** The row as it was last seen. */
  let latest = device
  /** The account that the open socket is logged in as. */
  let ownAddress = ''
  const owed = createOwed(async (generation, observation) => {
    latest = await store.devices.observe(lease, deviceId, (before) =>
      observe(before, generation, observation, origin(), clock.now()),
    )
  })

  const listenerFor = (own: number): SocketListener =>
    createSocketListener({
      store,
      deviceId,
      lease,
      clock,
      renderQr,
      origin,
      tell: (input) => dispatch(input, own),
      watched: () => {
        const { phase } = connection
        return { open: phase.kind === 'open', probing: phase.kind === 'open' && phase.probing }
      },
      onAddress: (pn) => {
        if (own === sockets.attempt) ownAddress = pn
      },
      onJournaled: () => inbox?.poke(),
      onSightings: (seen) => sightings.note(seen),
      onStoreFailed: (error) => {
        if (own !== sockets.attempt) return
        if (error instanceof StaleLeaseError) leaseLost()
        else dispatch({ kind: 'store_failed' })
      },
      onLeaseLost: () => leaseLost(),
      underLease,
      log,
    })

  const sockets = createDeviceSocket({
    deviceId,
    lease,
    mayWrite: () => !lost && isHeld(lease),
    whatsapp,
    logins,
    tell: (input, of) => dispatch(input, of),
    listenerFor,
  })

  /** `row` stands for the row as it is when its turn comes. */
  const queue: { readonly input: Input | 'row'; readonly attempt: number | null }[] = []
  let busy = false
  let draining: Promise<void> = Promise.resolve()

  /** `of` is the attempt that an input belongs to: it counts for nothing once there is another socket. */
  const dispatch = (input: Input | 'row', of: number | null = null): void => {
    queue.push({ input, attempt: of })
    if (busy) return
    busy = true
    draining = drain().catch((error: unknown) => giveUp(error))
  }
  const drain = async (): Promise<void> => {
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (next.attempt !== null && next.attempt !== sockets.attempt) continue
        const input = next.input === 'row' ? await readRow() : next.input
        if (input !== undefined) await take(input)
      }
    } finally {
      busy = false
    }
  }
  const take = async (input: Input): Promise<void> => {
    // Without the lease nothing may be done, and nothing written, but to end.
    if (lost && input.kind !== 'lease_lost') return
    if (input.kind === 'tick' || input.kind === 'shutdown') await payDebt()
    const before = connection.phase
    const now = { wall: clock.now(), mono: clock.monotonic() }
    const { connection: after, effects } = step(connection, input, deviceId, now)
    connection = after
    narrate(log, deviceId, { before, input, after: after.phase, effects, mono: now.mono })
    await carryOut(effects)
    followPhase()
  }

  const carryOut = async (effects: readonly Effect[]): Promise<void> => {
    for (const [at, effect] of effects.entries()) {
      // It may have been lost while the one before was carried out.
      if (lost && effect.kind !== 'drop_socket') return
      try {
        await run(effect)
      } catch (error) {
        if (effect.kind === 'observe') {
          for (const later of effects.slice(at + 1)) if (later.kind === 'observe') owe(later.observation)
        }
        return effectFailed(effect.kind, error)
      }
    }
  }
  const effectFailed = (effect: Effect['kind'], error: unknown): void => {
    if (error instanceof StaleLeaseError) return leaseLost()
    if (decisive.has(effect)) return giveUp(error)
    dropSocket()
    log.error({ device: deviceId, effect, err: error }, 'effect failed')
    dispatch({ kind: 'store_failed' })
  }
  const leaseLost = (): void => {
    if (lost) return
    lost = true
    dropSocket()
    dispatch({ kind: 'lease_lost' })
  }

  const run = async (effect: Effect): Promise<void> => {
    switch (effect.kind) {
      case 'request_socket':
        return requestSocket()
      case 'open_socket':
        return sockets.make()
      case 'drop_socket':
        return dropSocket()
      case 'probe':
        return sockets.during(sockets.now?.probe(effect.timeoutMs), {
          failed: () => ({ kind: 'probe_failed' }),
        })
      case 'unlink':
        return sockets.during(sockets.now?.unlink(limits.unlinkTimeoutMs), {
          done: () => ({ kind: 'unlink_done', gone: true, detail: '' }),
          failed: (error) => ({ kind: 'unlink_done', gone: false, detail: messageOf(error) }),
        })
      case 'request_code': {
        const asked = ++codesAsked
        const newest = (input: Input): Input | undefined => (asked === codesAsked ? input : undefined)
        return sockets.during(sockets.now?.requestPairingCode(effect.phone), {
          done: (code) => newest({ kind: 'code_made', code }),
          failed: (error) => newest({ kind: 'code_refused', error: messageOf(error) }),
        })
      }
      case 'cancel_messages': {
        const error = { code: 'device_removed', detail: 'the device was removed before the message was sent' }
        await store.bulks.cancelAll(lease, deviceId, error, origin(), clock.now())
        await store.outbox.cancelAll(lease, deviceId, error, origin(), clock.now())
        const undone = { code: 'device_removed', detail: 'the device was removed before it was done' }
        await store.operations.cancelAll(lease, deviceId, undone, origin(), clock.now())
        return
      }
      case 'wipe_credentials':
        return store.auth.wipe(lease, deviceId, audit('credentials.wipe', null), clock.now())
      case 'quarantine_credentials': {
        const entry = audit('credentials.quarantine', { reason: effect.reason })
        return store.auth.quarantine(lease, deviceId, effect.reason, entry, clock.now())
      }
      case 'observe':
        owe(effect.observation)
        return owed.pay()
      default:
        return unreachable(effect)
    }
  }

  const owe = (observation: Observation): void => owed.add(connection.facts.generation, observation)

  /** What could not be written must be, or the row would go on saying what is not true. */
  const payDebt = async (): Promise<void> => {
    try {
      await owed.pay()
    } catch (error) {
      effectFailed('observe', error)
    }
  }

  const requestSocket = async (): Promise<void> => {
    stopTraffic()
    await stopping
    if (!lost) sockets.request(isAwaited(connection))
  }

  /** A write beside the queue: it too may be the first to hear that the lease is gone. */
  const underLease = async (write: Promise<unknown>): Promise<void> => {
    try {
      await write
    } catch (error) {
      if (error instanceof StaleLeaseError) leaseLost()
      throw error
    }
  }

  const sightings = createSightings({ events: store.events, deviceId, lease, clock, underLease, log })

  const dropSocket = (): void => {
    sockets.drop()
    stopTraffic()
  }

  const stopTraffic = (): void => {
    const ending = traffic
    traffic = undefined
    if (ending !== undefined) stopping = Promise.all([stopping, ending.stop()]).then(() => undefined)
  }

  /** A turn lasts until WhatsApp has answered; messages are sent while the connection is open, and only then. */
  const followPhase = (): void => {
    const { kind } = connection.phase
    if (kind !== 'queued' && kind !== 'opening') sockets.endTurn()
    const socket = sockets.now
    const open = kind === 'open' && socket !== undefined
    if (!open) return stopTraffic()
    if (traffic === undefined && socket !== undefined) {
      traffic = startTraffic({
        store,
        media,
        limits: () => latest,
        deviceId,
        lease,
        isHeld: () => isHeld(lease),
        socket,
        ownAddress,
        clock,
        random,
        origin,
        onLost: leaseLost,
        log,
      })
    }
  }

  /** What an earlier owner left: messages half sent, messages decrypted and not stored yet. */
  const takeOver = async (): Promise<void> => {
    const recovered = await store.outbox.recover(lease, deviceId, origin(), clock.now())
    if (recovered > 0) log.info({ device: deviceId, messages: recovered }, 'unfinished messages queued again')
    const left = await store.operations.recover(lease, deviceId, origin(), clock.now())
    if (left > 0) log.info({ device: deviceId, operations: left }, 'unfinished operations looked after')
    inbox = startInbox({
      inbound: store.inbound,
      acts: store.acts,
      whatsapp,
      deviceId,
      lease,
      autoFetch: media.autoFetch,
      onFile: () => traffic?.pokeMedia(),
      clock,
      origin,
      onLost: leaseLost,
      log,
    })
  }
  /** Read when its turn comes: one that was read before our own last word would take that word back. */
  const readRow = async (): Promise<Input | undefined> => {
    const row = (await store.devices.get(deviceId))?.device
    if (row === undefined) return undefined
    let { paired } = connection.facts
    if (row.generation !== connection.facts.generation || connection.phase.kind === 'idle') {
      try {
        paired = await whatsapp.isPaired(deviceId)
      } catch (error) {
        if (!(error instanceof CorruptCredentialsError)) throw error
        paired = row.account !== null
      }
    }
    return { kind: 'row', device: row, paired }
  }
  /** Another runner, with a lease of its own, must see what can be made of it. */
  const giveUp = (error: unknown): void => {
    log.error({ device: deviceId, err: error }, 'device given up; it is taken over anew')
    leaseLost()
  }
  const started = takeOver().catch(giveUp)
  let seen = { updatedAt: -1, generation: -1 }
  const next = (row: Device): void => {
    // A second change in the ms of the first would look the same: a row that is new is given again.
    const settledRow = Math.abs(clock.now() - row.updatedAt) > rowSettlesMs
    if (settledRow && row.updatedAt === seen.updatedAt && row.generation === seen.generation) return
    seen = row
    latest = row
    traffic?.pokeOutbox()
    void started.then(() => dispatch('row'))
  }
  next(device)

  return {
    deviceId,
    lease,
    row: next,
    tick() {
      // With hundreds of devices nearly all ticks have no effect: those need no turn in the queue.
      if (!busy && !lost && owed.none) {
        const now = { wall: clock.now(), mono: clock.monotonic() }
        const { connection: after, effects } = step(connection, { kind: 'tick' }, deviceId, now)
        if (effects.length === 0) {
          connection = after
          return
        }
      }
      dispatch({ kind: 'tick' })
    },
    pokeOutbox: () => traffic?.pokeOutbox(),
    pokeMedia: () => traffic?.pokeMedia(),
    pokeOperations: () => traffic?.pokeOperations(),
    leaseLost,
    async shutdown() {
      await started
      stopTraffic()
      if (!lost) dispatch({ kind: 'shutdown' })
      await draining
      await Promise.all([stopping, inbox?.stop(), sightings.stop()])
    },
    get over() {
      return !busy && (lost || (connection.phase.kind === 'settled' && owed.none))
    },
  }
}
