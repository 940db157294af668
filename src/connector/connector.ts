import type { Actor } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import type { Limits } from '../domain/connection.ts'
import { type Device, isUnsettled } from '../domain/device.ts'
import type { Event } from '../domain/event.ts'
import { connectorSeat, deviceLeaseName, type Lease } from '../domain/lease.ts'
import { createStep } from '../domain/step.ts'
import { startLeaseKeeper } from '../lease/lease-keeper.ts'
import type { Clock } from '../runtime/clock.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import { createTurns } from '../runtime/turns.ts'
import type { Store } from '../store/store.ts'
import type { WhatsApp } from '../whatsapp/socket.ts'
import { startAuditClerk } from './audit-clerk.ts'
import { startGiveUp } from './give-up.ts'
import { type DeviceRunner, startDeviceRunner } from './device-runner.ts'
import { type MediaLimits, startMediaSweeper } from './media-sweeper.ts'
import type { MediaDeps } from './traffic.ts'
import { startOutboxClerk } from './outbox-clerk.ts'

export interface ConnectorOptions {
  /** Unique to this process: `con_…`. */
  readonly owner: string
  readonly store: Store
  readonly whatsapp: WhatsApp
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** So many devices log in at a time. */
  readonly loginsMax: number
  readonly media: ConnectorMedia
  readonly leaseTtlMs: number
  readonly renderQr: (text: string) => Promise<string>
  readonly isDead: (owner: string) => Promise<boolean>
  readonly log: Log
}

export interface ConnectorMedia
  extends MediaLimits,
    Pick<MediaDeps, 'blobs' | 'autoFetch' | 'bytesMax' | 'checkRoom'> {}

export interface Connector {
  /** Closes all sockets without logging out and gives the leases back, in bounded time. */
  stop(): Promise<void>
}

/** When anything has changed all rows are looked at, at most so often. */
const reconcileMs = 250
/** All rows are looked at this often, whether anything seems to have changed or not. */
const lookAnywayMs = 2_000
const shutdownMs = 5_000
const eventBatch = 500
/** Files at a time, of all devices: more would only make each slower. */
const uploadsMax = 4
const downloadsMax = 4

/**
 * Brings what runs in line with what the rows ask for: one runner for each device that is not settled, under its
 * lease. Only who holds the seat of the data folder claims devices; a second connector waits for it.
 */
export const startConnector = (options: ConnectorOptions): Connector => {
  const { owner, store, whatsapp, clock, random, limits, loginsMax, leaseTtlMs, renderQr, isDead, log } =
    options
  const { blobs, autoFetch, bytesMax, checkRoom, retentionMs, quotaBytes } = options.media
  const actor: Actor = { kind: 'connector', id: owner }
  const step = createStep(limits, random)
  const logins = createTurns(loginsMax)
  const media: MediaDeps = {
    blobs,
    autoFetch,
    bytesMax,
    checkRoom,
    uploads: createTurns(uploadsMax),
    downloads: createTurns(downloadsMax),
  }
  const runners = new Map<string, DeviceRunner>()
  const endings = new Map<DeviceRunner, Promise<void>>()
  let seat: Lease | undefined
  let announcedWait = false
  let cursor = 0
  let stopped = false
  /** Something was written, by whomever, since all rows were read. */
  let dirty = true
  let readAllAt = Number.NEGATIVE_INFINITY
  let tickedAt = Number.NEGATIVE_INFINITY
  /** Devices that must be looked at before all are. */
  const concerned = new Set<string>()

  const keeper = startLeaseKeeper({
    leases: store.leases,
    owner,
    clock,
    log,
    ttlMs: leaseTtlMs,
    isDead,
    onLost(lease) {
      if (lease.name === connectorSeat) {
        seat = undefined
        for (const runner of runners.values()) runner.leaseLost()
      } else {
        for (const runner of runners.values()) if (runner.lease.name === lease.name) runner.leaseLost()
      }
      loop.poke()
    },
  })

  const takeSeat = async (): Promise<boolean> => {
    if (seat !== undefined) return true
    const taken = await keeper.acquire(connectorSeat)
    seat = taken
    if (taken === undefined) {
      if (!announcedWait) log.info({ owner }, 'another connector is active; waiting for its lease')
      announcedWait = true
      return false
    }
    announcedWait = false
    cursor = await store.events.latest()
    // It may have been lost in the meantime.
    if (seat !== taken) return false
    readAllAt = Number.NEGATIVE_INFINITY
    log.info({ owner, epoch: taken.epoch }, 'connector is active')
    return true
  }

  const start = async (device: Device): Promise<void> => {
    const lease = await keeper.acquire(deviceLeaseName(device.id))
    if (lease === undefined) {
      concerned.add(device.id)
      return
    }
    // Whoever has the seat by now needs it: nobody would give this device its rows and ticks here.
    if (seat === undefined) return keeper.release(lease)
    runners.set(
      device.id,
      startDeviceRunner(device, lease, {
        store,
        whatsapp,
        clock,
        random,
        step,
        limits,
        logins,
        media,
        actor,
        renderQr,
        isHeld: (held) => keeper.isHeld(held),
        log,
      }),
    )
  }

  /** Beside the loop: a connection that is slow to end must not hold up the other devices. */
  const end = (runner: DeviceRunner): Promise<void> => {
    const ending = endings.get(runner) ?? finish(runner)
    endings.set(runner, ending)
    return ending
  }
  const finish = async (runner: DeviceRunner): Promise<void> => {
    try {
      await runner.shutdown()
      await keeper.release(runner.lease)
    } catch (error) {
      log.error({ device: runner.deviceId, err: error }, 'device was not given back')
    }
    runners.delete(runner.deviceId)
    endings.delete(runner)
    concerned.add(runner.deviceId)
    loop.poke()
  }
  const endAllOver = (): void => {
    for (const runner of runners.values()) if (runner.over) void end(runner)
  }

  const bringInLine = async (device: Device): Promise<void> => {
    const runner = runners.get(device.id)
    try {
      if (runner === undefined) await start(device)
      else if (!endings.has(runner)) runner.row(device)
    } catch (error) {
      log.error({ device: device.id, err: error }, 'device was not started')
    }
  }
  const rowsToLookAt = async (now: number): Promise<readonly Device[]> => {
    const ids = [...concerned]
    concerned.clear()
    const sinceMs = now - readAllAt
    if (sinceMs >= lookAnywayMs || (dirty && sinceMs >= reconcileMs)) {
      readAllAt = now
      dirty = false
      return store.devices.unsettled()
    }
    const views = await Promise.all(ids.map((id) => store.devices.get(id)))
    return views.flatMap((view) => (view !== undefined && isUnsettled(view.device) ? [view.device] : []))
  }
  const reconcile = async (): Promise<void> => {
    const now = clock.monotonic()
    await Promise.all((await rowsToLookAt(now)).map(bringInLine))
    if (now - tickedAt < reconcileMs) return
    tickedAt = now
    for (const runner of runners.values()) runner.tick()
  }

  const loop = startLoop({
    pollMs: reconcileMs,
    async tick() {
      if (stopped) return undefined
      // Without the seat too: it is another connector that waits for these leases then.
      endAllOver()
      if (await takeSeat()) await reconcile()
      return undefined
    },
    onError: (error) => log.error({ err: error }, 'reconcile failed'),
  })

  const react = (event: Event): void => {
    if (event.deviceId === null) return
    if (event.type === 'message.queued') runners.get(event.deviceId)?.pokeOutbox()
    else if (event.type === 'media.waiting') runners.get(event.deviceId)?.pokeMedia()
    else if (event.type === 'operation.queued') runners.get(event.deviceId)?.pokeOperations()
    else if (event.type === 'message.scheduled' || event.type === 'bulk.created') clerk.poke()
    else if (event.type === 'device.status_changed' || event.type === 'device.pacing_changed') {
      concerned.add(event.deviceId)
      loop.poke()
    }
  }
  /** Turns a hint that something has changed into pokes for those whom it concerns. */
  const feed = startLoop({
    pollMs: reconcileMs,
    async tick() {
      if (seat === undefined) return undefined
      const newest = await store.events.latest()
      if (newest <= cursor) return undefined
      const events = await store.events.after(cursor, {
        limit: eventBatch,
        until: newest,
        types: [
          'message.queued',
          'operation.queued',
          'message.scheduled',
          'bulk.created',
          'media.waiting',
          'device.status_changed',
          'device.pacing_changed',
        ],
      })
      for (const event of events) react(event)
      const last = events[eventBatch - 1]
      // Those of other kinds, which are most, are looked through once.
      cursor = last?.seq ?? newest
      return last === undefined ? undefined : 0
    },
    onError: (error) => log.error({ err: error }, 'event feed failed'),
  })
  const sweep = {
    clock,
    lease: () => seat,
    origin: () => ({ actor, requestId: newId('tick', clock.now()) }),
    log,
  }
  const sweeper = startMediaSweeper({ media: store.media, blobs, retentionMs, quotaBytes, ...sweep })
  const givingUp = startGiveUp({ inbound: store.inbound, ...sweep })
  const auditClerk = startAuditClerk({ audit: store.audit, clock, lease: () => seat, log })
  const clerk = startOutboxClerk({
    schedule: store.schedule,
    bulks: store.bulks,
    seat: () => seat,
    clock,
    origin: () => ({ actor, requestId: newId('tick', clock.now()) }),
    onError: (error) => log.error({ err: error }, 'outbox clerk failed'),
  })
  const unsubscribe = store.onChange(() => {
    dirty = true
    feed.poke()
  })

  return {
    async stop() {
      stopped = true
      unsubscribe()
      await Promise.all([
        feed.stop(),
        loop.stop(),
        sweeper.stop(),
        givingUp.stop(),
        auditClerk.stop(),
        clerk.stop(),
      ])
      const ended = Promise.all([...runners.values()].map((runner) => end(runner)))
      await withDeadline(ended, shutdownMs, 'the end of all connections').catch((error: unknown) => {
        log.warn({ err: error }, 'connections were cut')
        for (const runner of runners.values()) runner.leaseLost()
      })
      if (seat !== undefined) {
        await keeper
          .release(seat)
          .catch((error: unknown) => log.warn({ err: error }, 'seat was not released'))
      }
      await keeper.stop()
    },
  }
}
