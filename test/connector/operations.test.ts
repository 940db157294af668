import { describe, expect, it, onTestFinished } from 'vitest'
import { startOperations } from '../../src/connector/operations.ts'
import { start } from '../../src/domain/device.ts'
import {
  answersKeptMs,
  type Operation,
  type OperationInput,
  type OperationOutcome,
} from '../../src/domain/operation.ts'
import { noLuck } from '../domain/fixtures.ts'
import { alice, deviceId, enqueue, leaseTtlMs, origin, self } from '../store/conformance/fixtures.ts'
import { createSocket } from './scripted-whatsapp.ts'
import {
  claimLease,
  keepLog,
  openMemory,
  refusal,
  refuse,
  second,
  settled,
  TestClock,
  until,
} from './world.ts'

const list: OperationInput = { kind: 'group_list' }
const create: OperationInput = { kind: 'group_create', subject: 's', participants: ['1@s.whatsapp.net'] }
const leave: OperationInput = { kind: 'group_leave', group: '1@g.us' }
const done: OperationOutcome = { kind: 'done', result: null }

const createWorld = async ({ isHeld = (): boolean => true } = {}) => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const { log, lines } = keepLog()
  const { socket, commands } = createSocket({ listener: {} as never, lease, mayWrite: () => true })
  const lost: string[] = []
  const run = () => {
    const operations = startOperations({
      store,
      deviceId,
      lease,
      isHeld,
      socket,
      clock,
      random: noLuck,
      origin: () => origin,
      onLost: () => lost.push('lost'),
      log,
    })
    onTestFinished(async () => {
      for (const { resolve } of commands) resolve(done)
      await operations.stop()
    })
    return operations
  }
  const ask = async (id: string, input: OperationInput): Promise<void> => {
    await store.operations.enqueue({ id, deviceId, input }, () => undefined, origin, clock.now())
  }
  const get = async (id: string): Promise<Operation | undefined> => store.operations.get(id)
  return { store, clock, lease, lines, lost, commands, run, ask, get }
}

describe('the operations of a device', () => {
  it('has at most 4 in flight, and what they come to is written', async () => {
    const { run, ask, commands, get } = await createWorld()
    for (let at = 0; at < 6; at++) await ask(`op_${at}`, list)
    const operations = run()
    await until(() => commands.length === 4)
    operations.poke()
    await settled()
    expect(commands.length).toBe(4)
    commands[0]?.resolve({ kind: 'done', result: { groups: [] } })
    await until(() => commands.length === 5)
    expect(await get('op_0')).toMatchObject({ state: 'done', result: { groups: [] } })
  })

  it('names a message as WhatsApp does', async () => {
    const { run, ask, commands, store, clock } = await createWorld()
    await enqueue(store, 'OUT1', {}, clock.now())
    await ask('op_1', { kind: 'star', messageId: 'OUT1', starred: true })
    run()
    await until(() => commands.length === 1)
    expect(commands[0]?.asked).toEqual({
      kind: 'star',
      starred: true,
      message: { whatsappId: 'OUT1', chat: alice, sender: self, fromMe: true, at: clock.now() },
    })
  })

  it('a star on a message that is gone has failed without a word to WhatsApp', async () => {
    const { run, ask, commands, get } = await createWorld()
    await ask('op_1', { kind: 'star', messageId: 'gone', starred: true })
    run()
    await until(async () => (await get('op_1'))?.state === 'failed')
    expect(await get('op_1')).toMatchObject({ error: { code: 'message_gone' } })
    expect(commands).toEqual([])
  })

  it('a group whose making may have happened is not made again, in this term or the next', async () => {
    const { run, ask, commands, get, store, clock, lease } = await createWorld()
    await ask('op_1', create)
    const operations = run()
    await until(() => commands.length === 1)
    commands[0]?.resolve({ kind: 'unknown', detail: 'no answer' })
    await until(async () => (await get('op_1'))?.state === 'unknown')
    clock.pass(60 * second)
    operations.poke()
    await settled()
    const next = await store.leases.claim(lease.name, 'c1', leaseTtlMs, clock.monotonic())
    if (next === undefined) throw new Error('no second term')
    expect(await store.operations.recover(next, deviceId, origin, clock.now())).toBe(0)
    expect(commands.length).toBe(1)
  })

  it('whoever is not in a group any more after an attempt that was lost has left it', async () => {
    const { run, ask, commands, get, clock } = await createWorld()
    await ask('op_1', leave)
    const operations = run()
    await until(() => commands.length === 1)
    commands[0]?.resolve({ kind: 'unknown', detail: 'no answer' })
    await until(async () => (await get('op_1'))?.state === 'queued')
    clock.pass(60 * second)
    operations.poke()
    await until(() => commands.length === 2)
    commands[1]?.resolve({ kind: 'refused', code: 'refused_404', detail: 'not there' })
    await until(async () => (await get('op_1'))?.state === 'done')
  })

  it('whoever never was in a group has not left it', async () => {
    const { run, ask, commands, get } = await createWorld()
    await ask('op_1', leave)
    run()
    await until(() => commands.length === 1)
    commands[0]?.resolve({ kind: 'refused', code: 'refused_404', detail: 'not there' })
    await until(async () => (await get('op_1'))?.state === 'failed')
  })

  it('does nothing without the lease', async () => {
    const { run, ask, commands, get } = await createWorld({ isHeld: () => false })
    await ask('op_1', list)
    run().poke()
    await settled()
    expect(commands).toEqual([])
    expect(await get('op_1')).toMatchObject({ state: 'queued' })
  })

  it('writes an outcome later when the store refuses it now', async () => {
    const { run, ask, commands, get, store, lines, lost } = await createWorld()
    await ask('op_1', list)
    run()
    await until(() => commands.length === 1)
    refuse(store.operations, 'record', refusal('busy'))
    commands[0]?.resolve(done)
    await until(() => lines.includes('error outcome was not recorded'))
    await until(async () => (await get('op_1'))?.state === 'done')
    expect(lost).toEqual([])
  })

  it('an outcome that cannot be written when it ends is left to the next term', async () => {
    const { run, ask, commands, get, store, lines, lost } = await createWorld()
    await ask('op_1', create)
    const operations = run()
    await until(() => commands.length === 1)
    refuse(store.operations, 'record', refusal('full'), Number.POSITIVE_INFINITY)
    commands[0]?.resolve(done)
    await until(() => lines.includes('error outcome was not recorded'))
    await operations.stop()
    expect(lost).toEqual(['lost'])
    expect(await get('op_1')).toMatchObject({ state: 'running' })
  })

  it('forgets what was only asked when that is long over', async () => {
    const { run, ask, commands, get, clock, store } = await createWorld()
    await ask('op_1', list)
    const first = run()
    await until(() => commands.length === 1)
    commands[0]?.resolve(done)
    await until(async () => (await get('op_1'))?.state === 'done')
    await first.stop()
    clock.pass(answersKeptMs + second)
    expect(await store.operations.get('op_1')).toBeDefined()
    run()
    await until(async () => (await get('op_1')) === undefined)
  })
})
