import { GatewayError } from '../domain/errors.ts'
import { parsePhoneNumber } from '../domain/jid.ts'
import { checkedNumbersMax, type Operation } from '../domain/operation.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { submitOperation } from './submit-operation.ts'
import type { Submission } from './submit.ts'

const digitsOf = (text: string): string => {
  const digits = parsePhoneNumber(text)
  if (digits !== undefined) return digits
  throw new GatewayError(
    'invalid_phone',
    `numbers: ${JSON.stringify(text.slice(0, 40))} is no full international number of 7 to 15 digits`,
  )
}

/** Asks WhatsApp which phone numbers it knows. */
export const checkNumbers = (
  ctx: ControlContext,
  { deviceId, numbers, ...options }: { deviceId: string; numbers: readonly string[] } & Submission,
): Promise<Operation> => {
  const digits = [...new Set(numbers.map(digitsOf))]
  if (digits.length === 0 || digits.length > checkedNumbersMax) {
    throw new GatewayError('invalid_phone', `numbers must be 1 to ${checkedNumbersMax} phone numbers`)
  }
  return submitOperation(ctx, checkDeviceId(deviceId), { kind: 'numbers_check', numbers: digits }, options)
}
