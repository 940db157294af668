import { GatewayError } from '../domain/errors.ts'
import type { Operation, OperationInput } from '../domain/operation.ts'
import { newId } from '../runtime/ids.ts'
import type { ControlContext } from './context.ts'
import { checkIdempotencyKey, requestHash } from './idempotency.ts'
import { linkedAccount } from './linked-account.ts'
import type { Submission } from './submit.ts'

const isOpen = ({ state }: Operation): boolean => state === 'queued' || state === 'running'

/**
 * Accepts something for a device to do, and waits `sendWaitMs` for its end. An idempotency key that was used before for the
 * same request gives the operation of then; for another one it is refused.
 */
export const submitOperation = async (
  { store, clock, origin, waits, watcher }: ControlContext,
  deviceId: string,
  input: OperationInput,
  { idempotencyKey, respondAsync }: Submission,
): Promise<Operation> => {
  const idempotency =
    idempotencyKey === undefined
      ? undefined
      : {
          key: checkIdempotencyKey(idempotencyKey),
          requestHash: requestHash([deviceId, JSON.stringify(input)]),
        }
  const now = clock.now()
  const { kind, operation } = await store.operations.enqueue(
    {
      id: newId('op', now),
      deviceId,
      input,
      ...(idempotency === undefined ? {} : { idempotency }),
    },
    (device) => void linkedAccount(device, deviceId),
    origin,
    now,
  )
  if (kind === 'conflict') {
    throw new GatewayError(
      'idempotency_conflict',
      'this Idempotency-Key was used before for another request; a new request needs a new key',
    )
  }
  if (respondAsync || !isOpen(operation)) return operation
  const settled = async (): Promise<Operation | undefined> => {
    const found = await store.operations.get(operation.id)
    return found === undefined || isOpen(found) ? undefined : found
  }
  const { id } = operation
  return (
    (await watcher.until(`operation/${id}`, settled, waits.sendWaitMs)) ??
    (await store.operations.get(id)) ??
    operation
  )
}
