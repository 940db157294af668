import { describe, expect, it } from 'vitest'
import { type Device } from '../../src/domain/device.ts'
import { qrGraceMs, shownStatus } from '../../src/domain/shown-status.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { connectedRow, deviceRow, minute, qrOf, second, t0 } from './fixtures.ts'

const now = t0 + minute
const hour = 60 * minute
/** The monotonic clock that goes with a wall clock which nobody sets. */
const monoOf = (wall: number): number => wall - t0 + hour
const leaseUntil = (wall: number): Lease => ({
  name: 'device/myphone',
  owner: 'con_1',
  epoch: 3,
  expiresMono: monoOf(wall),
})
const live = leaseUntil(now + 1)
const expired = leaseUntil(now - 5 * second)

const show = (device: Device, lease: Lease | null, at = now): string => {
  const { status, reason, qr } = shownStatus({ device, lease }, { wall: at, mono: monoOf(at) })
  return `${status}/${reason}${qr === null ? '' : ' with QR'}`
}

const qr = qrOf('ref', now + 10 * second)
const waiting = deviceRow({ status: 'waiting_for_scan', reason: 'qr_shown', qr, updatedAt: now - second })
const connecting = deviceRow({ status: 'connecting', reason: 'connect_failed' })
const starting = deviceRow()
const connected = connectedRow()
const reconnecting = connectedRow({ status: 'reconnecting', reason: 'connection_lost' })
const disconnected = connectedRow({ status: 'disconnected', reason: 'replaced' })

describe('the status that is shown', () => {
  it.each([
    [starting, 'starting/started', 'starting/started'],
    [connecting, 'connecting/connect_failed', 'connecting/connector_away'],
    [waiting, 'waiting_for_scan/qr_shown with QR', 'connecting/connector_away'],
    [connected, 'connected/opened', 'reconnecting/connector_away'],
    [reconnecting, 'reconnecting/connection_lost', 'reconnecting/connector_away'],
    [disconnected, 'disconnected/replaced', 'disconnected/replaced'],
  ])('of row %# is %s, $1 under a lease and $2 without one', (row, held, away) => {
    expect(show(row, live)).toBe(held)
    expect(show(row, expired)).toBe(away)
    expect(show(row, null)).toBe(away)
  })

  it('is believed up to the end of the lease, and not at its end', () => {
    const lease = leaseUntil(now)
    expect(show(connected, lease, now - 1)).toBe('connected/opened')
    expect(show(connected, lease, now)).toBe('reconnecting/connector_away')
  })

  it('is believed as long as the lease lasts, wherever the wall clock is set', () => {
    for (const wall of [now - hour, now + hour, 0]) {
      const { status } = shownStatus({ device: connected, lease: live }, { wall, mono: monoOf(now) })
      expect(status).toBe('connected')
    }
  })

  it('is not believed of a lease from before the machine started anew', () => {
    const { status, at } = shownStatus({ device: connected, lease: live }, { wall: now, mono: 0 })
    expect([status, at]).toEqual(['reconnecting', connected.statusAt])
  })

  it('has a QR a little longer than the QR lives, while the next one is on the way', () => {
    const held = leaseUntil(qr.expiresAt + minute)
    expect(show(waiting, held, qr.expiresAt + qrGraceMs - 1)).toBe('waiting_for_scan/qr_shown with QR')
    expect(show(waiting, held, qr.expiresAt + qrGraceMs)).toBe('connecting/qr_shown')
  })

  it('is not waiting_for_scan when there is no QR to scan', () => {
    expect(show({ ...waiting, qr: null }, live)).toBe('connecting/qr_shown')
  })

  it('never has a QR beside another word than waiting_for_scan', () => {
    for (const row of [starting, connecting, connected, reconnecting, disconnected]) {
      expect(show({ ...row, qr }, live)).not.toMatch(/QR$/)
    }
  })
})

describe('the time of the last update', () => {
  const at = (device: Device, lease: Lease | null, when = now): number =>
    shownStatus({ device, lease }, { wall: when, mono: monoOf(when) }).at

  it('is that of the status', () => {
    for (const row of [starting, connecting, connected, reconnecting, disconnected]) {
      expect(at({ ...row, statusAt: t0 + second, updatedAt: now }, live)).toBe(t0 + second)
    }
  })

  it('is that of the newest QR while one is shown', () => {
    expect(at(waiting, live)).toBe(now - second)
  })

  it('is the end of the lease when the connector went away', () => {
    expect(at(connected, expired)).toBe(now - 5 * second)
    expect(at(connected, null)).toBe(connected.statusAt)
    expect(at({ ...connected, statusAt: now }, expired)).toBe(now)
  })

  it('does not go back when a QR ends without a successor', () => {
    const held = leaseUntil(qr.expiresAt + minute)
    const row = { ...waiting, updatedAt: qr.expiresAt + second }
    const before = at(row, held, qr.expiresAt + qrGraceMs - 1)
    const after = at(row, held, qr.expiresAt + qrGraceMs)
    expect(after).toBeGreaterThanOrEqual(before)
  })
})
