import type { Now } from './connection.ts'
import type { Device, DeviceStatus, Qr, StatusReason } from './device.ts'
import { isLive, type Lease, leaseEnd } from './lease.ts'

/** A device with the lease under which a connector acts for it. */
export interface DeviceView {
  readonly device: Device
  readonly lease: Lease | null
}

/** What the guide's status route shows. */
export interface ShownStatus {
  readonly status: DeviceStatus
  readonly reason: StatusReason | null
  readonly qr: Qr | null
  readonly at: number
}

/** How long a QR is still shown after its time, while its successor is on the way. */
export const qrGraceMs = 5_000

/** When a lease ran out, in wall-clock ms; 0 when nobody knows. */
const ranOutAt = (lease: Lease | null, now: Now): number =>
  lease === null || lease.expiresMono > now.mono ? 0 : leaseEnd(lease, now)

/**
 * The truth of a row depends on somebody standing behind it: when nobody holds the lease, a row that says
 * `connected` is not believed, and a QR that nobody would answer for is not shown.
 */
export const shownStatus = ({ device, lease }: DeviceView, now: Now): ShownStatus => {
  const { status, reason, statusAt: at, qr } = device
  if (status === 'disconnected' || status === 'starting') return { status, reason, qr: null, at }
  if (!isLive(lease, now.mono)) {
    return {
      status: device.account === null ? 'connecting' : 'reconnecting',
      reason: 'connector_away',
      qr: null,
      at: Math.max(at, ranOutAt(lease, now)),
    }
  }
  if (status !== 'waiting_for_scan') return { status, reason, qr: null, at }
  return qr !== null && now.wall < qr.expiresAt + qrGraceMs
    ? { status, reason, qr, at: Math.max(at, device.updatedAt) }
    : {
        status: 'connecting',
        reason,
        qr: null,
        at: qr === null ? at : Math.max(at, qr.expiresAt + qrGraceMs),
      }
}
