import { GatewayError } from '../domain/errors.ts'
import { StoreError } from '../store/store.ts'

/** What a caller may be told of a failure of the store; undefined for a failure that is none of the caller's business. */
export const storeFailure = (error: unknown): GatewayError | undefined => {
  if (!(error instanceof StoreError)) return undefined
  switch (error.kind) {
    case 'busy':
      return new GatewayError('store_busy', 'the database is busy; try again', { cause: error })
    case 'closed':
      return new GatewayError('store_busy', 'the gateway is stopping; try again', { cause: error })
    case 'full':
      return new GatewayError(
        'store_full',
        'the disk or the database is full, or so full that only DISK_RESERVE_MB are left for what is under way; nothing was stored',
        { cause: error },
      )
    case 'read_only':
      return new GatewayError('store_read_only', 'the database cannot be written; nothing was stored', {
        cause: error,
      })
    case 'io':
      return new GatewayError(
        'store_io_error',
        'the disk of the database fails, or its file system has become read-only; the request was not accepted',
        { cause: error },
      )
    case 'failed':
      return undefined
  }
}
