import { formatJid } from '../domain/jid.ts'
import { checkText } from './check-text.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { recipientOf, type SendOutcome, type Submission, submit } from './submit.ts'

export interface SendMessageInput extends Submission {
  readonly deviceId: string
  /** A JID, or a phone number as people write it. */
  readonly to: string
  readonly text: string
}

/** Sends a plain text. */
export const sendMessage = async (ctx: ControlContext, input: SendMessageInput): Promise<SendOutcome> => {
  const deviceId = checkDeviceId(input.deviceId)
  const jid = recipientOf(input.to)
  const text = checkText('message', input.text)
  const said = { type: 'text', text, content: ctx.encodeText(text) } as const
  return submit(ctx, deviceId, jid, said, ['text', deviceId, formatJid(jid), text], input)
}
