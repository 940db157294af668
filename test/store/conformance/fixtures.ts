import { afterEach, beforeEach } from 'vitest'
import { expectPromisedEvents } from '../../http/promised-events.ts'
import type { Origin } from '../../../src/domain/audit.ts'
import { start } from '../../../src/domain/device.ts'
import { deviceLeaseName, type Lease } from '../../../src/domain/lease.ts'
import type { Party } from '../../../src/domain/jid.ts'
import type { Message, MessageFailure } from '../../../src/domain/message.ts'
import type { NewMessage, Promotion, Store } from '../../../src/store/store.ts'

/** Two stores on one new database; they may be one and the same. */
export type OpenStores = () => Promise<readonly [Store, Store]>

export const t0 = 1_800_000_000_000
export const second = 1_000
export const leaseTtlMs = 30 * second
export const deviceId = 'phone-1'
export const origin: Origin = { actor: { kind: 'connector', id: 'c1' }, requestId: 'req_1' }
export const nobody: Lease = { name: deviceLeaseName(deviceId), owner: 'nobody', epoch: 7, expiresMono: t0 }

export const self: Party = { pn: '491700000000@s.whatsapp.net', lid: '9000@lid' }
export const alice: Party = { pn: '491511111111@s.whatsapp.net', lid: null }
export const bob: Party = { pn: '491522222222@s.whatsapp.net', lid: null }
export const aliceLid = '11111111@lid'
export const group: Party = { pn: '120363000000000001@g.us', lid: null }

type Outgoing = NewMessage & { readonly content: Uint8Array }

export const outgoing = (id: string, more: Partial<Outgoing> = {}): Outgoing => ({
  id,
  deviceId,
  whatsappId: id,
  direction: 'outbound',
  chat: alice,
  sender: self,
  senderName: null,
  type: 'text',
  text: `text of ${id}`,
  whatsappAt: null,
  content: Buffer.from(`content of ${id}`),
  ...more,
})

export const incoming = (
  id: string,
  more: Partial<NewMessage & { error: MessageFailure | null }> = {},
): Promotion => ({
  kind: 'message',
  message: {
    ...outgoing(id),
    whatsappId: 'WA1',
    direction: 'inbound',
    sender: alice,
    senderName: 'Alice',
    whatsappAt: t0,
    error: null,
    ...more,
  },
})

export const undecryptable = (id: string, more: Partial<NewMessage> = {}): Promotion =>
  incoming(id, {
    type: 'undecryptable',
    text: null,
    content: null,
    ...more,
    error: { code: 'undecryptable', detail: 'no signal session' },
  })

export const admitAll = () => ({ sender: self, senderName: null })

export interface World {
  readonly store: Store
  /** Another store on the same database: what it reads is on disk. */
  readonly other: Store
  /** The lease of the device, in its first epoch. */
  readonly lease: Lease
}

/** Gives each test a new database with one started device and its lease. */
export const useWorld = (open: OpenStores): World => {
  let world: World | undefined
  const current = (): World => {
    if (world === undefined) throw new Error('there is no world outside of a test')
    return world
  }
  beforeEach(async () => {
    const [store, other] = await open()
    await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, t0))
    const lease = await store.leases.claim(deviceLeaseName(deviceId), 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('a new lease was refused')
    world = { store, other, lease }
  })
  afterEach(async () => {
    await expectPromisedEvents(current().other)
    await current().store.close()
    await current().other.close()
  })
  return {
    get store() {
      return current().store
    },
    get other() {
      return current().other
    },
    get lease() {
      return current().lease
    },
  }
}

/** What `work` wrote into the logs, and what it threw. */
export const traced = async (
  store: Store,
  work: () => Promise<unknown>,
): Promise<{ readonly error: unknown; readonly events: string[]; readonly audits: string[] }> => {
  const seq = await store.events.latest()
  const audits = (await store.audit.after(0, 10_000)).length
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return {
    error,
    events: (await store.events.after(seq, { limit: 10_000 })).map(({ type }) => type),
    audits: (await store.audit.after(0, 10_000)).slice(audits).map(({ action }) => action),
  }
}

export const nothing = { events: [], audits: [] }

export const enqueue = (
  store: Store,
  id: string,
  more: Partial<Outgoing> = {},
  now = t0,
): Promise<unknown> => {
  const message = outgoing(id, more)
  return store.outbox.enqueue({ message }, () => message, origin, now)
}

/** The ids that a claim gets. */
export const claim = async (store: Store, lease: Lease, now = t0, limit = 100): Promise<string[]> => {
  const claimed = await store.outbox.claim(lease, { deviceId, limit }, origin, now)
  return claimed.map(({ message }) => message.id)
}

export const messageOf = async (store: Store, id: string): Promise<Message> => {
  const message = await store.messages.get(id)
  if (message === undefined) throw new Error(`there is no message ${id}`)
  return message
}

export const retryAt = (notBefore: number) =>
  ({ state: 'queued', notBefore, error: { code: 'unknown', detail: 'no ack' } }) as const
export const sentAt = (at: number) => ({ state: 'sent', at }) as const
export const refused = { state: 'failed', error: { code: 'nack_463', detail: 'refused' } } as const
