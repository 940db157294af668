/** `done`: the last of its messages is in the outbox. */
export type BulkState = 'running' | 'paused' | 'cancelled' | 'done'
export const bulkStates: readonly BulkState[] = ['running', 'paused', 'cancelled', 'done']

/** Where a recipient of a bulk is. Once it is `fed`, its message tells how it goes on. */
export type RecipientState = 'waiting' | 'fed' | 'invalid' | 'duplicate' | 'cancelled'
export const recipientStates: readonly RecipientState[] = [
  'waiting',
  'fed',
  'invalid',
  'duplicate',
  'cancelled',
]
