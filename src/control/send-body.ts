import { bodyText, type GivenBody, type MessageBody } from '../domain/body.ts'
import { formatJid, type Jid } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import type { Plan } from '../domain/plan.ts'
import { checkBody } from './check-body.ts'
import { completeBody } from './complete-body.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { dryRun, type WouldBe } from './dry-run.ts'
import { linkedAccount } from './linked-account.ts'
import { planFrom, type PlanInput, planRequest } from './plan-input.ts'
import { type Said, type SendOutcome, type Submission, submit } from './submit.ts'

export interface SendBodyInput extends Omit<Submission, 'plan'> {
  readonly deviceId: string
  /** A JID, or a phone number as people write it. Of an act it may be left out. */
  readonly to?: string
  readonly body: GivenBody
  readonly plan?: PlanInput
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

/** A body as far as it can be known before its file and its preview are fetched. */
export const asGiven = (body: GivenBody): MessageBody => {
  if (!('linkPreview' in body) || typeof body.linkPreview !== 'boolean') return body as MessageBody
  const { linkPreview: _, ...rest } = body
  return rest
}

const plannedOf = (ctx: ControlContext, given: PlanInput | undefined, body: GivenBody): Plan | undefined =>
  planRequest(given).length === 0 ? undefined : planFrom(given ?? {}, asGiven(body), ctx.clock.now())

/** Sends a message of any kind, or does something to one. */
export const sendBody = async (ctx: ControlContext, input: SendBodyInput): Promise<SendOutcome> => {
  const deviceId = checkDeviceId(input.deviceId)
  const { to, body: given, target } = await checkBody(ctx, deviceId, input.to, input.body)
  const { plan: timing, ...submission } = input
  const plan = plannedOf(ctx, timing, given)
  if ('media' in given) await checkCanSend(ctx, deviceId)
  const { body, request } = await completeBody(ctx, deviceId, given)
  const same = [...sameRequest(deviceId, to, request), ...planRequest(timing)]
  return submit(ctx, deviceId, to, saidBy(ctx, body, target), same, { ...submission, plan })
}

/** What `sendBody` would do. Files and previews are not fetched for it. */
export const tryBody = async (ctx: ControlContext, input: SendBodyInput): Promise<WouldBe> => {
  const deviceId = checkDeviceId(input.deviceId)
  const { to, body, target } = await checkBody(ctx, deviceId, input.to, input.body)
  return dryRun(ctx, deviceId, to, saidBy(ctx, asGiven(body), target), plannedOf(ctx, input.plan, body))
}
