/**
 * Watches what the database carries out, verb by verb, against a model of what may be: who holds which lease, how far
 * each message has come, which turn each chat has, and what every write must leave in the two logs.
 */
import type { Device, DeviceChange } from '../../../src/domain/device.ts'
import type { Event } from '../../../src/domain/event.ts'
import { StaleLeaseError, type Lease } from '../../../src/domain/lease.ts'
import type { Message, MessageStatus } from '../../../src/domain/message.ts'
import type { AfterAttempt } from '../../../src/domain/outbox.ts'
import type { ClaimedMessage, Enqueued, Store } from '../../../src/store/store.ts'
import type { Frame } from './frame.ts'
import { type Carried, isRead, type Witness } from './store-edge.ts'

export interface ModelWitness extends Witness {
  /** Ids in the order of acceptance, by `device chat`. */
  readonly accepted: ReadonlyMap<string, readonly string[]>
  /** The newest epoch that was given out. */
  epochOf(leaseName: string): number
}

const rank: Readonly<Record<MessageStatus, number>> = {
  queued: 0,
  sending: 1,
  failed: 2,
  sent: 3,
  delivered: 4,
  read: 5,
  played: 6,
}
const isOpen = (status: MessageStatus): boolean => rank[status] < rank.failed

/** Verbs that leave nothing in the logs. */
const unlogged: ReadonlySet<string> = new Set([
  'leases.claim',
  'leases.renew',
  'leases.release',
  'auth.commit',
  'auth.saveCredsNow',
  'inbound.prune',
])

const batchMax = 10_000

export const createWitness = (
  frame: Frame,
  store: Store,
  /** Is this owner's process still there? */
  isAlive: (owner: string) => boolean,
): ModelWitness => {
  const { violate } = frame
  const leases = new Map<string, Lease>()
  const epochs = new Map<string, number>()
  const statuses = new Map<string, MessageStatus>()
  const accepted = new Map<string, string[]>()
  const keys = new Map<string, string>()
  const told = new Set<string>()
  /** Entries that are due less entries that are there, by action. */
  const owed = new Map<string, number>()
  let eventsDue = 0
  let eventCursor = 0
  let auditCursor = 0
  let inFlight = 0
  /** Something may be in the logs that was not read yet. */
  let dirty = false
  let tail: Promise<void> = Promise.resolve()

  const owe = (action: string, times: number): void => {
    owed.set(action, (owed.get(action) ?? 0) + times)
  }

  // ---- leases

  const onClaim = ([name, owner, , now, dead]: readonly unknown[], lease: Lease | undefined): void => {
    if (lease === undefined) return
    const before = leases.get(lease.name)
    const epoch = epochs.get(lease.name) ?? 0
    if (lease.epoch <= epoch) violate(`epoch of ${String(name)} went from ${epoch} to ${lease.epoch}`)
    if (before !== undefined && before.owner !== owner && before.expiresMono > Number(now)) {
      if (before.owner !== dead || isAlive(before.owner)) {
        violate(`${String(owner)} took ${String(name)} while ${before.owner} held it`)
      }
      frame.count('leases taken from the dead')
    }
    leases.set(lease.name, lease)
    epochs.set(lease.name, lease.epoch)
  }
  const onRenew = (renewed: readonly Lease[]): void => {
    for (const lease of renewed) {
      const held = leases.get(lease.name)
      if (held?.owner !== lease.owner || held.epoch !== lease.epoch) {
        violate(`${lease.owner} renewed ${lease.name} in epoch ${lease.epoch}, and did not hold it`)
      } else leases.set(lease.name, lease)
    }
  }
  const fenced = (verb: string, lease: Lease): void => {
    const held = leases.get(lease.name)
    if (verb === 'leases.release') {
      if (held?.owner === lease.owner && held.epoch === lease.epoch) leases.delete(lease.name)
    } else if (held?.owner !== lease.owner || held.epoch !== lease.epoch) {
      violate(`${verb} of ${lease.owner} in epoch ${lease.epoch} of ${lease.name} was written, and is stale`)
    }
  }

  // ---- messages

  const see = async (id: string): Promise<Message | undefined> => {
    const message = await store.messages.get(id)
    if (message === undefined) {
      violate(`message ${id} is gone`)
      return undefined
    }
    const before = statuses.get(id)
    const { status } = message
    const back = before !== undefined && !isOpen(before) && rank[status] < rank[before]
    if (back) violate(`message ${id} went back from ${before} to ${status}`)
    if ((status === 'failed') !== (message.error !== null && !isOpen(status))) {
      violate(`message ${id} is ${status} with the error ${message.error?.code ?? 'none'}`)
    }
    statuses.set(id, status)
    return message
  }
  const seeOpenOf = async (deviceId: string): Promise<void> => {
    for (const [line, ids] of accepted) {
      if (!line.startsWith(`${deviceId} `)) continue
      for (const id of ids) if (isOpen(statuses.get(id) ?? 'failed')) await see(id)
    }
  }
  const lineOf = ({ deviceId, chat }: Message): string => `${deviceId} ${chat.pn ?? chat.lid}`

  const onEnqueued = async (given: readonly unknown[], { kind, message }: Enqueued): Promise<void> => {
    const [{ idempotency }] = given as [{ idempotency?: { key: string } }]
    const key = idempotency && `${message.deviceId} ${idempotency.key}`
    if (kind === 'accepted') {
      owe('message.enqueue', 1)
      eventsDue += 1
      const line = accepted.get(lineOf(message)) ?? []
      accepted.set(lineOf(message), [...line, message.id])
      if (key !== undefined && keys.has(key)) violate(`key ${key} was accepted twice`)
      if (key !== undefined) keys.set(key, message.id)
    } else if (key === undefined || keys.get(key) !== message.id) {
      violate(`key ${key} gave message ${message.id} as ${kind}`)
    }
    await see(message.id)
  }
  const onClaimed = async (claimed: readonly ClaimedMessage[]): Promise<void> => {
    owe('message.attempt', claimed.length)
    for (const { message } of claimed) {
      const line = accepted.get(lineOf(message)) ?? []
      for (const id of line.slice(0, line.indexOf(message.id))) {
        if (isOpen((await see(id))?.status ?? 'failed')) {
          violate(`message ${message.id} was claimed before ${id} of the same chat was settled`)
        }
      }
      await see(message.id)
    }
  }

  // ---- what each verb leaves

  const onValue = async ({ verb, given, lease, outcome }: Carried): Promise<void> => {
    const value = 'value' in outcome ? outcome.value : undefined
    if (lease !== undefined) fenced(verb, lease)
    switch (verb) {
      case 'leases.claim':
        return onClaim(given, value as Lease | undefined)
      case 'leases.renew':
        return onRenew(value as readonly Lease[])
      case 'outbox.enqueue':
        return onEnqueued(given, value as Enqueued)
      case 'outbox.claim':
        return onClaimed(value as readonly ClaimedMessage[])
      case 'outbox.record': {
        const id = String(given[1])
        const applied = statuses.get(id) === 'sending'
        if (applied) owe('message.attempt', 1)
        if (applied && (given[2] as AfterAttempt).state !== 'queued') eventsDue += 1
        await see(id)
        return
      }
      case 'outbox.recover':
        owe('message.attempt', Number(value))
        return seeOpenOf(String(given[1]))
      case 'outbox.cancelAll':
        owe('message.cancel', Number(value))
        eventsDue += Number(value)
        return seeOpenOf(String(given[1]))
      case 'messages.recordReceipt': {
        owe('message.receipt', Number(value))
        eventsDue += Number(value)
        for (const id of (given[1] as { whatsappIds: readonly string[] }).whatsappIds) await see(id)
        return
      }
      case 'inbound.promote': {
        const { stored } = value as { stored: Message | null }
        if (stored === null) return
        owe('message.receive', 1)
        eventsDue += 1
        await see(stored.id)
        return
      }
      case 'auth.wipe':
        return owe('credentials.wipe', 1)
      case 'auth.quarantine':
        return owe('credentials.quarantine', 1)
      default:
        return undefined
    }
  }

  const onEvent = (event: Event): void => {
    eventsDue -= 1
    if (event.seq !== eventCursor + 1) violate(`event ${event.seq} follows event ${eventCursor}`)
    eventCursor = event.seq
    if (!('messageId' in event.data)) return
    // One word for each step of a message; only failing can come twice, when a receipt revives it in between.
    const word = `${event.type} ${event.data.messageId}`
    if (told.has(word) && event.type !== 'message.failed') violate(`${word} was told twice`)
    told.add(word)
  }

  /** Once for all that shared a commit. */
  const readLogs = async (): Promise<void> => {
    if (inFlight > 0) return
    dirty = false
    const events = await store.events.after(eventCursor, { limit: batchMax })
    events.forEach(onEvent)
    const audits = await store.audit.after(auditCursor, batchMax)
    for (const entry of audits) owe(entry.action, -1)
    auditCursor = audits.at(-1)?.seq ?? auditCursor
    for (const [action, due] of owed) {
      if (due !== 0)
        violate(
          `${due > 0 ? due : -due} audit entries of ${action} ${due > 0 ? 'are missing' : 'are too many'}`,
        )
    }
    if (eventsDue !== 0)
      violate(`${Math.abs(eventsDue)} events ${eventsDue > 0 ? 'are missing' : 'are too many'}`)
  }

  const look = async (carried: Carried): Promise<void> => {
    if ('value' in carried.outcome) await onValue(carried)
    else if (carried.outcome.error instanceof StaleLeaseError) frame.count('stale writes refused')
    inFlight -= 1
    if (!unlogged.has(carried.verb)) dirty = true
    if (dirty) await readLogs()
  }

  /** A decision says itself what it leaves; it is asked in the transaction. */
  const heard =
    (decision: (before: Device | undefined) => DeviceChange) =>
    (before: Device | undefined): DeviceChange => {
      const change = decision(before)
      owe(change.audit.action, 1)
      eventsDue += change.events.length
      return change
    }

  return {
    accepted,
    epochOf: (name) => epochs.get(name) ?? 0,
    begins(verb, given) {
      if (!isRead(verb)) inFlight += 1
      if (verb !== 'devices.decide' && verb !== 'devices.observe') return given
      return given.map((part) =>
        typeof part === 'function' ? heard(part as Parameters<typeof heard>[0]) : part,
      )
    },
    saw(carried) {
      tail = tail.then(() => look(carried))
      return tail
    },
  }
}
