import type { GivenBody } from '../domain/body.ts'
import { fillBody, hasPlaceholderInUrl, type Bulk } from '../domain/bulk.ts'
import { GatewayError } from '../domain/errors.ts'
import type { Plan } from '../domain/plan.ts'
import { newId } from '../runtime/ids.ts'
import type { NewRecipient } from '../store/store.ts'
import { checkRecipients, type GivenRecipient } from './bulk-recipients.ts'
import { checkBodyForMany } from './check-body.ts'
import { completeBody } from './complete-body.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { checkIdempotencyKey, requestHash } from './idempotency.ts'
import { linkedAccount } from './linked-account.ts'
import { planFrom, type PlanInput } from './plan-input.ts'
import { asGiven, checkCanSend } from './send-body.ts'

export interface CreateBulkInput {
  readonly deviceId: string
  readonly name: string | null
  readonly body: GivenBody
  readonly recipients: readonly GivenRecipient[]
  readonly plan: Omit<PlanInput, 'priority'>
  readonly idempotencyKey?: string
}

/** What a bulk would do. */
export interface WouldBeBulk {
  readonly total: number
  readonly valid: number
  readonly invalid: number
  readonly duplicate: number
  /** Those that would be left out, the first `problemsMax` of them. */
  readonly problems: readonly (NewRecipient & { readonly index: number })[]
  /** What the first of the others would be sent. */
  readonly sample: readonly { readonly to: string; readonly body: GivenBody }[]
  readonly plan: Plan
}

const problemsMax = 100
const sampleMax = 3

/** A link that is another one for each recipient has no one preview. */
const withoutLostPreview = (body: GivenBody): GivenBody =>
  body.type === 'text' && body.linkPreview === undefined && hasPlaceholderInUrl(body.text)
    ? { ...body, linkPreview: false }
    : body

const lowPlan = (ctx: ControlContext, plan: CreateBulkInput['plan'], body: GivenBody): Plan =>
  planFrom({ ...plan, priority: 'low' }, asGiven(body), ctx.clock.now())

/** Accepts a message for many people. The connector puts them into the outbox a few at a time. */
export const createBulk = async (ctx: ControlContext, input: CreateBulkInput): Promise<Bulk> => {
  const deviceId = checkDeviceId(input.deviceId)
  const { name, plan: timing, idempotencyKey } = input
  const key = idempotencyKey === undefined ? undefined : checkIdempotencyKey(idempotencyKey)
  const given = withoutLostPreview(checkBodyForMany(input.body))
  const plan = lowPlan(ctx, timing, given)
  await checkCanSend(ctx, deviceId)
  const recipients = await checkRecipients(ctx, deviceId, given, input.recipients)
  const { body, request } = await completeBody(ctx, deviceId, given)
  const same = ['bulk', deviceId, request, JSON.stringify([name, timing, input.recipients])]
  const now = ctx.clock.now()
  const { kind, bulk } = await ctx.store.bulks.create(
    {
      bulk: { id: newId('bulk', now), deviceId, name, body, plan },
      recipients,
      ...(key === undefined ? {} : { idempotency: { key, requestHash: requestHash(same) } }),
    },
    (device) => {
      const { pn, lid, pushName } = linkedAccount(device, deviceId)
      return { sender: { pn, lid }, senderName: pushName }
    },
    ctx.origin,
    now,
  )
  if (kind === 'conflict') {
    throw new GatewayError(
      'idempotency_conflict',
      'this Idempotency-Key was used before for another bulk; a new one needs a new key',
    )
  }
  return bulk
}

/** What `createBulk` would do. Writes nothing, and fetches neither file nor preview. */
export const tryBulk = async (ctx: ControlContext, input: CreateBulkInput): Promise<WouldBeBulk> => {
  const deviceId = checkDeviceId(input.deviceId)
  const given = checkBodyForMany(input.body)
  const plan = lowPlan(ctx, input.plan, given)
  await checkCanSend(ctx, deviceId)
  const recipients = await checkRecipients(ctx, deviceId, given, input.recipients)
  const rows = recipients.map((row, index) => ({ ...row, index }))
  const valid = rows.filter(({ state }) => state === 'waiting')
  const invalid = rows.filter(({ state }) => state === 'invalid').length
  return {
    total: rows.length,
    valid: valid.length,
    invalid,
    duplicate: rows.length - valid.length - invalid,
    problems: rows.filter(({ state }) => state !== 'waiting').slice(0, problemsMax),
    sample: valid.slice(0, sampleMax).map(({ chat, recipient, variables }) => ({
      to: chat ?? recipient,
      body: fillBody(given, variables ?? {}).body,
    })),
    plan,
  }
}
