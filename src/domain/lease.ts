import type { Now } from './connection.ts'

/**
 * The right to act for something, held by one owner for one term. Every write under it carries `owner` and `epoch`;
 * the store rejects a write whose epoch is not the newest. `expiresMono` is when another owner may take it.
 */
export interface Lease {
  readonly name: string
  readonly owner: string
  /** Grows by one with every change of hands and every new term. */
  readonly epoch: number
  /** Monotonic ms of the machine: nobody wins or loses a lease because the wall clock is set. */
  readonly expiresMono: number
}

/** The seat that a connector must hold before it claims any device of a data folder. */
export const connectorSeat = 'connector'

/** The seat of whoever brings events to webhook endpoints: one of all API processes of a data folder. */
export const dispatcherSeat = 'webhooks'

export const deviceLeaseName = (deviceId: string): string => `device/${deviceId}`

/** A write came with a lease that someone else has taken since: whoever holds it must drop its sockets. */
export class StaleLeaseError extends Error {
  override readonly name = 'StaleLeaseError'
  constructor(lease: Lease) {
    super(`lease ${lease.name} is no longer held by ${lease.owner} in epoch ${lease.epoch}`)
  }
}

/**
 * No lease is taken for longer. One that would end later is of a time before the machine started anew, when its
 * monotonic clock began at zero again.
 */
export const leaseTtlMaxMs = 60_000

/** When the lease ends, or ended, by the wall clock as it is set now. */
export const leaseEnd = ({ expiresMono }: Lease, { wall, mono }: Now): number =>
  wall + Math.round(expiresMono - mono)

/** Is the lease still good at `mono`? An expired one may be held by nobody. */
export const isLive = (lease: Pick<Lease, 'expiresMono'> | null, mono: number): boolean =>
  lease !== null && lease.expiresMono > mono && lease.expiresMono - mono <= leaseTtlMaxMs
