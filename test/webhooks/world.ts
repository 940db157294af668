/** A dispatcher on a real store in memory; the wall clock is the test's. */
import { onTestFinished } from 'vitest'
import { attemptDelaysMs } from '../../src/domain/webhook.ts'
import { start } from '../../src/domain/device.ts'
import type { Delivery, Endpoint } from '../../src/domain/webhook.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { startDispatcher, type Dispatcher, type DispatcherOptions } from '../../src/webhooks/dispatcher.ts'
import { createPoster, type PostLimits } from '../../src/webhooks/post.ts'
import { claimLease, keepLog, openMemory, TestClock, until } from '../connector/world.ts'
import { useBlobs } from '../connector/media.ts'
import { deviceId, origin } from '../store/conformance/fixtures.ts'
import { deliveriesOf, endpointOf } from '../store/conformance/webhook-fixtures.ts'
import { ownMachine, secret } from './samples.ts'

/** The lease counts monotonic time, which stands still unless a test wants it to pass. */
export const ttlMs = 30_000
export const otherDevice = 'phone-2'

export const openWebhooks = async () => {
  const store = await openMemory()
  const clock = new TestClock()
  const leases = new Map<string, Lease>()
  for (const id of [deviceId, otherDevice]) {
    await store.devices.decide(id, (before) => start(before, id, origin, clock.now()))
    leases.set(id, await claimLease(store, clock.monotonic(), id))
  }
  const { blobs } = await useBlobs()
  const dead = new Set<string>()

  const dispatch = (owner = 'dsp_1', more: Partial<DispatcherOptions> = {}, limits?: Partial<PostLimits>) => {
    const { log, lines } = keepLog()
    const options: DispatcherOptions = {
      owner,
      store,
      blobs,
      mediaFolder: '/data/media',
      publicUrl: 'https://gateway.example.com',
      poster: createPoster({ guard: ownMachine, clock, ...(limits === undefined ? {} : { limits }) }),
      clock,
      random: () => 0,
      attemptDelaysMs,
      leaseTtlMs: ttlMs,
      isDead: (other) => Promise.resolve(dead.has(other)),
      userAgent: 'whatsapp-api-gateway/1',
      log,
      ...more,
    }
    const dispatcher: Dispatcher = startDispatcher(options)
    onTestFinished(() => dispatcher.stop())
    return { dispatcher, lines }
  }

  let events = 0
  /** So many events about chats that were cleared; each names one of its own. */
  const happen = async (count = 1, device = deviceId): Promise<void> => {
    const lease = leases.get(device)
    if (lease === undefined) throw new Error(`no lease of ${device}`)
    const sightings = Array.from({ length: count }, () => {
      events += 1
      return {
        type: 'chat.cleared' as const,
        data: { chat: `${events}@s.whatsapp.net`, chatLid: null },
      }
    })
    await store.events.note(lease, device, sightings, clock.now())
  }

  const add = (id: string, url: string, more: Partial<Endpoint> = {}): Promise<Endpoint> =>
    store.webhooks.create(
      endpointOf(id, {
        url,
        secret,
        headers: {},
        filter: { events: ['chat.*'], devices: null, chats: null, notChats: [], ownMessages: true },
        ...more,
      }),
      () => undefined,
      origin,
      clock.now(),
    )

  const all = (endpointId = 'whk_1'): Promise<readonly Delivery[]> => deliveriesOf(store, endpointId)
  const world = {
    store,
    clock,
    dead,
    dispatch,
    happen,
    add,
    all,
    states: async (endpointId = 'whk_1') => (await all(endpointId)).map(({ state }) => state),
    only: async (): Promise<Delivery> => {
      const [first, ...rest] = await all()
      if (first === undefined || rest.length > 0) throw new Error('there is not one delivery')
      return first
    },
    /** Only the wall clock goes on. Whatever is written wakes the dispatcher. */
    pass: async (ms: number): Promise<void> => {
      clock.wall += ms
      const device = leases.get(deviceId)
      if (device === undefined) throw new Error('no lease')
      await store.events.note(device, deviceId, [{ type: 'group.left', data: silence }], clock.now())
    },
    shows: async (...states: readonly Delivery['state'][]): Promise<void> => {
      await until(async () => String(await world.states()) === String(states))
    },
    endpoint: async (id = 'whk_1'): Promise<Endpoint> => {
      const found = await store.webhooks.get(id)
      if (found === undefined) throw new Error(`there is no ${id}`)
      return found
    },
    change: (
      action: 'change' | 'pause' | 'resume',
      decide: (before: Endpoint) => Endpoint,
      id = 'whk_1',
    ): Promise<Endpoint | undefined> =>
      store.webhooks.change(id, `webhook.${action}`, decide, origin, clock.now()),
  }
  return world
}

const silence = { chat: '1@g.us', subject: null, by: null }

/** The chat that each body names, in the order of arrival. */
export const chatsOf = (received: readonly { readonly body: string }[]): string[] =>
  received.map(({ body }) => (JSON.parse(body) as { data: { chat: string } }).data.chat.replace(/@.*/, ''))
