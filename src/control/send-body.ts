import { bodyText, type GivenBody, type MessageBody } from '../domain/body.ts'
import { formatJid, type Jid } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import { checkBody } from './check-body.ts'
import { completeBody } from './complete-body.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { linkedAccount } from './linked-account.ts'
import { type Said, type SendOutcome, type Submission, submit } from './submit.ts'

export interface SendBodyInput extends Submission {
  readonly deviceId: string
  /** A JID, or a phone number as people write it. Of an act it may be left out. */
  readonly to?: string
  readonly body: GivenBody
}

/** A text that only says its text needs no body, and no connector to make its bytes. */
const isPlainText = (body: MessageBody): boolean => body.type === 'text' && Object.keys(body).length === 2

/** What a body comes to in the store. */
export const saidBy = (
  { encodeText }: Pick<ControlContext, 'encodeText'>,
  body: MessageBody,
  target: Message | null,
): Said => {
  const text = bodyText(body)
  return isPlainText(body) && text !== null
    ? { type: 'text', text, content: encodeText(text) }
    : { type: body.type, text, body, targetId: target?.id ?? null, content: null }
}

/** Refuses a device that cannot send, before anything is done that takes long. */
export const checkCanSend = async ({ store }: ControlContext, deviceId: string): Promise<void> => {
  linkedAccount((await store.devices.get(deviceId))?.device, deviceId)
}

/** What two requests must have in common to be the same. */
export const sameRequest = (deviceId: string, to: Jid, body: string): readonly string[] => [
  'message',
  deviceId,
  formatJid(to),
  body,
]

/** Sends a message of any kind, or does something to one. */
export const sendBody = async (ctx: ControlContext, input: SendBodyInput): Promise<SendOutcome> => {
  const deviceId = checkDeviceId(input.deviceId)
  const { to, body: given, target } = await checkBody(ctx, deviceId, input.to, input.body)
  if ('media' in given) await checkCanSend(ctx, deviceId)
  const { body, request } = await completeBody(ctx, deviceId, given)
  return submit(ctx, deviceId, to, saidBy(ctx, body, target), sameRequest(deviceId, to, request), input)
}
