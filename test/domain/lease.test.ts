import { describe, expect, it } from 'vitest'
import {
  connectorSeat,
  deviceLeaseName,
  isLive,
  type Lease,
  StaleLeaseError,
} from '../../src/domain/lease.ts'
import { t0 } from './fixtures.ts'

const lease: Lease = { name: deviceLeaseName('myphone'), owner: 'con_1', epoch: 4, expiresAt: t0 }

describe('a lease', () => {
  it('is good until its end, and not at its end', () => {
    expect(isLive(lease, t0 - 1)).toBe(true)
    expect(isLive(lease, t0)).toBe(false)
    expect(isLive(lease, t0 + 1)).toBe(false)
    expect(isLive(null, t0)).toBe(false)
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
