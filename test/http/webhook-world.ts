/** Webhooks of a gateway in memory, and a dispatcher played by the test through the store's own verbs. */
import { onTestFinished } from 'vitest'
import type { Origin } from '../../src/domain/audit.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { afterPost, type PostOutcome } from '../../src/domain/webhook.ts'
import type { Answer, Api } from './api.ts'

export const webhooks = '/api/webhooks'
export const target = 'https://example.com/in'

const origin: Origin = { actor: { kind: 'dispatcher', id: 'd1' }, requestId: 'tick_1' }
const leaseTtlMs = 60_000

export interface Webhook {
  readonly id: string
  readonly secret: string
}

/** Makes one, and gives its path too. */
export const webhookOf = async (
  api: Api,
  more: Record<string, unknown> = {},
): Promise<Webhook & { readonly path: string }> => {
  const { json } = await api.post(webhooks, { url: target, ...more })
  const webhook = json as Webhook
  return { ...webhook, path: `${webhooks}/${webhook.id}` }
}

export const patch = (api: Api, path: string, body: unknown): Promise<Answer> =>
  api.request('PATCH', path, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

export interface ShownDelivery {
  readonly id: string
  readonly type: string
  readonly state: string
  readonly eventId: string
  readonly eventSeq: number
}
export const deliveriesOf = ({ json }: Answer): readonly ShownDelivery[] =>
  (json as { deliveries: readonly ShownDelivery[] }).deliveries

const answered = (status: number): PostOutcome => ({ kind: 'answered', status, retryAfterMs: null, head: '' })

/** What a dispatcher does when all that it posts to answer alike. */
export const playDispatcher = ({ store, clock }: Api) => {
  let held: Lease | undefined
  const lease = async (): Promise<Lease> => {
    held ??= await store.leases.claim('webhooks', 'd1', leaseTtlMs, clock.monotonic())
    if (held === undefined) throw new Error('somebody else holds the lease')
    return held
  }
  const claim = async () => {
    const work = await store.webhooks.work(clock.now())
    const wanted = work.map(({ endpoint, testsOnly }) => ({
      endpointId: endpoint.id,
      limit: 1_000,
      testsOnly,
    }))
    return await store.webhooks.claim(await lease(), wanted, clock.now())
  }
  /** Posts what is due; gives what it was. */
  const answer = async (status: number): Promise<readonly string[]> => {
    const claimed = await claim()
    for (const { delivery, round } of claimed) {
      await store.webhooks.record(
        await lease(),
        delivery.id,
        { at: clock.now(), durationMs: 7, status, responseHead: `HTTP/1.1 ${status}`, error: null },
        (endpoint) => afterPost(answered(status), round, endpoint, clock.now(), () => 0),
        origin,
        clock.now(),
      )
    }
    return claimed.map(({ delivery }) => delivery.eventType)
  }
  return {
    claim,
    answer,
    /** Does so whenever there is something, until the test ends. */
    keepAnswering: (status: number): void => {
      let tail: Promise<unknown> = Promise.resolve()
      const stop = store.onChange(() => {
        tail = tail.then(() => answer(status)).catch(() => undefined)
      })
      onTestFinished(stop)
    },
  }
}
