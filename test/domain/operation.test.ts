import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/domain/errors.ts'
import {
  afterLoss,
  afterOperation,
  checkOpenOperations,
  isExpired,
  openOperationsMax,
  operationDueAheadMaxMs,
  type OperationInput,
  type OperationKind,
  type OperationOutcome,
  operationRules,
  subjectOf,
} from '../../src/domain/operation.ts'
import { day, hour, minute, noLuck, second, t0 } from './fixtures.ts'

const inputs: Readonly<Record<OperationKind, OperationInput>> = {
  star: { kind: 'star', messageId: 'm1', starred: true },
  delete_for_me: { kind: 'delete_for_me', messageId: 'm1' },
  mark_read: { kind: 'mark_read', messageIds: ['m1'], played: false },
  typing: { kind: 'typing', chat: '1@s.whatsapp.net', state: 'composing' },
  group_create: { kind: 'group_create', subject: 's', participants: ['1@s.whatsapp.net'] },
  group_leave: { kind: 'group_leave', group: '1@g.us' },
  group_info: { kind: 'group_info', group: '1@g.us' },
  group_list: { kind: 'group_list' },
  numbers_check: { kind: 'numbers_check', numbers: ['4915123456789'] },
}
const kinds = Object.keys(inputs) as OperationKind[]
const operation = (kind: OperationKind, attempts = 1, ageMs = second) => ({
  input: inputs[kind],
  attempts,
  createdAt: t0 - ageMs,
})
const after = (kind: OperationKind, outcome: OperationOutcome, attempts = 1, ageMs = second) =>
  afterOperation(outcome, operation(kind, attempts, ageMs), t0, noLuck)

const notDone: OperationOutcome = { kind: 'not_done', detail: 'closed' }
const unknown: OperationOutcome = { kind: 'unknown', detail: 'no answer' }

describe('after an attempt', () => {
  it.each(kinds)('%s that is done is done, however often it was tried', (kind) => {
    expect(after(kind, { kind: 'done', result: null }, 99, 2 * day)).toEqual({ state: 'done', result: null })
  })

  it.each(kinds)('%s that was refused has failed, and is not tried again', (kind) => {
    expect(after(kind, { kind: 'refused', code: 'refused_403', detail: 'no' })).toEqual({
      state: 'failed',
      error: { code: 'refused_403', detail: 'no' },
    })
  })

  it.each(kinds.filter((kind) => kind !== 'typing'))('%s that was not begun is tried again later', (kind) => {
    const next = after(kind, notDone)
    expect(next).toMatchObject({ state: 'queued', error: { code: 'not_done' } })
    const wait = next.state === 'queued' ? next.notBefore - t0 : 0
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(operationDueAheadMaxMs)
  })

  it.each<[OperationKind, string]>([
    ['star', 'queued'],
    ['delete_for_me', 'queued'],
    ['mark_read', 'queued'],
    ['group_leave', 'queued'],
    ['group_info', 'queued'],
    ['group_list', 'queued'],
    ['numbers_check', 'queued'],
    ['typing', 'failed'],
    ['group_create', 'unknown'],
  ])('%s whose fate is unknown is %s', (kind, state) => {
    expect(after(kind, unknown)).toMatchObject({ state, error: { code: 'unknown_outcome' } })
  })

  it.each<[OperationKind, number, number]>([
    ['star', 10, second],
    ['star', 1, day],
    ['group_create', 1, hour],
    ['group_info', 3, second],
    ['group_list', 1, 2 * minute],
    ['typing', 1, second],
  ])('%s is given up after %i attempts at the age of %i ms', (kind, attempts, ageMs) => {
    expect(after(kind, notDone, attempts, ageMs)).toMatchObject({
      state: 'failed',
      error: { code: 'not_done', detail: `given up after ${attempts} attempts: closed` },
    })
  })
})

describe('one that an earlier owner left running', () => {
  it.each(kinds)('%s is queued again only when doing it twice is doing it once', (kind) => {
    const { repeatable } = operationRules[kind]
    expect(afterLoss(operation(kind), t0)).toMatchObject(
      repeatable
        ? { state: 'queued', notBefore: t0 }
        : { state: 'unknown', error: { code: 'unknown_outcome' } },
    )
  })

  it('only the making of a group is not repeatable', () => {
    expect(kinds.filter((kind) => !operationRules[kind].repeatable)).toEqual(['group_create'])
  })
})

it.each<[OperationKind, number]>([
  ['star', day],
  ['typing', 10 * second],
  ['group_create', hour],
  ['group_list', 2 * minute],
])('%s is not begun any more after %i ms', (kind, ageMaxMs) => {
  expect(isExpired({ input: inputs[kind], createdAt: t0 - ageMaxMs + 1 }, t0)).toBe(false)
  expect(isExpired({ input: inputs[kind], createdAt: t0 - ageMaxMs }, t0)).toBe(true)
})

it('operations on one message have one subject, those that hurt nobody have none', () => {
  expect(subjectOf(inputs.star)).toBe(subjectOf(inputs.delete_for_me))
  expect(subjectOf(inputs.star)).not.toBe(subjectOf({ ...inputs.star, messageId: 'm2' } as OperationInput))
  expect(subjectOf(inputs.group_leave)).toBe('group/1@g.us')
  expect(subjectOf(inputs.typing)).toBe('typing/1@s.whatsapp.net')
  for (const kind of ['mark_read', 'group_create', 'group_info', 'group_list', 'numbers_check'] as const) {
    expect(subjectOf(inputs[kind])).toBeNull()
  }
})

it('a device may have so many open operations and no more', () => {
  expect(() => checkOpenOperations(openOperationsMax - 1, 'd')).not.toThrow()
  expect(() => checkOpenOperations(openOperationsMax, 'd')).toThrow(GatewayError)
})
