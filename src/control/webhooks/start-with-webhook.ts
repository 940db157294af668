import type { Endpoint } from '../../domain/webhook.ts'
import type { ControlContext } from '../context.ts'
import { checkDeviceId } from '../device-id.ts'
import { startDevice } from '../start-device.ts'
import { removeWebhook } from './change-webhook.ts'
import { addWebhook, prepareWebhook, type NewWebhook } from './create-webhook.ts'

export interface StartedWithWebhook {
  readonly endpoint: Endpoint
  /** False: it was there, and its secret has been told before. */
  readonly isNew: boolean
}

/** The oldest that sends events of the device there. */
const sameAs = async (
  { store }: ControlContext,
  id: string,
  { url }: Endpoint,
): Promise<Endpoint | undefined> =>
  (await store.webhooks.list()).find(
    (endpoint) => endpoint.url === url && endpoint.filter.devices?.includes(id) === true,
  )

/** Of two requests that make the same at once, the endpoint of the first stays. */
const ensure = async (ctx: ControlContext, id: string, wanted: Endpoint): Promise<StartedWithWebhook> => {
  const before = await sameAs(ctx, id, wanted)
  if (before !== undefined) return { endpoint: before, isNew: false }
  const endpoint = await addWebhook(ctx, wanted)
  const first = (await sameAs(ctx, id, wanted)) ?? endpoint
  if (first.id === endpoint.id) return { endpoint, isNew: true }
  await removeWebhook(ctx, { id: endpoint.id })
  return { endpoint: first, isNew: false }
}

/**
 * Starts a device and has its events sent to a URL, from the first one on. A device whose events are sent there already gets no
 * second endpoint. What is wrong with the endpoint is told before anything is done.
 */
export const startWithWebhook = async (
  ctx: ControlContext,
  { id, webhook }: { id: string; webhook: Omit<NewWebhook, 'devices'> },
): Promise<StartedWithWebhook> => {
  checkDeviceId(id)
  const ensured = await ensure(ctx, id, prepareWebhook(ctx, { ...webhook, devices: [id] }))
  await startDevice(ctx, { id })
  return ensured
}
