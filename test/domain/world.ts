/**
 * One device, one connector and no network: a fake row, a fake clock and an interpreter that carries out the effects
 * of `step`. It gives rows and ticks to the state machine as the connector does, and throws when a rule that must hold
 * at all times is broken.
 */
import { type Connection, type Effect, type Input, newConnection } from '../../src/domain/connection.ts'
import {
  type Device,
  type DeviceChange,
  isUnsettled,
  observe,
  remove,
  requestPairingCode,
  restart,
  start,
  type StatusReason,
  stop,
} from '../../src/domain/device.ts'
import type { SocketClose } from '../../src/domain/disconnect.ts'
import type { NewEvent } from '../../src/domain/event.ts'
import { createStep } from '../../src/domain/step.ts'
import {
  account,
  apiOrigin,
  connectorOrigin,
  deviceId,
  limits,
  noLuck,
  qrOf,
  second,
  t0,
} from './fixtures.ts'

const tickMs = 250

type Credentials = 'none' | 'unpaired' | 'paired'
type Verb = (before: Device | undefined, id: string, origin: typeof apiOrigin, now: number) => DeviceChange

export class World {
  wall = t0
  mono = 5 * second
  credentials: Credentials = 'none'
  readonly quarantined: StatusReason[] = []
  connection: Connection | undefined
  socketOpen = false
  /** Other devices log in now: this one waits in line. */
  crowded = false
  /** When each socket was opened: ms since the world began. */
  readonly attempts: number[] = []
  /** `status/reason` of each change of the row, in order. */
  readonly history: string[] = []
  readonly events: NewEvent[] = []
  /** The effects of the newest input. */
  effects: readonly Effect[] = []

  private current: Device | undefined
  private seen: Device | undefined
  private blind = false
  private readonly step: ReturnType<typeof createStep>

  constructor(random: () => number = noLuck) {
    this.step = createStep(limits, random)
  }

  get row(): Device {
    if (this.current === undefined) throw new Error('there is no device yet')
    return this.current
  }
  get phase(): string {
    return this.connection?.phase.kind ?? 'none'
  }
  get status(): string {
    return `${this.row.status}/${this.row.reason}`
  }
  get now(): number {
    return this.wall - t0
  }

  // What a user asks for.
  start = (): void => this.ask(start)
  stop = (): void => this.ask(stop)
  restart = (): void => this.ask(restart)
  remove = (): void => this.ask(remove)
  requestCode = (phone: string): void =>
    this.ask((before, id, origin, now) => requestPairingCode(before, id, phone, origin, now))

  private ask(verb: Verb): void {
    this.write(verb(this.current, deviceId, apiOrigin, this.wall))
    this.reconcile()
  }

  /** What is asked here is on disk, but the connector has not looked yet. */
  unseen(ask: () => void): void {
    this.blind = true
    ask()
    this.blind = false
  }

  private write({ device, events }: DeviceChange): void {
    this.current = device
    this.events.push(...events)
    for (const event of events) {
      if (event.type === 'device.status_changed')
        this.history.push(`${event.data.status}/${event.data.reason}`)
    }
  }

  // What the connector does.
  private reconcile(): void {
    if (this.blind) return
    if (this.connection?.phase.kind === 'settled') this.connection = undefined
    if (this.current === undefined || !isUnsettled(this.current)) return
    const paired = this.credentials === 'paired'
    if (this.connection === undefined) this.connection = newConnection(this.current, false)
    else if (this.current === this.seen) return
    this.seen = this.current
    this.feed({ kind: 'row', device: this.current, paired })
    if (this.connection.phase.kind === 'settled') this.connection = undefined
  }

  /** The others have logged in. */
  clear(): void {
    this.crowded = false
    this.feed({ kind: 'admitted' })
  }

  /** Lets the time pass, with a tick of the connector every 250 ms. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= tickMs) this.tick(Math.min(tickMs, left))
  }

  /** Lets the time pass in one leap. */
  tick(ms: number): void {
    this.wall += ms
    this.mono += ms
    this.reconcile()
    if (this.connection !== undefined) this.feed({ kind: 'tick' })
    this.reconcile()
  }

  /** The connector ends and starts again; with `killed` it has no time for a last word. */
  newConnector({ killed = false, awayMs = 0 } = {}): void {
    if (!killed && this.connection !== undefined) this.feed({ kind: 'shutdown' })
    this.connection = undefined
    this.socketOpen = false
    this.wall += awayMs
    // The machine may have started anew in between, and its monotonic clock with it.
    this.mono = second
    this.reconcile()
  }

  /** An input of the state machine, as it comes. */
  feed(input: Input): void {
    if (this.connection === undefined) return
    if (input.kind === 'closed' || input.kind === 'credentials_corrupt') this.socketOpen = false
    const before = this.connection
    const stepped = this.step(before, input, deviceId, { wall: this.wall, mono: this.mono })
    this.connection = stepped.connection
    this.effects = stepped.effects
    for (const effect of stepped.effects) this.carryOut(effect)
    if (stepped.effects.some(({ kind }) => kind === 'request_socket') && !this.crowded) {
      this.feed({ kind: 'admitted' })
      this.effects = [...stepped.effects, ...this.effects]
    }
    if (this.phase === 'settled' && this.socketOpen) throw new Error('a settled device has a socket')
  }

  private carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'open_socket':
        if (this.socketOpen) throw new Error('a second socket was opened')
        this.socketOpen = true
        this.attempts.push(this.now)
        if (this.credentials === 'none') this.credentials = 'unpaired'
        return
      case 'drop_socket':
        this.socketOpen = false
        return
      case 'request_socket':
      case 'cancel_messages':
        return
      case 'wipe_credentials':
        this.credentials = 'none'
        return
      case 'quarantine_credentials':
        if (this.credentials !== 'none') this.quarantined.push(effect.reason)
        this.credentials = 'none'
        return
      case 'observe': {
        const generation = this.connection?.facts.generation ?? 0
        this.write(observe(this.row, generation, effect.observation, connectorOrigin, this.wall))
        return
      }
      case 'probe':
      case 'unlink':
      case 'request_code':
        return
    }
  }

  // What the socket says.
  qr(text = 'ref'): void {
    this.feed({ kind: 'qr', qr: qrOf(text, this.wall + 20 * second) })
  }
  /** The phone scans the QR. */
  scan(): void {
    if (this.socketOpen) this.credentials = 'paired'
    this.feed({ kind: 'paired', account })
  }
  login(): void {
    this.feed({ kind: 'opened', account })
  }
  close(close: SocketClose): void {
    this.feed({ kind: 'closed', close })
  }
  effectKinds(): string[] {
    return this.effects.map((effect) => effect.kind)
  }
}

/** A device that was linked by QR and is online. */
export const online = (): World => {
  const world = new World()
  world.start()
  world.qr()
  world.scan()
  world.close({ origin: 'session', code: 515, message: 'Stream Errored (restart required)' })
  world.login()
  return world
}

/** A device that shows its first QR. */
export const pairing = (): World => {
  const world = new World()
  world.start()
  world.qr()
  return world
}
