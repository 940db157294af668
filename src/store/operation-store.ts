import type { Origin } from '../domain/audit.ts'
import type { Device } from '../domain/device.ts'
import type { Lease } from '../domain/lease.ts'
import type { AfterOperation, Operation, OperationFailure, OperationInput } from '../domain/operation.ts'

export type EnqueuedOperation =
  | { readonly kind: 'accepted'; readonly operation: Operation }
  /** The idempotency key was used before for the same request. */
  | { readonly kind: 'repeated'; readonly operation: Operation }
  /** The idempotency key was used before for another request. */
  | { readonly kind: 'conflict'; readonly operation: Operation }

export interface OperationStore {
  /**
   * `admit` sees the device as it is in the transaction, and throws to refuse. Rejects with GatewayError `operations_full`,
   * and with StoreError `full` while the last of the disk is kept. An idempotent repeat is refused by none of them.
   */
  enqueue(
    operation: {
      readonly id: string
      readonly deviceId: string
      readonly input: OperationInput
      readonly idempotency?: { readonly key: string; readonly requestHash: string }
    },
    admit: (device: Device | undefined) => void,
    origin: Origin,
    now: number,
  ): Promise<EnqueuedOperation>
  get(id: string): Promise<Operation | undefined>
  /**
   * Claims due operations, the oldest first, at most `limit`, and marks them `running`. One waits while an earlier one with
   * the same `subjectOf` is open. Those that are too old to be begun become `failed` as `expired`.
   */
  claim(
    lease: Lease,
    input: { readonly deviceId: string; readonly limit: number },
    origin: Origin,
    now: number,
  ): Promise<readonly Operation[]>
  /**
   * Writes the outcome of an attempt, and on the messages that it was about what is true of them since. Ignored when the
   * operation is not `running` any more.
   */
  record(lease: Lease, id: string, after: AfterOperation, origin: Origin, now: number): Promise<void>
  /** Those that an earlier epoch left `running` come to what `afterLoss` says. Resolves with how many there were. */
  recover(lease: Lease, deviceId: string, origin: Origin, now: number): Promise<number>
  /** Gives up all that are open: each becomes `failed` with this error. Resolves with how many there were. */
  cancelAll(
    lease: Lease,
    deviceId: string,
    error: OperationFailure,
    origin: Origin,
    now: number,
  ): Promise<number>
  /** When the next queued operation of the device is due, as it was written; null when there is none. */
  nextDue(deviceId: string): Promise<number | null>
  /** Drops what was only asked (`operationRules.reads`) and came to an end before `before`. */
  prune(deviceId: string, before: number): Promise<number>
}
