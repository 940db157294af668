import type { Endpoint } from '../../domain/webhook.ts'
import { changeEndpoint, secretBytesNew, type EndpointSettings } from '../../domain/webhook-settings.ts'
import { pauseEndpoint, removeEndpoint, resumeEndpoint, rotateSecret } from '../../domain/webhook-verbs.ts'
import { randomBase64 } from '../../runtime/ids.ts'
import type { ControlContext } from '../context.ts'
import { checkReachable } from './create-webhook.ts'
import { endpointOf, noWebhook } from './known-webhook.ts'

type Action = Parameters<ControlContext['store']['webhooks']['change']>[1]

const change = async (
  { store, clock, origin }: ControlContext,
  id: string,
  action: Action,
  decide: (before: Endpoint, now: number) => Endpoint,
): Promise<Endpoint> => {
  const now = clock.now()
  return endpointOf(await store.webhooks.change(id, action, (before) => decide(before, now), origin, now), id)
}

/** Sets an endpoint up anew; what is not given stays. */
export const changeWebhook = (
  ctx: ControlContext,
  { id, settings }: { id: string; settings: EndpointSettings },
): Promise<Endpoint> =>
  change(ctx, id, 'webhook.change', (before, now) => {
    const after = changeEndpoint(before, settings, now)
    if (settings.url !== undefined) checkReachable(ctx, after)
    return after
  })

export const pauseWebhook = (ctx: ControlContext, { id }: { id: string }): Promise<Endpoint> =>
  change(ctx, id, 'webhook.pause', pauseEndpoint)

export interface Resumed {
  readonly endpoint: Endpoint
  /** The part of the log that it did not get while it was disabled, as a replay wants it. Null when it was not disabled. */
  readonly missed: { readonly after: number; readonly until: number } | null
}

/** Has an endpoint get events again. What waited goes on by itself; what came while it was disabled must be replayed. */
export const resumeWebhook = async (ctx: ControlContext, { id }: { id: string }): Promise<Resumed> => {
  let missedAfter: number | null = null
  const endpoint = await change(ctx, id, 'webhook.resume', (before, now) => {
    missedAfter = before.disabledSeq
    return resumeEndpoint(before, now)
  })
  if (missedAfter === null) return { endpoint, missed: null }
  // Read after it is active: what comes between is in both, and not in neither.
  return { endpoint, missed: { after: missedAfter, until: await ctx.store.events.latest() } }
}

/** Gives an endpoint a new secret; the one of before signs beside it for a while. */
export const rotateWebhookSecret = (
  ctx: ControlContext,
  { id, keepPreviousSeconds }: { id: string; keepPreviousSeconds: number },
): Promise<Endpoint> => {
  const secret = randomBase64(secretBytesNew)
  return change(ctx, id, 'webhook.rotate_secret', (before, now) =>
    rotateSecret(before, secret, keepPreviousSeconds, now),
  )
}

/** Nothing more is sent there, what waits included. */
export const removeWebhook = async (ctx: ControlContext, { id }: { id: string }): Promise<Endpoint> => {
  const { store, clock, origin } = ctx
  const now = clock.now()
  const decide = (before: Endpoint): Endpoint => removeEndpoint(before, now)
  const removed = await store.webhooks.change(id, 'webhook.remove', decide, origin, now)
  if (removed === undefined) throw noWebhook(id)
  return removed
}
