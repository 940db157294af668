import { GatewayError } from '../../domain/errors.ts'
import {
  endpointsMax,
  newEndpoint,
  secretBytesNew,
  secretPrefix,
  type EndpointSettings,
} from '../../domain/webhook-settings.ts'
import type { Endpoint } from '../../domain/webhook.ts'
import { newId, randomBase64 } from '../../runtime/ids.ts'
import type { ControlContext } from '../context.ts'

export type NewWebhook = EndpointSettings & {
  readonly url: string
  /** Without it one is made. */
  readonly secret?: string
}

/** Refuses a URL to which nothing could ever be sent. */
export const checkReachable = ({ webhookUrlProblem }: ControlContext, { url }: Endpoint): void => {
  const problem = webhookUrlProblem?.(url)
  if (problem !== undefined) throw new GatewayError('invalid_webhook', `url: ${problem}`)
}

/** What a new endpoint would be; nothing is written yet. */
export const prepareWebhook = (ctx: ControlContext, { secret, ...settings }: NewWebhook): Endpoint => {
  const now = ctx.clock.now()
  const endpoint = newEndpoint(settings, {
    id: newId('whk', now),
    secret: secret ?? `${secretPrefix}${randomBase64(secretBytesNew)}`,
    now,
  })
  checkReachable(ctx, endpoint)
  return endpoint
}

export const addWebhook = (ctx: ControlContext, endpoint: Endpoint): Promise<Endpoint> =>
  ctx.store.webhooks.create(
    endpoint,
    (count) => {
      if (count < endpointsMax) return
      throw new GatewayError(
        'webhooks_full',
        `there are ${count} webhooks, as many as there may be: remove one`,
      )
    },
    ctx.origin,
    ctx.clock.now(),
  )

/** Makes an endpoint that gets all events to come which it asks for. */
export const createWebhook = (ctx: ControlContext, input: NewWebhook): Promise<Endpoint> =>
  addWebhook(ctx, prepareWebhook(ctx, input))
