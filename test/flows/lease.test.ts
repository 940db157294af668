import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { World } from './world.ts'

let world: World
let first: Command
let second: Command
const number = '15550601'
const leaseTtlMs = 10_000
/** The one that waits says that another connector is active. */
const isActive = (connector: Command): boolean =>
  connector.lines.some(({ msg }) => msg === 'connector is active')
beforeAll(async () => {
  world = await World.open()
  await world.startGateway(['api'])
  first = world.run(['connector'])
  await eventually('the first is active', () => isActive(first))
  await world.link('dev', number)
  second = world.run(['connector'])
  await eventually('the second waits', () => second.output.includes('waiting for its lease'))
}, 90_000)
afterAll(() => closePromised(world))

const logins = async (): Promise<number> =>
  Object.values((await world.stats()).loginsByCompanion).reduce((sum, count) => sum + count, 0)

test('a second connector on the same data folder opens no socket', async () => {
  expect(await logins()).toBe(1)
  await world.createPhone('15550602')
  await world.link('dev2', '15550602')
  expect(await logins()).toBe(2)
  const owners = world.query<{ owner: string }>('select distinct owner from leases where owner is not null')
  expect(owners).toHaveLength(1)
  expect(second.output).not.toContain('Starting device session')
})

test('after kill -9 of the first, the second takes over at once, with one new login a device', async () => {
  const at = Date.now()
  first.kill('SIGKILL')
  await eventually('the second is active', () => isActive(second), leaseTtlMs + 2_000)
  await eventually('both logged in again', async () => (await logins()) === 4)
  expect(Date.now() - at).toBeLessThan(leaseTtlMs + 2_000)
  await world.untilStatus('dev', 'connected')
  await world.untilStatus('dev2', 'connected')
  const { body } = await world.api('GET', '/api/devices/dev')
  expect((body['lease'] as unknown as { epoch: number }).epoch).toBeGreaterThan(1)
})

test('a frozen holder loses its lease after its term, and does not fight for the connection when it wakes', async () => {
  const third = world.run(['connector'])
  await eventually('the third waits', () => third.output.includes('waiting for its lease'))
  const before = await logins()
  second.kill('SIGSTOP')
  await eventually('the third is active', () => isActive(third), leaseTtlMs + 4_000)
  await eventually('both logged in again', async () => (await logins()) === before + 2)
  second.kill('SIGCONT')
  await eventually('the second has noticed', () => second.output.includes('lease lost'))
  await world.untilStatus('dev', 'connected')
  await world.untilStatus('dev2', 'connected')
  expect(await logins()).toBe(before + 2)
  const { body } = await world.api('POST', '/api/devices/dev/send', {
    to: '15550602',
    message: 'after the change of hands',
  })
  expect(body['status'] as unknown).toBe('sent')
}, 60_000)
