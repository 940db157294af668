import { expect, it, onTestFinished } from 'vitest'
import { checkpointEveryMs, startAuditClerk } from '../../src/connector/audit-clerk.ts'
import { start } from '../../src/domain/device.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { nobody, origin } from '../store/conformance/fixtures.ts'
import { claimLease, keepLog, openMemory, TestClock, until } from './world.ts'

it('writes down where the chain stands when it gets the seat, and then once a day, in the log too', async () => {
  const store = await openMemory()
  const clock = new TestClock()
  const write = (id: string) => store.devices.decide(id, (before) => start(before, id, origin, clock.now()))
  await write('a')
  const lease = await claimLease(store, clock.monotonic())
  let seat: Lease | undefined
  let ticks = 0
  const said: unknown[] = []
  const { log, lines } = keepLog()
  const clerk = startAuditClerk({
    audit: {
      checkpoint: async (...input) => {
        const written = await store.audit.checkpoint(...input)
        ticks += 1
        return written
      },
    },
    lease: () => seat,
    clock,
    log: {
      ...log,
      info: (fields, message) => {
        said.push(fields)
        log.info(fields, message)
      },
    },
    pollMs: 5,
  })
  onTestFinished(() => clerk.stop())
  const checkpoints = async (): Promise<number[]> =>
    (await store.audit.checkpoints(0, 99)).map(({ seq }) => seq)

  seat = nobody
  clerk.poke()
  expect(lines).toEqual([])
  seat = lease
  clerk.poke()
  await until(() => lines.length === 1)
  const [first] = await store.audit.checkpoints(0, 99)
  expect(lines).toEqual(['info audit checkpoint'])
  expect(said).toEqual([{ seq: 1, count: 1, hash: first?.hash }])
  await write('b')
  clock.pass(checkpointEveryMs - 1)
  const before = ticks
  await until(() => ticks > before + 2)
  expect(await checkpoints()).toEqual([1])
  clock.pass(1)
  await until(async () => (await checkpoints()).length === 2)
  expect(await checkpoints()).toEqual([1, 2])
  clock.pass(2 * checkpointEveryMs)
  const idle = ticks
  await until(() => ticks > idle + 2)
  expect(await checkpoints()).toEqual([1, 2])
  expect(lines).toHaveLength(2)
})
