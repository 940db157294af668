import type { Actor, NewAuditEntry, Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import { type Connection, type Effect, type Input, type Limits, newConnection } from '../domain/connection.ts'
import { type Device, observe, type Observation } from '../domain/device.ts'
import { unreachable } from '../domain/errors.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import type { Step } from '../domain/step.ts'
import type { Clock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../store/store.ts'
import {
  CorruptCredentialsError,
  type SocketListener,
  type WhatsApp,
  type WhatsAppSocket,
} from '../whatsapp/socket.ts'
import { type Inbox, startInbox } from './inbox.ts'
import { narrate } from './narrate.ts'
import { type OutboxSender, startOutboxSender } from './outbox-sender.ts'

export interface RunnerDeps {
  readonly store: Store
  readonly whatsapp: WhatsApp
  readonly clock: Clock
  readonly random: Random
  readonly step: Step
  readonly limits: Limits
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
  leaseLost(): void
  /** Ends the socket without logging out; resolves when the last word is written. */
  shutdown(): Promise<void>
  /** True when it will do nothing more: the generation is settled, or the lease is gone. */
  readonly over: boolean
}

/** Every frame is a sign of life; more than one a second says nothing new to the state machine. */
const frameEveryMs = 1_000

/** Rows are told apart by the time of their change, unless they have just changed. */
const rowSettlesMs = 1_000

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * The shell around one device's state machine: takes inputs one at a time, carries out the effects in order, and feeds
 * back what comes of them. It decides nothing.
 */
export const startDeviceRunner = (device: Device, lease: Lease, deps: RunnerDeps): DeviceRunner => {
  const { store, whatsapp, clock, random, step, limits, actor, renderQr, isHeld, log } = deps
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
  let socket: WhatsAppSocket | undefined
  /** Tells a socket's events from those of its predecessors. */
  let attempt = 0
  let outbox: OutboxSender | undefined
  let stopping: Promise<void> = Promise.resolve()
  let lastFrameAt = 0
  let inbox: Inbox | undefined
  let lost = false
  /** The account that the open socket is logged in as. */
  let ownAddress = ''
  /** What the store has refused to take; it goes with the next observation. */
  let debt: Observation | undefined

  const queue: { readonly input: Input; readonly attempt: number | null }[] = []
  let draining: Promise<void> | undefined

  /** `of` is the attempt that an input belongs to: it counts for nothing once there is another socket. */
  const dispatch = (input: Input, of: number | null = null): void => {
    queue.push({ input, attempt: of })
    draining ??= drain().finally(() => {
      draining = undefined
    })
  }
  const drain = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { input } = next
      if (next.attempt !== null && next.attempt !== attempt) continue
      // Without the lease nothing may be done, and nothing written, but to end.
      if (lost && input.kind !== 'lease_lost') continue
      if (input.kind === 'tick') await payDebt()
      const before = connection.phase
      const now = { wall: clock.now(), mono: clock.monotonic() }
      const stepped = step(connection, input, deviceId, now)
      connection = stepped.connection
      narrate(log, deviceId, {
        before,
        input,
        after: connection.phase,
        effects: stepped.effects,
        mono: now.mono,
      })
      await carryOut(stepped.effects)
      followPhase()
    }
  }

  const carryOut = async (effects: readonly Effect[]): Promise<void> => {
    for (const effect of effects) {
      try {
        await run(effect)
      } catch (error) {
        dropSocket()
        if (error instanceof StaleLeaseError) {
          lost = true
          dispatch({ kind: 'lease_lost' })
        } else {
          log.error({ device: deviceId, effect: effect.kind, err: error }, 'effect failed')
          dispatch({ kind: 'store_failed' })
        }
        return
      }
    }
  }

  const run = async (effect: Effect): Promise<void> => {
    switch (effect.kind) {
      case 'open_socket':
        return openSocket()
      case 'drop_socket':
        return dropSocket()
      case 'probe':
        return during(socket?.probe(effect.timeoutMs), { failed: () => ({ kind: 'probe_failed' }) })
      case 'unlink':
        return during(socket?.unlink(limits.unlinkTimeoutMs), {
          done: () => ({ kind: 'unlink_done', gone: true, detail: '' }),
          failed: (error) => ({ kind: 'unlink_done', gone: false, detail: messageOf(error) }),
        })
      case 'request_code':
        return during(socket?.requestPairingCode(effect.phone), {
          done: (code) => ({ kind: 'code_made', code }),
          failed: (error) => ({ kind: 'code_refused', error: messageOf(error) }),
        })
      case 'cancel_messages': {
        const error = { code: 'device_removed', detail: 'the device was removed before the message was sent' }
        await store.outbox.cancelAll(lease, deviceId, error, origin(), clock.now())
        return
      }
      case 'wipe_credentials':
        return store.auth.wipe(lease, deviceId, audit('credentials.wipe', null), clock.now())
      case 'quarantine_credentials': {
        const entry = audit('credentials.quarantine', { reason: effect.reason })
        return store.auth.quarantine(lease, deviceId, effect.reason, entry, clock.now())
      }
      case 'observe':
        return record(effect.observation)
      default:
        return unreachable(effect)
    }
  }

  const record = async (observation: Observation): Promise<void> => {
    const { generation } = connection.facts
    const events = [...(debt?.events ?? []), ...(observation.events ?? [])]
    const whole: Observation = { ...debt, ...observation, events }
    debt = whole
    await store.devices.observe(lease, deviceId, (before) =>
      observe(before, generation, whole, origin(), clock.now()),
    )
    debt = undefined
  }

  /** What could not be written must be, or the row would go on saying what is not true. */
  const payDebt = async (): Promise<void> => {
    if (debt !== undefined) await carryOut([{ kind: 'observe', observation: {} }])
  }

  /** Runs an operation of the socket beside the queue; its end is an input, unless the socket is another by then. */
  const during = <T>(
    operation: Promise<T> | undefined,
    { done, failed }: { done?: (value: T) => Input; failed: (error: unknown) => Input },
  ): void => {
    if (operation === undefined) return
    const own = attempt
    const follow = async (): Promise<void> => {
      let input: Input | undefined
      try {
        // Not in the call below: an absent `done` would leave the operation without anybody who waits for it.
        const value = await operation
        input = done?.(value)
      } catch (error) {
        input = failed(error)
      }
      if (input !== undefined) dispatch(input, own)
    }
    void follow()
  }

  const openSocket = async (): Promise<void> => {
    await stopping
    const own = ++attempt
    const tell = (input: Input): void => dispatch(input, own)
    try {
      const opened = await whatsapp.open({ deviceId, lease, listener: listenerFor(own, tell) })
      if (own === attempt) socket = opened
      else opened.drop()
    } catch (error) {
      if (error instanceof CorruptCredentialsError)
        tell({ kind: 'credentials_corrupt', detail: error.message })
      else tell({ kind: 'closed', close: { origin: 'transport', code: null, message: messageOf(error) } })
    }
  }

  const listenerFor = (own: number, tell: (input: Input) => void): SocketListener => ({
    onQr: (text, ttlMs) => {
      const expiresAt = clock.now() + ttlMs
      renderQr(text).then(
        (dataUrl) => tell({ kind: 'qr', qr: { text, dataUrl, expiresAt } }),
        (error: unknown) => log.error({ device: deviceId, err: error }, 'qr was not drawn'),
      )
    },
    onPaired: (account) => tell({ kind: 'paired', account }),
    onOpened: (account) => {
      ownAddress = account.pn
      tell({ kind: 'opened', account })
    },
    onFrame: () => {
      const { phase } = connection
      const now = clock.monotonic()
      if (phase.kind === 'open' && (phase.probing || now - lastFrameAt >= frameEveryMs)) {
        lastFrameAt = now
        tell({ kind: 'frame' })
      }
    },
    onRestricted: (until) => tell({ kind: 'restricted', until }),
    onPasskeyRequired: () => tell({ kind: 'passkey_required' }),
    onJournaled: () => inbox?.poke(),
    onUndecryptable: async (stanzaKey, promotion) => {
      // Its own key: what of the stanza is journaled stays open for the parts that a retry will bring.
      const input = { deviceId, stanzaKey: `undecryptable ${stanzaKey}`, promotion }
      await store.inbound.promote(lease, input, origin(), clock.now())
    },
    onReceipt: async (receipt) => {
      await store.messages.recordReceipt(lease, { deviceId, ...receipt }, origin(), clock.now())
    },
    onDeaf: () => tell({ kind: 'deaf' }),
    onStoreFailed: (error) => {
      if (own !== attempt) return
      lost = error instanceof StaleLeaseError
      dispatch({ kind: lost ? 'lease_lost' : 'store_failed' })
    },
    onClosed: (close) => tell({ kind: 'closed', close }),
  })

  const dropSocket = (): void => {
    attempt += 1
    socket?.drop()
    socket = undefined
    stopOutbox()
  }

  const stopOutbox = (): void => {
    const sender = outbox
    outbox = undefined
    if (sender !== undefined) stopping = Promise.all([stopping, sender.stop()]).then(() => undefined)
  }

  /** Messages are sent while the connection is open, and only then. */
  const followPhase = (): void => {
    const open = connection.phase.kind === 'open' && socket !== undefined
    if (!open) return stopOutbox()
    if (outbox === undefined && socket !== undefined) {
      outbox = startOutboxSender({
        outbox: store.outbox,
        deviceId,
        lease,
        isHeld: () => isHeld(lease),
        socket,
        ownAddress,
        clock,
        random,
        origin,
        log,
      })
    }
  }

  /** What an earlier owner left: messages half sent, messages decrypted and not stored yet. */
  const takeOver = async (): Promise<void> => {
    const recovered = await store.outbox.recover(lease, deviceId, origin(), clock.now())
    if (recovered > 0) log.info({ device: deviceId, messages: recovered }, 'unfinished messages queued again')
    inbox = startInbox({ inbound: store.inbound, whatsapp, deviceId, lease, clock, origin, log })
  }
  const giveRow = async (row: Device): Promise<void> => {
    let paired = connection.facts.paired
    if (row.generation !== connection.facts.generation || connection.phase.kind === 'idle') {
      try {
        paired = await whatsapp.isPaired(deviceId)
      } catch (error) {
        if (!(error instanceof CorruptCredentialsError)) throw error
        paired = row.account !== null
      }
    }
    dispatch({ kind: 'row', device: row, paired })
  }
  const failed = (error: unknown): void => {
    log.error({ device: deviceId, err: error }, 'device was not taken over')
    lost = true
    dispatch({ kind: 'lease_lost' })
  }
  let rows: Promise<void> = takeOver()
  let seen = { updatedAt: -1, generation: -1 }
  const next = (row: Device): void => {
    // A second change in the ms of the first would look the same: a row that is new is given again.
    const settledRow = clock.now() - row.updatedAt > rowSettlesMs
    if (settledRow && row.updatedAt === seen.updatedAt && row.generation === seen.generation) return
    seen = row
    rows = rows.then(() => giveRow(row)).catch(failed)
  }
  next(device)

  return {
    deviceId,
    lease,
    row: next,
    tick: () => dispatch({ kind: 'tick' }),
    pokeOutbox: () => outbox?.poke(),
    leaseLost() {
      lost = true
      dropSocket()
      dispatch({ kind: 'lease_lost' })
    },
    async shutdown() {
      await rows
      stopOutbox()
      if (!lost) dispatch({ kind: 'shutdown' })
      await draining
      await Promise.all([stopping, inbox?.stop()])
    },
    get over() {
      return draining === undefined && (lost || connection.phase.kind === 'settled')
    },
  }
}
