import { formatJid } from '../domain/jid.ts'
import { checkText } from './check-text.ts'
import { previewOf } from './complete-body.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { dryRun, type WouldBe } from './dry-run.ts'
import { saidBy } from './send-body.ts'
import { recipientOf, type SendOutcome, type Submission, submit } from './submit.ts'

export interface SendMessageInput extends Submission {
  readonly deviceId: string
  /** A JID, or a phone number as people write it. */
  readonly to: string
  readonly text: string
}

/** Sends a text, with the preview of its first link where there is one. */
export const sendMessage = async (ctx: ControlContext, input: SendMessageInput): Promise<SendOutcome> => {
  const deviceId = checkDeviceId(input.deviceId)
  const jid = recipientOf(input.to)
  const text = checkText('message', input.text)
  const linkPreview = await previewOf(ctx, deviceId, text)
  const body = { type: 'text', text, ...(linkPreview === undefined ? {} : { linkPreview }) } as const
  return submit(ctx, deviceId, jid, saidBy(ctx, body, null), ['text', deviceId, formatJid(jid), text], input)
}

/** What `sendMessage` would do. No preview is fetched for it. */
export const tryMessage = async (
  ctx: ControlContext,
  { deviceId, to, text }: Pick<SendMessageInput, 'deviceId' | 'to' | 'text'>,
): Promise<WouldBe> => {
  const body = { type: 'text', text: checkText('message', text) } as const
  return dryRun(ctx, checkDeviceId(deviceId), recipientOf(to), saidBy(ctx, body, null))
}
