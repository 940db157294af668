import { expect, it, onTestFinished } from 'vitest'
import { startRetentionSweeper } from '../../src/connector/retention-sweeper.ts'
import { start } from '../../src/domain/device.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { day, keepAll } from '../domain/fixtures.ts'
import { deviceId, incoming, nobody, origin } from '../store/conformance/fixtures.ts'
import { claimLease, keepLog, openMemory, TestClock, until } from './world.ts'

it('removes what is kept no longer while it has the seat, in as many steps as it takes, and tells of it once', async () => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const receive = (id: string): Promise<unknown> => {
    const promotion = incoming(id, { whatsappId: id })
    return store.inbound.promote(lease, { deviceId, stanzaKey: id, promotion }, origin, clock.now())
  }
  for (let at = 0; at < 120; at++) await receive(`OLD${at}`)
  clock.pass(14 * day + 1)
  await receive('NEW')

  let seat: Lease | undefined
  let asked = 0
  const { log, lines } = keepLog()
  const sweeper = startRetentionSweeper({
    retention: store.retention,
    limits: { ...keepAll, messagesMs: 14 * day },
    clock,
    lease: () => {
      asked += 1
      return seat
    },
    origin: () => origin,
    log,
    everyMs: 5,
  })
  onTestFinished(() => sweeper.stop())
  const all = async (): Promise<string[]> =>
    (await store.messages.list({ deviceId }, { limit: 200 })).items.map(({ id }) => id)
  await until(() => asked > 2)
  expect(await all()).toHaveLength(121)
  seat = nobody
  const stale = asked
  await until(() => asked > stale + 2)
  expect(await all()).toHaveLength(121)
  seat = lease
  await until(async () => (await all()).length === 1)
  expect(await all()).toEqual(['NEW'])
  const swept = async () =>
    (await store.audit.after(0, 1_000)).filter(({ action }) => action === 'retention.sweep')
  await until(async () => (await swept()).length === 1)
  const again = asked
  await until(() => asked > again + 2)
  expect(await swept()).toMatchObject([{ target: { id: 'messages' }, after: { removed: 120 } }])
  expect(lines).toEqual(['info what is kept no longer was removed'])
})
