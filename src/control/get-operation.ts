import { GatewayError } from '../domain/errors.ts'
import type { Operation } from '../domain/operation.ts'
import type { ControlContext } from './context.ts'

export const getOperation = async ({ store }: ControlContext, { id }: { id: string }): Promise<Operation> => {
  const operation = await store.operations.get(id)
  if (operation === undefined) {
    throw new GatewayError(
      'operation_not_found',
      'there is no operation of this id; what was only asked is forgotten after an hour',
    )
  }
  return operation
}
