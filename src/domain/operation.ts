import { backoffMs, type Random } from './backoff.ts'
import { GatewayError } from './errors.ts'
import type { GroupInfo, GroupSummary, InvitedMember } from './group.ts'

export type TypingState = 'composing' | 'recording' | 'paused'

/** What a device is asked to do beside sending messages. Messages are named by their ids here, people by JIDs. */
export type OperationInput =
  | { readonly kind: 'star'; readonly messageId: string; readonly starred: boolean }
  | { readonly kind: 'delete_for_me'; readonly messageId: string }
  /** `played` says of what plays, or opens once, that it was. */
  | { readonly kind: 'mark_read'; readonly messageIds: readonly string[]; readonly played: boolean }
  | { readonly kind: 'typing'; readonly chat: string; readonly state: TypingState }
  | { readonly kind: 'group_create'; readonly subject: string; readonly participants: readonly string[] }
  | { readonly kind: 'group_leave'; readonly group: string }
  | { readonly kind: 'group_info'; readonly group: string }
  | { readonly kind: 'group_list' }
  /** Digits. */
  | { readonly kind: 'numbers_check'; readonly numbers: readonly string[] }

export type OperationKind = OperationInput['kind']

/** So many phone numbers are asked for at once. */
export const checkedNumbersMax = 100

export interface CheckedNumber {
  /** Digits, as they were asked for. */
  readonly number: string
  /** How WhatsApp writes it; null when it is not there. */
  readonly jid: string | null
}

/** What an operation has come to, by its kind. */
export interface OperationResults {
  readonly star: null
  readonly delete_for_me: null
  readonly mark_read: null
  readonly typing: null
  readonly group_create: { readonly group: GroupInfo; readonly invited: readonly InvitedMember[] }
  readonly group_leave: null
  readonly group_info: { readonly group: GroupInfo }
  readonly group_list: { readonly groups: readonly GroupSummary[] }
  readonly numbers_check: { readonly numbers: readonly CheckedNumber[] }
}

export type OperationResult = OperationResults[OperationKind]

/** `unknown`: it was begun, and nobody can say whether WhatsApp has done it. */
export type OperationState = 'queued' | 'running' | 'done' | 'failed' | 'unknown'
export const operationStates: readonly OperationState[] = ['queued', 'running', 'done', 'failed', 'unknown']

export interface OperationFailure {
  /** A word for programs, such as `refused_403` or `expired`. */
  readonly code: string
  readonly detail: string
}

export interface Operation {
  /** `op_…` */
  readonly id: string
  readonly deviceId: string
  readonly input: OperationInput
  readonly state: OperationState
  readonly result: OperationResult
  readonly error: OperationFailure | null
  readonly attempts: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** What one attempt came to. */
export type OperationOutcome =
  | { readonly kind: 'done'; readonly result: OperationResult }
  /** WhatsApp has refused it, or it can never be done. */
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }
  /** Nothing was done. */
  | { readonly kind: 'not_done'; readonly detail: string }
  /** WhatsApp may have done it. */
  | { readonly kind: 'unknown'; readonly detail: string }

export type AfterOperation =
  | { readonly state: 'done'; readonly result: OperationResult }
  | { readonly state: 'queued'; readonly notBefore: number; readonly error: OperationFailure }
  | { readonly state: 'failed' | 'unknown'; readonly error: OperationFailure }

interface Rules {
  /** Doing it twice is doing it once. */
  readonly repeatable: boolean
  /** It is not begun any more when it is so old. */
  readonly ageMaxMs: number
  readonly attemptsMax: number
  /** Nothing changes by it, so that it need not be remembered. */
  readonly reads: boolean
}

const secondMs = 1_000
const minuteMs = 60 * secondMs
const dayMs = 24 * 60 * minuteMs

const command: Rules = { repeatable: true, ageMaxMs: dayMs, attemptsMax: 10, reads: false }
/** Somebody waits for the answer, and asks again when it is late. */
const question: Rules = { repeatable: true, ageMaxMs: 2 * minuteMs, attemptsMax: 3, reads: true }

/** What holds for each kind. */
export const operationRules: Readonly<Record<OperationKind, Rules>> = {
  star: command,
  delete_for_me: command,
  mark_read: command,
  // What is typed now is of no interest later.
  typing: { repeatable: true, ageMaxMs: 10 * secondMs, attemptsMax: 1, reads: true },
  group_create: { ...command, repeatable: false, ageMaxMs: 60 * minuteMs },
  group_leave: command,
  group_info: question,
  group_list: question,
  numbers_check: question,
}

/** So many operations of a device may be open at once. */
export const openOperationsMax = 1_000
/** What was only asked is kept so long; what was done, for good. */
export const answersKeptMs = 60 * minuteMs
/** WhatsApp answers within this time, or its answer counts as lost. */
export const operationTimeoutMs = 30 * secondMs

const retryBaseMs = 1_000
const retryMaxMs = 60_000
/** Nothing waits longer: a time that lies further ahead was set before the wall clock was put back, and has come. */
export const operationDueAheadMaxMs = retryMaxMs

/** Operations on the same thing are done in the order in which they were accepted; others need not wait for each other. */
export const subjectOf = (input: OperationInput): string | null => {
  switch (input.kind) {
    case 'star':
    case 'delete_for_me':
      return `message/${input.messageId}`
    case 'typing':
      return `typing/${input.chat}`
    case 'group_leave':
      return `group/${input.group}`
    case 'mark_read':
    case 'group_create':
    case 'group_info':
    case 'group_list':
    case 'numbers_check':
      return null
  }
}

export const isExpired = (
  { input, createdAt }: Pick<Operation, 'input' | 'createdAt'>,
  now: number,
): boolean => now - createdAt >= operationRules[input.kind].ageMaxMs

/** The end of one that nobody could begin in time. */
export const expiredError: OperationFailure = {
  code: 'expired',
  detail: 'the device was not connected in time, and nothing was done',
}

/** Decides after an attempt; `attempts` counts this one. */
export const afterOperation = (
  outcome: OperationOutcome,
  { input, attempts, createdAt }: Pick<Operation, 'input' | 'attempts' | 'createdAt'>,
  now: number,
  random: Random,
): AfterOperation => {
  const { repeatable, attemptsMax } = operationRules[input.kind]
  const again = (code: string, detail: string): AfterOperation =>
    attempts >= attemptsMax || isExpired({ input, createdAt }, now)
      ? { state: 'failed', error: { code, detail: `given up after ${attempts} attempts: ${detail}` } }
      : {
          state: 'queued',
          notBefore: now + backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs }, random),
          error: { code, detail },
        }
  switch (outcome.kind) {
    case 'done':
      return { state: 'done', result: outcome.result }
    case 'refused':
      return { state: 'failed', error: { code: outcome.code, detail: outcome.detail } }
    case 'not_done':
      return again('not_done', outcome.detail)
    case 'unknown':
      return repeatable
        ? again('unknown_outcome', outcome.detail)
        : {
            state: 'unknown',
            error: {
              code: 'unknown_outcome',
              detail: `nobody can say whether WhatsApp has done it: ${outcome.detail}`,
            },
          }
  }
}

/** What becomes of one that an earlier owner left running: its fate is unknown. */
export const afterLoss = (
  operation: Pick<Operation, 'input' | 'attempts' | 'createdAt'>,
  now: number,
): AfterOperation => {
  const detail = 'the connector ended while it was under way'
  return operationRules[operation.input.kind].repeatable
    ? { state: 'queued', notBefore: now, error: { code: 'unknown_outcome', detail } }
    : afterOperation({ kind: 'unknown', detail }, operation, now, () => 0)
}

/** Throws `operations_full`. */
export const checkOpenOperations = (open: number, deviceId: string): void => {
  if (open < openOperationsMax) return
  throw new GatewayError(
    'operations_full',
    `${open} operations of device ${deviceId} wait already; ask again when it has done some of them`,
  )
}
