/** What is on its way to a person: given up before anything of theirs is erased. */
import { assert, GatewayError } from '../../domain/errors.ts'
import { cancelledError } from '../../domain/outbox.ts'
import {
  createMask,
  createPass,
  type EraseContext,
  erased,
  type Fate,
  left,
  type Pass,
} from './erase-pass.ts'
import type { Cancel } from './outbox-cancel.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import type { Db } from './statements.ts'

interface OutboxMatch {
  readonly message_id: string
  readonly chat: string
  readonly state: string
  readonly idempotency_key: string | null
}

export const createEraseOutbox = (
  db: Db,
  { queue, cancel }: { queue: OutboxQueue; cancel: Cancel },
): Pass => {
  const mask = createMask(db, 'outbox', ['error_detail'])
  const dropKey = db.$client.prepare<[number]>(
    'update outbox set idempotency_key = null, request_hash = null where rowid = +?',
  )
  return createPass<OutboxMatch>(db, {
    table: 'outbox',
    texts: ['chat', 'error_detail', 'idempotency_key'],
    more: ['message_id', 'state'],
    erase(row, context) {
      const { isAddress, isIn } = context.naming
      if (isAddress(row.chat) && row.state === 'sending') {
        throw new GatewayError(
          'message_in_flight',
          `message ${row.message_id} to this person is being sent at this moment: try again when it is over`,
        )
      }
      if (isAddress(row.chat) && row.state === 'queued') {
        const queued = queue.get(row.message_id)
        assert(queued, `the outbox has no message ${row.message_id}`)
        cancel(queued, ({ error }) => cancelledError(error), context.origin, context.now)
        return erased
      }
      const masked = mask(row, context)
      if (!isIn(row.idempotency_key)) return masked
      dropKey.run(row.rowid)
      return erased
    },
  })
}

interface RecipientMatch {
  readonly recipient: string
  readonly chat: string | null
}

export const createEraseRecipients = (db: Db): Pass => {
  const mask = createMask(db, 'bulk_recipients', ['variables', 'error_detail'])
  const empty = db.$client.prepare<[number]>(
    `update bulk_recipients set recipient = 'erased', chat = null, variables = null,
      state = case state when 'waiting' then 'cancelled' else state end,
      error_code = case when state = 'waiting' then 'cancelled' else error_code end,
      error_detail = case when state = 'waiting' then 'the person was erased' when error_code is not null then '' end
    where rowid = +?`,
  )
  return createPass<RecipientMatch>(db, {
    table: 'bulk_recipients',
    texts: ['recipient', 'chat', 'variables', 'error_detail'],
    erase(row, context) {
      if (!context.naming.isAddress(row.chat) && !context.naming.isIn(row.recipient))
        return mask(row, context)
      empty.run(row.rowid)
      return erased
    },
  })
}

interface OperationMatch {
  readonly input: string
  readonly result: string | null
  readonly error_detail: string | null
  readonly idempotency_key: string | null
  readonly state: string
}

/** One that waits is given up: with zeros for the person it would do something else. */
export const createEraseOperations = (db: Db): Pass => {
  const mask = createMask(db, 'operations', ['input', 'result', 'error_detail'])
  const dropKey = db.$client.prepare<[number]>(
    'update operations set idempotency_key = null, request_hash = null where rowid = +?',
  )
  const giveUp = db.$client.prepare<[number, number]>(
    `update operations set state = 'failed', due_at = null, error_code = 'cancelled', error_detail = 'a person in it was erased',
      updated_at = ? where rowid = +?`,
  )
  const isNamed = (row: OperationMatch, { naming }: EraseContext): boolean =>
    [row.input, row.result, row.error_detail, row.idempotency_key].some(naming.isIn)
  return createPass<OperationMatch>(db, {
    table: 'operations',
    texts: ['input', 'result', 'error_detail', 'idempotency_key'],
    more: ['state'],
    erase(row, context): Fate {
      if (!isNamed(row, context)) return { kind: 'untouched' }
      if (row.state === 'running') return left
      mask(row, context)
      if (row.state === 'queued') giveUp.run(context.now, row.rowid)
      if (context.naming.isIn(row.idempotency_key)) dropKey.run(row.rowid)
      return erased
    },
  })
}
