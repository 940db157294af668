import { expect, test } from 'vitest'
import { NotDoneError, outcomeOfError, RefusedError } from '../../../src/whatsapp/commands/ask.ts'

test.each([
  [new RefusedError(403, 'forbidden'), { kind: 'refused', code: 'refused_403' }],
  [new RefusedError(406, 'not-acceptable'), { kind: 'refused', code: 'refused_406' }],
  [new RefusedError(429, 'rate-overlimit'), { kind: 'not_done' }],
  [new RefusedError(503, 'service-unavailable'), { kind: 'not_done' }],
  [new RefusedError(500, 'internal-server-error'), { kind: 'unknown' }],
  [new NotDoneError('the connection is closed'), { kind: 'not_done', detail: 'the connection is closed' }],
  [new Error('the connection was dropped'), { kind: 'unknown', detail: 'the connection was dropped' }],
])('%s comes to what is known of it', (error, outcome) => {
  expect(outcomeOfError(error)).toMatchObject(outcome)
})
