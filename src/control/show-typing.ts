import { formatJid } from '../domain/jid.ts'
import type { Operation, TypingState } from '../domain/operation.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { submitOperation } from './submit-operation.ts'
import { recipientOf, type Submission } from './submit.ts'

/** Shows in a chat that the owner types or records; forgotten when the device is not connected within seconds. */
export const showTyping = (
  ctx: ControlContext,
  { deviceId, chat, state, ...options }: { deviceId: string; chat: string; state: TypingState } & Submission,
): Promise<Operation> =>
  submitOperation(
    ctx,
    checkDeviceId(deviceId),
    { kind: 'typing', chat: formatJid(recipientOf(chat)), state },
    options,
  )
