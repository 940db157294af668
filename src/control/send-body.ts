import { bodyText, type MessageBody } from '../domain/body.ts'
import { formatJid } from '../domain/jid.ts'
import { checkBody } from './check-body.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { type Said, type SendOutcome, type Submission, submit } from './submit.ts'

export interface SendBodyInput extends Submission {
  readonly deviceId: string
  /** A JID, or a phone number as people write it. Of an act it may be left out. */
  readonly to?: string
  readonly body: MessageBody
}

/** A text that only says its text needs no body, and no connector to make its bytes. */
const isPlainText = (body: MessageBody): boolean => body.type === 'text' && Object.keys(body).length === 2

/** Sends a message of any kind, or does something to one. */
export const sendBody = async (ctx: ControlContext, input: SendBodyInput): Promise<SendOutcome> => {
  const deviceId = checkDeviceId(input.deviceId)
  const { to, body, target } = await checkBody(ctx, deviceId, input.to, input.body)
  const text = bodyText(body)
  const said: Said =
    isPlainText(body) && text !== null
      ? { type: 'text', text, content: ctx.encodeText(text) }
      : { type: body.type, text, body, targetId: target?.id ?? null, content: null }
  return submit(ctx, deviceId, to, said, ['message', deviceId, formatJid(to), JSON.stringify(body)], input)
}
