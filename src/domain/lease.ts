/**
 * The right to act for something, held by one owner for one term. Every write under it carries `owner` and `epoch`;
 * the store rejects a write whose epoch is not the newest. `expiresAt` is when another owner may take it.
 */
export interface Lease {
  readonly name: string
  readonly owner: string
  /** Grows by one with every change of hands and every new term. */
  readonly epoch: number
  /** Wall-clock ms. */
  readonly expiresAt: number
}

/** The seat that a connector must hold before it claims any device of a data folder. */
export const connectorSeat = 'connector'

export const deviceLeaseName = (deviceId: string): string => `device/${deviceId}`

/** A write came with a lease that someone else has taken since: whoever holds it must drop its sockets. */
export class StaleLeaseError extends Error {
  override readonly name = 'StaleLeaseError'
  constructor(lease: Lease) {
    super(`lease ${lease.name} is no longer held by ${lease.owner} in epoch ${lease.epoch}`)
  }
}

/** Is the lease still good at `now`? An expired one may be held by nobody. */
export const isLive = (lease: Pick<Lease, 'expiresAt'> | null, now: number): boolean =>
  lease !== null && lease.expiresAt > now
