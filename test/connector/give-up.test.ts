import { expect, it, onTestFinished } from 'vitest'
import { startGiveUp } from '../../src/connector/give-up.ts'
import { start } from '../../src/domain/device.ts'
import { StaleLeaseError, type Lease } from '../../src/domain/lease.ts'
import { retryWaitMaxMs } from '../../src/domain/message.ts'
import { deviceId, incoming, messageOf, nobody, origin } from '../store/conformance/fixtures.ts'
import { claimLease, keepLog, openMemory, TestClock, until } from './world.ts'

it('gives up what was asked for a day ago, while it has the seat', async () => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const promote = (id: string): Promise<unknown> => {
    const promotion = incoming(id, {
      whatsappId: id,
      type: 'undecryptable',
      text: null,
      content: null,
      error: { code: 'awaiting_retry', detail: 'Bad MAC' },
    })
    return store.inbound.promote(lease, { deviceId, stanzaKey: id, promotion }, origin, clock.now())
  }
  await promote('old')
  clock.pass(retryWaitMaxMs)
  await promote('new')
  clock.pass(1)

  let seat: Lease | undefined
  const { log, lines } = keepLog()
  let asked = 0
  const loop = startGiveUp({
    inbound: store.inbound,
    lease: () => {
      asked += 1
      return seat
    },
    clock,
    origin: () => origin,
    log,
    everyMs: 5,
  })
  onTestFinished(() => loop.stop())
  await until(() => asked > 2)
  expect(await messageOf(store, 'old')).toMatchObject({ status: 'delivered' })
  seat = nobody
  const stale = asked
  await until(() => asked > stale + 2)
  expect(await messageOf(store, 'old')).toMatchObject({ status: 'delivered' })
  await expect(
    store.inbound.giveUp(nobody, { before: 0, limit: 1 }, origin, clock.now()),
  ).rejects.toBeInstanceOf(StaleLeaseError)
  seat = lease
  await until(async () => (await messageOf(store, 'old')).status === 'failed')
  expect(await messageOf(store, 'new')).toMatchObject({ status: 'delivered' })
  expect(lines.filter((line) => line.startsWith('error'))).toEqual([])
})
