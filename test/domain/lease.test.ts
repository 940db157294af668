import { describe, expect, it } from 'vitest'
import {
  connectorSeat,
  deviceLeaseName,
  isLive,
  leaseEnd,
  leaseTtlMaxMs,
  type Lease,
  StaleLeaseError,
} from '../../src/domain/lease.ts'
import { t0 } from './fixtures.ts'

const lease: Lease = { name: deviceLeaseName('myphone'), owner: 'con_1', epoch: 4, expiresMono: t0 }
const ago = (ms: number): number => t0 - ms

describe('a lease', () => {
  it('is good until its end, and not at its end', () => {
    expect(isLive(lease, t0 - 1)).toBe(true)
    expect(isLive(lease, t0)).toBe(false)
    expect(isLive(lease, t0 + 1)).toBe(false)
    expect(isLive(null, t0)).toBe(false)
  })

  it('that ends later than any lease can is of a time before the machine started anew', () => {
    expect(isLive(lease, ago(leaseTtlMaxMs))).toBe(true)
    expect(isLive(lease, ago(leaseTtlMaxMs + 1))).toBe(false)
  })

  it('ends at a time of the wall clock as it is set now', () => {
    expect(leaseEnd(lease, { wall: 5_000, mono: ago(3_000.4) })).toBe(8_000)
    expect(leaseEnd(lease, { wall: 5_000, mono: t0 + 1_000 })).toBe(4_000)
  })

  it('of a device can never be the seat of the connector', () => {
    expect(deviceLeaseName(connectorSeat)).not.toBe(connectorSeat)
  })

  it('that is stale says whose it was, and in which epoch', () => {
    const error = new StaleLeaseError(lease)
    expect(error.name).toBe('StaleLeaseError')
    expect(error.message).toBe('lease device/myphone is no longer held by con_1 in epoch 4')
  })
})
