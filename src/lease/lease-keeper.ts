import { isLive, type Lease } from '../domain/lease.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { LeaseStore } from '../store/store.ts'

export interface LeaseKeeperOptions {
  readonly leases: LeaseStore
  readonly owner: string
  readonly clock: Clock
  readonly log: Log
  readonly ttlMs: number
  /** Is the process behind an owner known to be gone? Then its leases need not run out first. */
  readonly isDead: (owner: string) => Promise<boolean>
  readonly onLost: (lease: Lease) => void
}

export interface LeaseKeeper {
  /** Takes a lease that is free, expired, or left by a dead process. Undefined when somebody else holds it. */
  acquire(name: string): Promise<Lease | undefined>
  release(lease: Lease): Promise<void>
  /** Is it still safe to act under the lease? */
  isHeld(lease: Lease): boolean
  /** Stops renewing. The leases themselves run out or are released. */
  stop(): Promise<void>
}

interface Held {
  readonly lease: Lease
  /** Monotonic ms. A suspend does not count: it stops all who might take the lease as well. */
  readonly deadline: number
}

/**
 * Renewals a term, when they succeed; one that fails is tried again at the next check. So many that a process which
 * stalls for half a term, at whatever moment, is still in time when it goes on.
 */
const renewalsPerTerm = 5
/** The holder stops this part of a term before the others may start. */
const marginPart = 0.2
const checksPerTerm = 20

/** Takes leases and renews all of them in one write; says when one is lost, or when it cannot be sure any more. */
export const startLeaseKeeper = (options: LeaseKeeperOptions): LeaseKeeper => {
  const { leases, owner, clock, log, ttlMs, isDead, onLost } = options
  const held = new Map<string, Held>()
  const holdMs = ttlMs * (1 - marginPart)
  let renewAt = 0
  let renewing: Promise<void> | undefined

  const inTime = ({ deadline }: Held): boolean => clock.monotonic() < deadline
  const lose = (entry: Held): void => {
    if (held.get(entry.lease.name) !== entry) return
    held.delete(entry.lease.name)
    log.warn({ lease: entry.lease.name, epoch: entry.lease.epoch }, 'lease lost')
    onLost(entry.lease)
  }

  const renew = async (): Promise<void> => {
    const before = [...held.values()]
    if (before.length === 0) return
    const now = clock.monotonic()
    const kept = new Map(
      (
        await leases.renew(
          owner,
          before.map(({ lease }) => lease),
          ttlMs,
          now,
        )
      ).map((lease) => [lease.name, lease]),
    )
    for (const entry of before) {
      const lease = kept.get(entry.lease.name)
      if (lease === undefined || lease.epoch !== entry.lease.epoch) lose(entry)
      else if (held.get(lease.name) === entry) held.set(lease.name, { lease, deadline: now + holdMs })
    }
  }

  const loop = startLoop({
    pollMs: ttlMs / checksPerTerm,
    async tick() {
      for (const entry of held.values()) if (!inTime(entry)) lose(entry)
      if (renewing !== undefined || clock.monotonic() < renewAt) return undefined
      renewAt = clock.monotonic() + ttlMs / renewalsPerTerm
      // Beside the checks: a store that does not answer must not hide that the time is up.
      renewing = renew()
        .catch((error: unknown) => {
          renewAt = clock.monotonic()
          log.error({ err: error }, 'leases were not renewed')
        })
        .finally(() => {
          renewing = undefined
        })
      return undefined
    },
    onError: (error) => log.error({ err: error }, 'leases were not checked'),
  })

  const claim = async (name: string, deadOwner?: string): Promise<Lease | undefined> => {
    const now = clock.monotonic()
    const lease = await leases.claim(name, owner, ttlMs, now, deadOwner)
    if (lease !== undefined) held.set(name, { lease, deadline: now + holdMs })
    return lease
  }

  return {
    async acquire(name) {
      const other = await leases.get(name)
      if (other === undefined || other.owner === owner || !isLive(other, clock.monotonic()))
        return claim(name)
      return (await isDead(other.owner)) ? claim(name, other.owner) : undefined
    },
    async release(lease) {
      const entry = held.get(lease.name)
      if (entry?.lease.epoch === lease.epoch) held.delete(lease.name)
      await leases.release(lease, clock.monotonic())
    },
    isHeld(lease) {
      const entry = held.get(lease.name)
      return entry !== undefined && entry.lease.epoch === lease.epoch && inTime(entry)
    },
    async stop() {
      await loop.stop()
      await renewing
    },
  }
}
