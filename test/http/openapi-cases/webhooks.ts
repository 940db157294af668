import { endpointsMax, newEndpoint } from '../../../src/domain/webhook-settings.ts'
import { impatient } from '../../control/world.ts'
import { createApi, type Answer, type Api } from '../api.ts'
import { deliveriesOf, patch, playDispatcher, target, webhookOf, webhooks } from '../webhook-world.ts'
import { after, bodyCases, type Case, id, of, start } from './frame.ts'

const gone = `${webhooks}/x`
const since = { since: '2025-01-01T00:00:00Z' }

const ofWebhook =
  (ask: (api: Api, path: string) => Promise<Answer>): Case['ask'] =>
  async (api) =>
    ask(api, (await webhookOf(api)).path)

/** Of a webhook with a delivery. */
const ofDelivery =
  (ask: (api: Api, path: string) => Promise<Answer>): Case['ask'] =>
  async (api) => {
    const { path } = await webhookOf(api)
    await start(api)
    const [delivery] = deliveriesOf(await api.get(`${path}/deliveries`))
    return ask(api, `${path}/deliveries/${delivery?.id}`)
  }

const full = async ({ store, ctx, clock }: Api): Promise<void> => {
  const secret = `whsec_${Buffer.alloc(24).toString('base64')}`
  const endpoints = Array.from({ length: endpointsMax }, (_, at) =>
    newEndpoint({ url: target }, { id: `whk_${at}`, secret, now: clock.now() }),
  )
  await Promise.all(
    endpoints.map((endpoint) => store.webhooks.create(endpoint, () => undefined, ctx.origin, clock.now())),
  )
}

/** A verb on a webhook, with its outcome and without the webhook. */
const both = (operation: string, ask: (api: Api, path: string) => Promise<Answer>): Case[] => [
  of(operation, 200, ofWebhook(ask)),
  of(operation, 404, (api) => ask(api, gone)),
]

const bodies = (operation: string, verb: string, wrong: unknown): Case[] =>
  bodyCases(operation, `${gone}${verb}`, wrong)

export const webhookCases: readonly Case[] = [
  of('createWebhook', 201, (api) =>
    api.post(webhooks, { url: target, devices: ['a'], headers: { 'X-A': '1' } }),
  ),
  of(
    'createWebhook',
    409,
    after(full, (api) => api.post(webhooks, { url: target })),
  ),
  ...bodyCases('createWebhook', webhooks, { url: 'x' }),
  of(
    'startDevice',
    409,
    after(full, (api) => api.post(`${id}/start`, { webhook: { url: target } })),
  ),
  of('startDevice', 200, (api) => api.post(`${id}/start`, { webhook: { url: target } })),
  of(
    'listWebhooks',
    200,
    ofWebhook((api) => api.get(webhooks)),
  ),
  of('listWebhooks', 400, (api) => api.get(`${webhooks}?device=a%2Fb`)),
  ...both('getWebhook', (api, path) => api.get(path)),
  ...both('changeWebhook', (api, path) => patch(api, path, { events: ['device.*'] })),
  ...bodyCases('changeWebhook', gone, { url: 7 }, undefined, 'PATCH'),
  ...both('removeWebhook', (api, path) => api.request('DELETE', path)),
  ...both('pauseWebhook', (api, path) => api.post(`${path}/pause`)),
  ...both('resumeWebhook', (api, path) => api.post(`${path}/resume`)),
  ...both('rotateWebhookSecret', (api, path) => api.post(`${path}/rotate-secret`)),
  ...bodies('rotateWebhookSecret', '/rotate-secret', { keepPreviousFor: 'x' }),
  ...both('testWebhook', (api, path) => {
    playDispatcher(api).keepAnswering(200)
    return api.post(`${path}/test`)
  }),
  of('testWebhook', 202, async () => {
    const api = await createApi({ waits: impatient })
    return await ofWebhook((_, path) => api.post(`${path}/test`))(api)
  }),
  ...both('listDeliveries', (api, path) => api.get(`${path}/deliveries`)),
  of('listDeliveries', 400, (api) => api.get(`${gone}/deliveries?state=x`)),
  of(
    'getDelivery',
    200,
    ofDelivery(async (api, path) => {
      await playDispatcher(api).answer(500)
      return await api.get(path)
    }),
  ),
  of(
    'getDelivery',
    404,
    ofWebhook((api, path) => api.get(`${path}/deliveries/x`)),
  ),
  of(
    'redeliver',
    202,
    ofDelivery((api, path) => api.post(`${path}/redeliver`)),
  ),
  of(
    'redeliver',
    404,
    ofWebhook((api, path) => api.post(`${path}/deliveries/x/redeliver`)),
  ),
  of(
    'redeliver',
    409,
    ofDelivery(async (api, path) => {
      await playDispatcher(api).claim()
      return await api.post(`${path}/redeliver`)
    }),
  ),
  ...both('redeliverFailed', (api, path) => api.post(`${path}/redeliver`, since)),
  ...bodies('redeliverFailed', '/redeliver', {}),
  ...both('replay', (api, path) => api.post(`${path}/replay`, { after: 0 })),
  of('replay', 410, async (api) => {
    const { path } = await webhookOf(api)
    const later = await createApi({
      store: () => ({ ...api.store, events: { ...api.store.events, floor: async () => 1 } }),
    })
    return await later.post(`${path}/replay`, { after: 0 })
  }),
  ...bodies('replay', '/replay', {}),
]
