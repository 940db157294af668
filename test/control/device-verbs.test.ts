import { describe, expect, test } from 'vitest'
import { checkReady } from '../../src/control/check-ready.ts'
import { getDevice } from '../../src/control/get-device.ts'
import { removeDevice } from '../../src/control/remove-device.ts'
import { requestPairingCode } from '../../src/control/request-pairing-code.ts'
import { restartDevice } from '../../src/control/restart-device.ts'
import { startDevice } from '../../src/control/start-device.ts'
import { stopDevice } from '../../src/control/stop-device.ts'
import { storeFailure } from '../../src/control/store-failure.ts'
import { leaseTtlMaxMs } from '../../src/domain/lease.ts'
import { StoreError } from '../../src/store/store.ts'
import { apiOrigin, createWorld, impatient, patient } from './world.ts'

describe('start, stop, restart', () => {
  test('leave an audit entry each, with who asked', async () => {
    const { ctx, store } = await createWorld()
    await startDevice(ctx, { id: 'a' })
    await stopDevice(ctx, { id: 'a' })
    await restartDevice(ctx, { id: 'a' })
    const entries = await store.audit.after(0, 10)
    expect(entries.map(({ action }) => action)).toEqual(['device.start', 'device.stop', 'device.restart'])
    expect(entries.every(({ origin }) => origin.requestId === apiOrigin.requestId)).toBe(true)
  })

  test('keep the account of a linked device', async () => {
    const { ctx, connector } = await createWorld()
    await startDevice(ctx, { id: 'a' })
    const { account } = await connector.link('a')
    await stopDevice(ctx, { id: 'a' })
    await restartDevice(ctx, { id: 'a' })
    expect((await getDevice(ctx, { id: 'a' })).device).toMatchObject({ account, desired: 'running' })
  })

  test('stop and restart refuse a device that is not there', async () => {
    const { ctx } = await createWorld()
    await expect(stopDevice(ctx, { id: 'a' })).rejects.toMatchObject({ code: 'device_not_found' })
    await expect(restartDevice(ctx, { id: 'a' })).rejects.toMatchObject({ code: 'device_not_found' })
  })
})

describe('removeDevice', () => {
  test('waits until the connector has carried it out', async () => {
    const { ctx, connector } = await createWorld(patient)
    await startDevice(ctx, { id: 'a' })
    await connector.takeSeat()
    connector.keepRemoving('a')
    expect(await removeDevice(ctx, { id: 'a' })).toEqual({ done: true })
    await expect(getDevice(ctx, { id: 'a' })).rejects.toMatchObject({ code: 'device_not_found' })
  })

  test('does not wait while no connector holds the seat, and the removal stays on record', async () => {
    const { ctx, store } = await createWorld(patient)
    await startDevice(ctx, { id: 'a' })
    expect(await removeDevice(ctx, { id: 'a' })).toEqual({ done: false })
    expect((await store.devices.unsettled()).map(({ id, desired }) => [id, desired])).toEqual([
      ['a', 'removed'],
    ])
  })

  test('waits no longer than it may', async () => {
    const { ctx, connector } = await createWorld({ ...patient, removeWaitMs: 1 })
    await startDevice(ctx, { id: 'a' })
    await connector.takeSeat()
    expect(await removeDevice(ctx, { id: 'a' })).toEqual({ done: false })
  })

  test('waits no more when the device is started again meanwhile', async () => {
    const { ctx, connector, store } = await createWorld(patient)
    await startDevice(ctx, { id: 'a' })
    await connector.takeSeat()
    const stop = store.onChange(() => {
      stop()
      startDevice(ctx, { id: 'a' }).catch(() => undefined)
    })
    expect(await removeDevice(ctx, { id: 'a' })).toEqual({ done: false })
  })

  test('refuses to remove twice', async () => {
    const { ctx } = await createWorld(impatient)
    await startDevice(ctx, { id: 'a' })
    await removeDevice(ctx, { id: 'a' })
    await expect(removeDevice(ctx, { id: 'a' })).rejects.toMatchObject({ code: 'device_not_found' })
  })
})

describe('requestPairingCode', () => {
  const phone = '+49 151 234567'
  const asked = { phone: '49151234567', requestedAt: 1 }

  test('gives the code that the connector writes', async () => {
    const { ctx, connector } = await createWorld(patient)
    await startDevice(ctx, { id: 'a' })
    const asking = requestPairingCode(ctx, { id: 'a', phone })
    await connector.see('a', { pairingCode: { ...asked, code: 'ABCD1234', error: null } })
    expect(await asking).toEqual({ kind: 'code', phone: '49151234567', code: 'ABCD1234' })
  })

  test.each([
    [
      'the connector says why there is none',
      { ...asked, code: null, error: 'WhatsApp said no' },
      'WhatsApp said no',
    ],
    ['the attempt has ended', null, 'ended'],
    [
      'another number was asked for since',
      { ...asked, phone: '15550001111', code: null, error: null },
      'another number',
    ],
  ])('is refused when %s', async (_, pairingCode, words) => {
    const { ctx, connector } = await createWorld(patient)
    await startDevice(ctx, { id: 'a' })
    const asking = requestPairingCode(ctx, { id: 'a', phone })
    const refused = expect(asking).rejects.toMatchObject({
      code: 'pairing_code_unavailable',
      message: expect.stringContaining(words),
    })
    await connector.see('a', { pairingCode })
    await refused
  })

  test('is pending when nobody answers in time', async () => {
    const { ctx } = await createWorld(impatient)
    await startDevice(ctx, { id: 'a' })
    expect(await requestPairingCode(ctx, { id: 'a', phone })).toEqual({ kind: 'pending' })
  })

  test.each(['', 'hello', '0151 23456789', '123456', '1234567890123456'])(
    'refuses the number %j',
    async (wrong) => {
      const { ctx } = await createWorld()
      await expect(requestPairingCode(ctx, { id: 'a', phone: wrong })).rejects.toMatchObject({
        code: 'invalid_phone',
      })
    },
  )
})

test('readiness tells who holds the seat, and nobody when the lease is over', async () => {
  const { ctx, connector, clock } = await createWorld()
  expect(await checkReady(ctx)).toEqual({ connector: null })
  const seat = await connector.takeSeat()
  expect(await checkReady(ctx)).toEqual({ connector: seat })
  clock.wallMs += 60 * 60 * 1000
  expect(await checkReady(ctx)).toEqual({ connector: seat })
  clock.aheadMs += leaseTtlMaxMs
  expect(await checkReady(ctx)).toEqual({ connector: null })
})

test.each([
  ['busy', 'store_busy'],
  ['closed', 'store_busy'],
  ['full', 'store_full'],
  ['read_only', 'store_read_only'],
  ['io', 'store_io_error'],
  ['failed', undefined],
] as const)('a store that is %s is told as %s', (kind, code) => {
  expect(storeFailure(new StoreError(kind, 'SQLITE_SECRET'))?.code).toBe(code)
  expect(storeFailure(new StoreError(kind, 'SQLITE_SECRET'))?.message ?? '').not.toContain('SECRET')
})
