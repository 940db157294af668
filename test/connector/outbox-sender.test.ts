import { describe, expect, it, onTestFinished } from 'vitest'
import { type OutboxSenderOptions, startOutboxSender } from '../../src/connector/outbox-sender.ts'
import { createPrepare } from '../../src/connector/prepare.ts'
import { ageMaxMs, type AttemptOutcome } from '../../src/domain/outbox.ts'
import { start } from '../../src/domain/device.ts'
import { pacingOf } from '../../src/domain/pacing.ts'
import { plainPlan } from '../../src/domain/plan.ts'
import { noLuck } from '../domain/fixtures.ts'
import {
  alice,
  deviceId,
  enqueue,
  leaseTtlMs,
  messageOf,
  origin,
  outgoing,
  self,
  t0,
} from '../store/conformance/fixtures.ts'
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

const createWorld = async ({
  isHeld = (): boolean => true,
  ownAddress = self.pn ?? '',
  limits = { pacing: null, restrictedUntil: null },
}: {
  isHeld?: () => boolean
  ownAddress?: string
  limits?: ReturnType<OutboxSenderOptions['limits']>
} = {}) => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const { log, lines } = keepLog()
  const scripted = createSocket({ listener: {} as never, lease, mayWrite: () => true }, { obstinate: true })
  const lost: string[] = []
  const upload = () => Promise.reject(new Error('nobody sends files here'))
  const run = () => {
    const sender = startOutboxSender({
      outbox: store.outbox,
      pacing: store.pacing,
      limits: () => limits,
      deviceId,
      lease,
      isHeld,
      socket: scripted.socket,
      prepare: createPrepare({ store, socket: scripted.socket, upload, askFor: upload }),
      ownAddress,
      clock,
      random: noLuck,
      origin: () => origin,
      onLost: () => lost.push('lost'),
      log,
    })
    onTestFinished(async () => {
      for (const { resolve } of scripted.sends) resolve({ kind: 'acked', at: clock.now() })
      await sender.stop()
    })
    return sender
  }
  /** Messages to a chat each, or to one. */
  const accept = async (count: number, { chat }: { chat?: string } = {}): Promise<void> => {
    for (let at = 0; at < count; at++) {
      const pn = chat ?? `4915${String(at).padStart(8, '0')}@s.whatsapp.net`
      await enqueue(store, `m${at}`, { chat: { pn, lid: null }, sender: self }, clock.now())
    }
  }
  const { sends, typings } = scripted
  return { store, clock, lease, lines, lost, sends, typings, run, accept }
}

describe('the outbox sender', () => {
  it('shows that somebody types, and sends when that is over', async () => {
    const { run, sends, typings, store, clock } = await createWorld()
    const message = outgoing('m0')
    const plan = { ...plainPlan, typingMs: 4_000 }
    await store.outbox.enqueue({ message, plan }, () => message, origin, clock.now())
    run()
    await until(() => typings.length === 1)
    await settled()
    expect(typings[0]?.asked).toEqual({ to: alice.pn, recording: false, forMs: 4_000 })
    expect(sends.length).toBe(0)
    typings[0]?.resolve()
    await until(() => sends.length === 1)
  })

  it('sends nothing whose time ran out while it was typed', async () => {
    const { run, sends, typings, store, clock } = await createWorld()
    const message = outgoing('m0')
    const plan = { ...plainPlan, typingMs: 4_000, expiresAt: clock.now() + second }
    await store.outbox.enqueue({ message, plan }, () => message, origin, clock.now())
    run()
    await until(() => typings.length === 1)
    clock.pass(second)
    typings[0]?.resolve()
    await until(async () => (await messageOf(store, 'm0')).status === 'failed')
    expect(await messageOf(store, 'm0')).toMatchObject({ error: { code: 'expired' } })
    expect(sends.length).toBe(0)
  })

  it('holds back new chats while the account is restricted, and goes on when it is not', async () => {
    const limits: { pacing: null; restrictedUntil: number | null } = { pacing: null, restrictedUntil: t0 * 2 }
    const { run, accept, sends, store } = await createWorld({ limits })
    await accept(3)
    const sender = run()
    await until(async () => (await store.schedule.plan('m2'))?.heldFor === 'restricted')
    expect(sends.length).toBe(0)
    limits.restrictedUntil = null
    sender.poke()
    await until(() => sends.length === 3)
  })

  it('keeps to the pacing of the device', async () => {
    const pacing = pacingOf(undefined, { messagesPerMinute: 2 })
    const { run, accept, sends, clock } = await createWorld({ limits: { pacing, restrictedUntil: null } })
    await accept(3)
    const sender = run()
    await until(() => sends.length === 2)
    sender.poke()
    await settled()
    expect(sends.length).toBe(2)
    clock.pass(60 * second)
    sender.poke()
    await until(() => sends.length === 3)
  })

  it('has at most 20 in flight', async () => {
    const { run, accept, sends, clock } = await createWorld()
    await accept(25)
    const sender = run()
    await until(() => sends.length === 20)
    sender.poke()
    await settled()
    expect(sends.length).toBe(20)
    for (const send of sends.slice(0, 3)) send.resolve({ kind: 'acked', at: clock.now() })
    await until(() => sends.length === 23)
  })

  it('has one of a chat in flight, and keeps their order', async () => {
    const { run, accept, sends, clock } = await createWorld()
    await accept(3, { chat: alice.pn ?? '' })
    const sender = run()
    for (let at = 0; at < 3; at++) {
      await until(() => sends.length === at + 1)
      sender.poke()
      await settled()
      expect(sends.map(({ asked }) => asked.whatsappId)).toEqual(['m0', 'm1', 'm2'].slice(0, at + 1))
      sends[at]?.resolve({ kind: 'acked', at: clock.now() })
    }
  })

  it.each<[AttemptOutcome, Record<string, unknown>]>([
    [
      { kind: 'acked', at: t0 + 7 },
      { status: 'sent', sentAt: t0 + 7, error: null },
    ],
    [
      { kind: 'rejected', code: 463 },
      { status: 'failed', error: { code: 'nack_463' } },
    ],
    [
      { kind: 'rejected', code: 503 },
      { status: 'queued', error: { code: 'nack_503' } },
    ],
    [
      { kind: 'impossible', code: 'not_on_whatsapp', detail: 'no' },
      { status: 'failed', error: { code: 'not_on_whatsapp' } },
    ],
    [
      { kind: 'not_sent', detail: 'closed' },
      { status: 'queued', error: { code: 'not_sent' } },
    ],
    [
      { kind: 'unknown', detail: 'no ack' },
      { status: 'queued', error: { code: 'unknown' } },
    ],
  ])('records what came of an attempt: %o', async (outcome, expected) => {
    const { run, accept, sends, store, clock } = await createWorld()
    await accept(1)
    run()
    await until(() => sends.length === 1)
    sends[0]?.resolve(outcome)
    await until(async () => (await messageOf(store, 'm0')).status !== 'sending')
    expect(await messageOf(store, 'm0')).toMatchObject(expected)
    const due = expected['status'] === 'queued' ? clock.now() + second : null
    expect(await store.outbox.nextDue(deviceId)).toBe(due)
  })

  it('tries again under the same id when the time has come, and gives up with age', async () => {
    const { run, accept, sends, store, clock } = await createWorld()
    await accept(1)
    const sender = run()
    await until(() => sends.length === 1)
    sends[0]?.resolve({ kind: 'unknown', detail: 'no ack' })
    await until(async () => (await messageOf(store, 'm0')).status === 'queued')
    sender.poke()
    await settled()
    expect(sends.length).toBe(1)
    clock.pass(ageMaxMs)
    sender.poke()
    await until(() => sends.length === 2)
    expect(sends[1]?.asked).toEqual(sends[0]?.asked)
    sends[1]?.resolve({ kind: 'unknown', detail: 'no ack' })
    await until(async () => (await messageOf(store, 'm0')).error?.code === 'unknown_outcome')
  })

  it('does not wait for the hour that a clock was put back by', async () => {
    const { run, accept, sends, clock } = await createWorld()
    await accept(1)
    clock.wall -= 3_600 * second
    run()
    await until(() => sends.length === 1)
  })

  it('does not send what was accepted for another account', async () => {
    const { run, accept, sends, store } = await createWorld({ ownAddress: '490000000000@s.whatsapp.net' })
    await accept(1)
    run()
    await until(async () => (await messageOf(store, 'm0')).status === 'failed')
    expect((await messageOf(store, 'm0')).error?.code).toBe('other_account')
    expect(sends).toEqual([])
  })

  it('claims nothing after the deadline of its lease', async () => {
    let held = false
    const { run, accept, sends, store } = await createWorld({ isHeld: () => held })
    await accept(1)
    const sender = run()
    sender.poke()
    await settled()
    expect((await messageOf(store, 'm0')).status).toBe('queued')
    held = true
    sender.poke()
    await until(() => sends.length === 1)
  })

  it('does not send what it claimed in the last moment', async () => {
    let asked = 0
    const { run, accept, sends, store } = await createWorld({ isHeld: () => ++asked === 1 })
    await accept(1)
    run()
    await until(async () => (await messageOf(store, 'm0')).error?.code === 'not_sent')
    expect(sends).toEqual([])
  })

  it('stops when what is in flight has ended, and claims nothing more', async () => {
    const { run, accept, sends, store, clock } = await createWorld()
    await accept(2, { chat: alice.pn ?? '' })
    const sender = run()
    await until(() => sends.length === 1)
    let stopped = false
    const stop = sender.stop().finally(() => {
      stopped = true
    })
    await settled()
    expect(stopped).toBe(false)
    sends[0]?.resolve({ kind: 'acked', at: clock.now() })
    await stop
    expect((await messageOf(store, 'm0')).status).toBe('sent')
    expect((await messageOf(store, 'm1')).status).toBe('queued')
    expect(sends.length).toBe(1)
  })

  it('records an outcome later when the store refuses it now, and sends nothing to the chat before', async () => {
    const { run, accept, sends, store, lines, clock, lost } = await createWorld()
    await accept(2, { chat: alice.pn ?? '' })
    run()
    await until(() => sends.length === 1)
    refuse(store.outbox, 'record', refusal('busy'))
    sends[0]?.resolve({ kind: 'acked', at: clock.now() })
    await until(() => lines.includes('error outcome was not recorded'))
    expect(sends.length).toBe(1)
    await until(() => sends.length === 2)
    expect((await messageOf(store, 'm0')).status).toBe('sent')
    expect(lost).toEqual([])
  })

  it('an outcome that cannot be recorded is logged, and the message found again by recover', async () => {
    const { run, accept, sends, store, lines, clock, lost } = await createWorld()
    await accept(1)
    const sender = run()
    await until(() => sends.length === 1)
    refuse(store.outbox, 'record', refusal('full'), Number.POSITIVE_INFINITY)
    sends[0]?.resolve({ kind: 'acked', at: clock.now() })
    await until(() => lines.includes('error outcome was not recorded'))
    await sender.stop()
    expect(lost).toEqual(['lost'])
    expect((await messageOf(store, 'm0')).status).toBe('sending')
    const name = `device/${deviceId}`
    const next = await store.leases.claim(name, 'c1', leaseTtlMs, clock.monotonic())
    if (next === undefined) throw new Error('no second term')
    expect(await store.outbox.recover(next, deviceId, origin, clock.now())).toBe(1)
    expect((await messageOf(store, 'm0')).status).toBe('queued')
  })

  it('a claim that the store refuses is tried again', async () => {
    const { run, accept, sends, store, lines } = await createWorld()
    await accept(1)
    refuse(store.outbox, 'claim', refusal('busy'))
    const sender = run()
    await until(() => lines.includes('error outbox tick failed'))
    sender.poke()
    await until(() => sends.length === 1)
  })
})
