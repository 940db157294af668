import type { Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import {
  afterOperation,
  answersKeptMs,
  type Operation,
  operationDueAheadMaxMs,
  type OperationOutcome,
} from '../domain/operation.ts'
import type { Clock } from '../runtime/clock.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { Store } from '../store/store.ts'
import type { WhatsAppSocket } from '../whatsapp/socket.ts'
import { type CommandOf, createCommandOf } from './command-of.ts'

export interface OperationsOptions {
  readonly store: Pick<Store, 'operations' | 'messages'>
  readonly deviceId: string
  readonly lease: Lease
  readonly isHeld: () => boolean
  readonly socket: Pick<WhatsAppSocket, 'carryOut'>
  readonly clock: Clock
  readonly random: Random
  readonly origin: () => Origin
  /** The lease is gone, or an outcome is: then only a new term can put the operation right (`recover`). */
  readonly onLost: () => void
  readonly log: Log
}

export interface Operations {
  poke(): void
  /** Claims nothing more; resolves when the outcomes of what is under way are written. */
  stop(): Promise<void>
}

/** WhatsApp takes it amiss when many questions are asked at once. */
const inFlightMax = 4
const pollMs = 5_000
const recordRetryMs = 1_000
const pruneEveryMs = 10 * 60 * 1000

/** Whoever has left a group by an attempt whose answer was lost is told at the next that it is not in the group. */
const isLeft = ({ input, attempts }: Operation, outcome: OperationOutcome): boolean =>
  input.kind === 'group_leave' &&
  attempts > 1 &&
  outcome.kind === 'refused' &&
  (outcome.code === 'refused_403' || outcome.code === 'refused_404')

/** Does what is due over one open socket: claim, carry out, record. */
export const startOperations = (options: OperationsOptions): Operations => {
  const { store, deviceId, lease, isHeld, socket, clock, random, origin, onLost, log } = options
  const { operations } = store
  const ending = new AbortController()
  const inFlight = new Set<Promise<void>>()
  const commandOf: CommandOf = createCommandOf(store)
  let prunedAt = Number.NEGATIVE_INFINITY

  const tryToDo = async (operation: Operation): Promise<OperationOutcome> => {
    if (!isHeld()) return { kind: 'not_done', detail: 'the lease was lost' }
    const command = await commandOf(operation.input)
    if (command === undefined) {
      return { kind: 'refused', code: 'message_gone', detail: 'the message is not there any more' }
    }
    const outcome = await socket.carryOut(command)
    return isLeft(operation, outcome) ? { kind: 'done', result: null } : outcome
  }

  const attempt = async (operation: Operation): Promise<void> => {
    const { id } = operation
    const outcome = await tryToDo(operation)
    const now = clock.now()
    const after = afterOperation(outcome, operation, now, random)
    log.debug(
      { device: deviceId, operation: id, kind: operation.input.kind, state: after.state },
      'operation ended',
    )
    for (;;) {
      const last = ending.signal.aborted
      try {
        return await operations.record(lease, id, after, origin(), now)
      } catch (error) {
        if (error instanceof StaleLeaseError) return onLost()
        log.error({ device: deviceId, operation: id, err: error }, 'outcome was not recorded')
        if (last) return onLost()
      }
      await sleep(recordRetryMs, ending.signal)
    }
  }

  const loop = startLoop({
    pollMs,
    async tick() {
      if (clock.monotonic() - prunedAt > pruneEveryMs) {
        prunedAt = clock.monotonic()
        await operations.prune(deviceId, clock.now() - answersKeptMs)
      }
      const now = clock.now()
      const limit = inFlightMax - inFlight.size
      if (limit <= 0 || !isHeld()) return undefined
      const due = await operations.nextDue(deviceId)
      if (due === null) return undefined
      if (due > now && due <= now + operationDueAheadMaxMs) return due - now
      const claimed = await operations.claim(lease, { deviceId, limit }, origin(), now)
      for (const operation of claimed) {
        const run = attempt(operation)
          .catch((error: unknown) => {
            log.error({ device: deviceId, operation: operation.id, err: error }, 'operation failed')
            onLost()
          })
          .finally(() => {
            inFlight.delete(run)
            loop.poke()
          })
        inFlight.add(run)
      }
      return undefined
    },
    onError(error) {
      if (error instanceof StaleLeaseError) onLost()
      else log.error({ device: deviceId, err: error }, 'operations tick failed')
    },
  })

  return {
    poke: () => loop.poke(),
    async stop() {
      ending.abort()
      await loop.stop()
      await Promise.all(inFlight)
    },
  }
}
